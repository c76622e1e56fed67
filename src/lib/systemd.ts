// Tells systemd that the daemon is up, alive or stopping, through systemd-notify: node has no datagram sockets for AF_UNIX. The
// datagram comes from a child process, so the unit needs NotifyAccess=all. Does nothing outside systemd.
import { execFile } from "node:child_process";
import type { Clock } from "../core/ports.ts";
import type { Log } from "./log.ts";

export interface Systemd {
  ready(status: string): void;
  stopping(): void;
  /** A new configuration is being put in force, or is in force. */
  status(status: string): void;
  /** Feeds the watchdog at a third of its interval while `isAlive`: a process whose event loop hangs, or in which nobody looks at the clocks, feeds nothing. */
  watchdog(clock: Clock, isAlive: () => boolean, signal: AbortSignal): void;
}

const PROGRAM = "systemd-notify";

export function systemd(env: Readonly<Record<string, string | undefined>>, log: Log): Systemd {
  const isUnder = (env["NOTIFY_SOCKET"] ?? "") !== "";
  const say = (...words: string[]) => {
    if (!isUnder) return;
    execFile(PROGRAM, words, { timeout: 5000 }, (error) => {
      if (error !== null) log.warn({ error }, "systemd could not be told (systemd-notify failed)");
    });
  };
  /** A machine that is out of memory or processes now may have some in a moment. */
  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      log.warn({ error }, "systemd could not be told");
    }
  };
  return {
    ready: (status) => say("--ready", `--status=${status}`),
    stopping: () => say("STOPPING=1"),
    status: (status) => say(`--status=${status}`),
    watchdog(clock, isAlive, signal) {
      const intervalMs = Number(env["WATCHDOG_USEC"] ?? 0) / 1000;
      if (!isUnder || !(intervalMs > 0)) return;
      const feed = async () => {
        while (!signal.aborted) {
          if (isAlive()) attempt(() => say("WATCHDOG=1"));
          else log.error({}, "the watch stands still: systemd's watchdog is not fed");
          await clock.sleep(intervalMs / 3, signal);
        }
      };
      feed().catch(() => undefined); // only the abort ends it
    },
  };
}
