// The machine's wall clock, set by a person or by NTP while the process runs: every Date of this process moves, the monotonic clock
// and all timers do not. For code that reads real time by itself, as node-cron does; everything else takes a Clock.
import { afterEach } from "vitest";

const RealDate = Date;

export interface Wall {
  /** Sets the clock forward, or back. */
  step(ms: number): void;
  /** Sets the clock to this moment, ms since the epoch; from there it goes on. */
  set(atMs: number): void;
}

/** The true time is back after each test. */
export function useWall(): Wall {
  let offsetMs = 0;
  const now = () => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [now()] : given, made),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
  afterEach(() => {
    offsetMs = 0;
  });
  return {
    step(ms) {
      offsetMs += ms;
    },
    set(atMs) {
      offsetMs = atMs - RealDate.now();
    },
  };
}
