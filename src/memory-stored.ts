// What of the memory is on the disk: how it is read at a start, and when it is written again. The one thing to know: it is written a
// little at every look, so that no poll writes the tracks of hundreds of pairs; after a crash at most some minutes are missing.
import { type Baseline, decodeBaseline } from "./core/calm.ts";
import type { Subject } from "./core/ports.ts";
import { StoreError } from "./core/ports.ts";
import type { Rule } from "./core/rules/compile.ts";
import type { Memory } from "./core/store.ts";
import type { Tops } from "./core/tops.ts";
import { decode, type Track } from "./core/track.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";
import { beforeKind, keyOf } from "./memory-baselines.ts";
import { type Remembered, type Stored, TRACK, topsFor, topsKind } from "./memory-subject.ts";

const MINUTE_MS = 60_000;
/** Few pairs are written once a minute, many are all written within so many minutes. */
const WITHIN_MIN = 10;
const FEW = 12;

export interface Restored {
  readonly stored: ReadonlyMap<Subject, Stored>;
  readonly baselines: ReadonlyMap<string, Baseline>;
  /** Kinds that the store holds, by subject. */
  readonly written: ReadonlyMap<Subject, ReadonlySet<string>>;
  /** To be forgotten: of rules and subjects that are not in the config any more, or not readable. */
  readonly dropped: readonly Memory[];
}

type Memories = Pick<Ledger, "memories">;

/** A disk that cannot be read leaves the memory empty: it is filled again by looks. */
export function restore(account: string, rules: readonly Rule[], ledger: Memories, log: Log): Restored {
  const stored = new Map<Subject, { track: Track | undefined; tops: Map<string, Tops> }>();
  const baselines = new Map<string, Baseline>();
  const written = new Map<Subject, Set<string>>();
  const dropped: Memory[] = [];
  let misfits = 0;

  const takeUp = ({ subject, kind, body }: Memory, rule: Rule | undefined): boolean => {
    if (rule === undefined || body === null) return false;
    if (kind === beforeKind(rule.id)) {
      const baseline = decodeBaseline(body);
      if (baseline !== undefined) baselines.set(keyOf(subject, rule.id), baseline);
      return baseline !== undefined;
    }
    const track = kind === TRACK ? decode(body) : undefined;
    const tops = kind === topsKind(rule) ? topsFor(rule, body) : undefined;
    if (track === undefined && tops === undefined) return false;
    const about = stored.get(subject) ?? { track: undefined, tops: new Map<string, Tops>() };
    about.track ??= track;
    if (tops !== undefined) about.tops.set(rule.id, tops);
    stored.set(subject, about);
    written.set(subject, (written.get(subject) ?? new Set<string>()).add(kind));
    return true;
  };

  for (const memory of read(account, ledger, log)) {
    const rule = rules.find((each) => each.coversSubject(memory.subject) && isOf(memory.kind, each));
    if (takeUp(memory, rule)) continue;
    dropped.push({ ...memory, body: null });
    if (rule !== undefined) misfits++;
  }
  if (misfits > 0) log.warn({ account, count: misfits }, "some of what was remembered cannot be read: it is forgotten");
  return { stored, baselines, written, dropped };
}

function read(account: string, ledger: Memories, log: Log): readonly Memory[] {
  try {
    return ledger.memories(account);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ account, error }, "what was remembered cannot be read: it begins anew");
    return [];
  }
}

const isOf = (kind: string, rule: Rule): boolean =>
  kind === TRACK || kind === beforeKind(rule.id) || (rule.ladder.kind === "drop" && kind === topsKind(rule));

/** Tells whose turn it is to be written. */
export interface Turns {
  of(subjects: ReadonlyMap<Subject, Remembered>, nowMs: number): readonly Remembered[];
}

export function createTurns(): Turns {
  let lastMs: number | undefined;
  /** How many pairs may be written by now. */
  let credit = 0;
  /** Pairs that have still to come in this round. */
  let queue: readonly Subject[] = [];
  let place = 0;
  return {
    of(subjects, nowMs) {
      const elapsedMs = Math.min(MINUTE_MS, Math.max(0, nowMs - (lastMs ?? nowMs)));
      lastMs = nowMs;
      const count = subjects.size;
      const aMinute = Math.max(count / WITHIN_MIN, Math.min(count, FEW));
      credit = Math.min(aMinute, credit + (aMinute * elapsedMs) / MINUTE_MS);
      const found: Remembered[] = [];
      const cross = subjects.get("cross");
      if (cross !== undefined && isTime(cross, nowMs)) found.push(cross);
      for (let asked = 0; credit >= 1 && asked < count; asked++) {
        if (place >= queue.length) {
          queue = [...subjects.keys()];
          place = 0;
        }
        const about = subjects.get(queue[place++] ?? "cross");
        if (about === undefined || about === cross || !isTime(about, nowMs)) continue;
        found.push(about);
        credit--;
      }
      return found;
    },
  };
}

/** A stamp of the future is a clock that was set back. */
function isTime({ isChanged, storedAtMs }: Remembered, nowMs: number): boolean {
  return isChanged && (storedAtMs === undefined || nowMs < storedAtMs || nowMs - storedAtMs >= MINUTE_MS);
}

/** All that is stored of it; null where there is nothing any more. */
export function textsOf({ tape, windows }: Remembered, nowMs: number): ReadonlyMap<string, string | null> {
  const text = tape.encode(nowMs);
  const texts = new Map<string, string | null>([[TRACK, tape.size === 0 ? null : text]]); // what is too old is gone now
  for (const { rule, tops } of windows) {
    tops.expire(nowMs);
    texts.set(topsKind(rule), tops.size === 0 ? null : tops.encode());
  }
  return texts;
}
