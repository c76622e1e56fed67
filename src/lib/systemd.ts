// Tells systemd that the daemon is up, alive or stopping, through systemd-notify: node has no datagram sockets for AF_UNIX. The
// datagram comes from a child process, so the unit needs NotifyAccess=all. Does nothing outside systemd.
import { execFile } from "node:child_process";
import type { Clock } from "../core/ports.ts";
import type { Log } from "./log.ts";

export interface Systemd {
  ready(status: string): void;
  stopping(): void;
  /** Feeds the watchdog at half its interval: a process whose event loop hangs feeds nothing. */
  watchdog(clock: Clock, signal: AbortSignal): void;
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
  return {
    ready: (status) => say("--ready", `--status=${status}`),
    stopping: () => say("STOPPING=1"),
    watchdog(clock, signal) {
      const intervalMs = Number(env["WATCHDOG_USEC"] ?? 0) / 1000;
      if (!isUnder || !(intervalMs > 0)) return;
      const feed = async () => {
        while (!signal.aborted) {
          say("WATCHDOG=1");
          await clock.sleep(intervalMs / 2, signal);
        }
      };
      feed().catch(() => undefined); // only the abort ends it
    },
  };
}
