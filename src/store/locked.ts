// The refusal of a second daemon on one state folder.
import type { Holder } from "./lock.ts";

/** Another process watches with this state folder. */
export class LockedError extends Error {
  override readonly name = "LockedError";

  constructor(stateDir: string, holder: Holder | undefined) {
    const who =
      holder === undefined
        ? ""
        : ` (process ${holder.pid} on ${holder.host}, since ${new Date(holder.sinceMs).toISOString()})`;
    super(`another margind${who} is running with ${stateDir}: stop it first, or give this one its own stateDir`);
  }
}
