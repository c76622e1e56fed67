// The simulated exchange lives on two clocks: prices and scripts run on simulated time, which may be faster than real time and of
// another year; timestamps, windows and listen keys are the server's. This is the one place where the two meet:
// - What happened is stamped with the SERVER's time at which a request or advance() reached it, so that a client that asks for
//   "since my last look" gets it. What lies before the simulated start is stamped with the server's time of the start.
// - What is announced lies as far ahead of the server's clock as it lies ahead in simulated time: "in 7 days" is 7 simulated
//   days, so with a fast clock the announced time comes nearer with every look. Who knows the simulated clock may have them dated by it.
// A program whose server clock IS its simulated clock sees no difference at all.

export interface Times {
  serverNowMs(): number;
  /** For a row: when it happened. */
  stampMs(simMs: number): number;
  /** For an announcement: when it will be. */
  announceMs(simMs: number): number;
}

export interface Clocks {
  simNowMs(): number;
  serverNowMs(): number;
  /** The clock that announcements are dated by: the server's unless given. */
  announceNowMs?(): number;
}

/** Starts now. Whole milliseconds, as the exchange writes them. */
export function createTimes({ simNowMs, serverNowMs, announceNowMs = serverNowMs }: Clocks): Times {
  const nowMs = () => Math.floor(serverNowMs());
  const start = { simMs: simNowMs(), serverMs: nowMs() };
  return {
    serverNowMs: nowMs,
    stampMs: (simMs) => (simMs <= start.simMs ? start.serverMs : nowMs()),
    announceMs: (simMs) => Math.floor(announceNowMs() + (simMs - simNowMs())),
  };
}
