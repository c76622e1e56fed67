// Margin calls that the account's own answers speak against: a stream that repeats itself or lies must not page people again and again. The
// one thing to know: a doubted call is only held back until an answer that came after it has judged it; where none comes, it is told.
import type { Scene } from "./core/advance.ts";
import { type Ended, endedFact, endedIn, endedName, isDoubted, worseOf } from "./core/margin-call.ts";
import type { Clock } from "./core/ports.ts";
import type { PushedCall } from "./core/situation.ts";
import type { Fact } from "./core/store.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";

export interface DoubtParts {
  readonly account: string;
  readonly ledger: Pick<Ledger, "health">;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined also where it cannot be read. */
  fact(name: string): string | undefined;
}

export interface Judgement {
  /** To be told now. */
  readonly call: PushedCall | undefined;
  readonly facts: readonly Fact[];
}

export interface Doubt {
  /** A call that came, or none: then only what is held back is judged. `isLast`: what is not judged by now is told. */
  weigh(call: PushedCall | undefined, scene: Scene, isLast: boolean): Judgement;
  /** Something is held back: weigh again soon. */
  isHolding(): boolean;
}

/** What is remembered of calls that never end is written anew no more often. */
const REMEMBER_MS = 300_000;
const NOTHING: Judgement = { call: undefined, facts: [] };

export function createDoubt({ account, ledger, clock, log, fact }: DoubtParts): Doubt {
  const name = endedName(account);
  let held: { readonly call: PushedCall; readonly sinceMs: number } | undefined;
  let value = fact(name);
  /** Since when nobody was called any more, and when that was written; monotonic. */
  let quietMs = sinceStep(endedIn(value), clock);
  let writtenMs = Number.NEGATIVE_INFINITY;

  /** How long ago the account's answers ended a call, or spoke against one more. */
  function quietForMs(): number | undefined {
    const now = fact(name);
    if (now !== undefined && now !== value) {
      value = now; // written since then, by this process
      quietMs = writtenMs = Math.min(endedIn(now)?.monoMs ?? Number.NEGATIVE_INFINITY, clock.monoMs());
    }
    return quietMs === undefined ? undefined : clock.monoMs() - quietMs;
  }

  /** A doubted call waits for an answer that came after it. */
  function judge(isLast: boolean, { call, sinceMs }: NonNullable<typeof held>): Judgement {
    const { okMonoMs = Number.NEGATIVE_INFINITY } = ledger.health(account, "cross") ?? {};
    if (okMonoMs <= sinceMs) return isLast ? { call, facts: [] } : NOTHING;
    held = undefined;
    return { call: undefined, facts: remembered(sinceMs) };
  }

  /** While calls keep coming, the half hour begins anew with each. */
  function remembered(sinceMs: number): readonly Fact[] {
    quietMs = Math.max(quietMs ?? sinceMs, sinceMs);
    log.info({ account }, "a margin call was pushed again, and the account's own answer speaks against it");
    if (sinceMs - writtenMs < REMEMBER_MS) return [];
    writtenMs = sinceMs;
    const written = endedFact(account, { wallMs: clock.wallMs(), monoMs: sinceMs });
    value = written.value;
    return [written];
  }

  /** Nothing that was read tells how the account is now: one read that fails is everyday life. */
  function isBlind({ book }: Scene): boolean {
    const health = ledger.health(account, "cross");
    return health?.hasSeen !== true || clock.monoMs() - health.okMonoMs > book.maxGapMs;
  }

  return {
    weigh(call, scene, isLast) {
      if (call !== undefined)
        held = { call: held === undefined ? call : worseOf(held.call, call), sinceMs: held?.sinceMs ?? clock.monoMs() };
      if (held === undefined) return NOTHING;
      const isSure = isBlind(scene) || !isDoubted(account, held.call, scene, quietForMs());
      if (!isSure) return judge(isLast, held);
      const told = held.call;
      held = undefined;
      return { call: told, facts: [] };
    },
    isHolding: () => held !== undefined,
  };
}

/** By the wall clock, all that a new process has; set back, it makes the time since then short, and never the doubt longer. */
function sinceStep(ended: Ended | undefined, clock: Clock): number | undefined {
  return ended === undefined ? undefined : clock.monoMs() - Math.max(0, clock.wallMs() - ended.wallMs);
}
