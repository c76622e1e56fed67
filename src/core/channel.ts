// When a channel is in trouble: nobody hears of it there, so the others are told, and the heartbeat stops.

/** An undelivered message older than this is stuck. */
export const STUCK_MS = 120_000;

export interface ChannelTrouble {
  readonly notifier: string;
  /** The channel refuses until somebody mends it (token, channel, password); else messages are just not getting through. */
  readonly isRefused: boolean;
  /** What the last attempt said, a sentence; null when there was no outcome yet. */
  readonly reason: string | null;
  /** None of its recipients works. */
  readonly isWhole: boolean;
  readonly waiting: number;
  /** Since when the oldest waits, wall ms; null when nothing waits. */
  readonly oldestAtMs: number | null;
}
