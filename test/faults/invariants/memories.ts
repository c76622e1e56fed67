// What is remembered of levels over time: bounded, written while it is looked at, and forgotten with the alert that it belongs to. The
// one thing to know: an alert is never worse off for it, which is what the other invariants see.
import { decode } from "../../../src/core/track.ts";
import { decodeState } from "../../../src/store/decode.ts";
import type { Happening, Seen } from "../history.ts";
import { DAY, MINUTE, SECOND } from "../time.ts";
import { isFiring, minutes, type Oracle, type OracleParts } from "./scene.ts";

/** From an answer to its commit, and what is written once a minute only. */
const WRITTEN_MS = 90 * SECOND + MINUTE;
/** A track of 30 days and one of a week as text, the tops of one window, a book before an alert. */
const MOST = { long: 100_000, short: 30_000, tops: 12_000, before: 2_000 };

export function memories({ time, disk, scene, violate }: OracleParts): Oracle {
  /** When the track of a cross account was last written. */
  const writtenMs = new Map<string, number>();
  /** The last valid look at a cross account with debt. */
  const lookedMs = new Map<string, { readonly atMs: number; readonly watch: number }>();

  /** Since then the disk took everything, and the clocks were left alone. */
  const isUndisturbed = (sinceMs: number) =>
    Math.max(scene.diskFailedMs, scene.memoriesFailedMs, scene.disturbedMs) < sinceMs;

  /** What was seen before was written by now. */
  function onLook(account: string, seen: Seen, watch: number): void {
    if (seen.subject !== "cross" || !seen.isValid) return;
    const last = lookedMs.get(account);
    lookedMs.delete(account);
    if (seen.isPresent && seen.hasDebt) lookedMs.set(account, { atMs: time.nowMs(), watch });
    if (last === undefined || last.watch !== watch || time.nowMs() - last.atMs < WRITTEN_MS) return;
    const sinceMs = last.atMs - (writtenMs.get(account) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs > WRITTEN_MS && isUndisturbed(last.atMs - DAY))
      violate("memories", `${account} was seen, and what is remembered of it is ${minutes(sinceMs)} older`);
  }

  function onStored({ change }: Happening & { readonly kind: "commit" }): void {
    for (const { account, subject, kind } of change.memories ?? [])
      if (subject === "cross" && kind === "track") writtenMs.set(account, time.nowMs());
  }

  function expectBounded(): void {
    const names = new Set(scene.config?.rules.map(({ id }) => id));
    for (const { account, subject, kind, body } of disk.content.memories.values()) {
      const [what = "", rule = ""] = kind.split(" ");
      const most =
        what === "track" ? (subject === "cross" ? MOST.long : MOST.short) : what === "tops" ? MOST.tops : MOST.before;
      const size = body?.length ?? 0;
      if (size === 0 || size > most)
        violate("memories", `${kind} of ${account} ${subject} takes ${size} characters, and ${most} are enough`);
      if (what !== "before" || !names.has(rule) || !isUndisturbed(time.nowMs() - DAY)) continue;
      const text = disk.content.alerts.get(`${account}|${subject}|${rule}`);
      if (text === undefined || !isFiring(decodeState(text)))
        violate("memories", `${account} ${subject} ${rule} is over, and how it stood before is still remembered`);
    }
  }

  return {
    see(happening) {
      if (happening.kind === "commit" && happening.isStored) return onStored(happening);
      if (happening.kind !== "reply" || happening.reply.kind !== "answer") return;
      for (const seen of happening.reply.seen) onLook(happening.account, seen, happening.watch);
    },
    look: expectBounded,
    end() {
      for (const { account, subject, kind, body } of disk.content.memories.values())
        if (kind === "track" && (body === null || decode(body) === undefined))
          violate("memories", `the track of ${account} ${subject} cannot be read`);
    },
  };
}
