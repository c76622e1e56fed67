// The daemon's own life, kept in the store: did the last run end cleanly, how often has it had to start anew, since when did nobody
// watch? What a start finds out about it is told once, as a notice.
import { type Advance, advanceOwn, notice, type Rulebook, type States, stateKey } from "./core/advance.ts";
import { OWN_ACCOUNT, StoreError } from "./core/ports.ts";
import type { DaemonTrouble } from "./core/situation.ts";
import type { Store } from "./core/store.ts";
import { parseJson } from "./lib/json.ts";

/** What is stored while a daemon runs and after it ended. */
interface Life {
  readonly startedMs: number;
  readonly isClean: boolean;
  /** Starts in a row, each soon after an end that was not clean, and when the first of them was. */
  readonly restarts: number;
  readonly restartsSinceMs: number;
  /** What the last unforeseen error said. */
  readonly crash: string | null;
  /** The last gap that people were told of began here. */
  readonly toldGapFromMs: number | null;
  /** So many restarts in a row people were told of. */
  readonly toldRestarts: number;
}

export interface Beginning {
  /** There was a run before this one: it may have sent a request a moment ago. */
  readonly isRestart: boolean;
  /** The run before this one was cut off: it may have died while it was sending something. */
  readonly isAfterCrash: boolean;
  /** Wait this long before the watch begins: a crash loop must hammer neither the exchange nor people. */
  readonly delayMs: number;
  /** What people should hear of this start. */
  readonly troubles: readonly DaemonTrouble[];
  /** To be called once that is committed: a start that is cut off before leaves it to the next one. */
  told(): void;
}

const FACT = "life";
const ALIVE = "alive";
/** Restarts further apart than this are no loop. */
const LOOP_MS = 300_000;
const LOOP_MIN = 3;
const DELAY_MAX_MS = 30_000;

/** Notes that a run begins. @param staleAfterMs a longer time without a valid answer is told. */
export function beginLife(store: Store, nowMs: number, staleAfterMs: number): Beginning {
  const before = load(store);
  const isUnclean = before !== undefined && !before.isClean;
  const isLoop = isUnclean && Math.abs(nowMs - before.startedMs) < LOOP_MS;
  const restarts = isUnclean ? (isLoop ? before.restarts + 1 : 1) : 0;
  const restartsSinceMs = isLoop && before.restarts > 0 ? before.restartsSinceMs : nowMs;
  const gap = gapBefore(store, nowMs, staleAfterMs, before);
  const toldRestarts = isLoop ? before.toldRestarts : 0;
  const toldGapFromMs = before?.toldGapFromMs ?? null;
  const now = { startedMs: nowMs, isClean: false, restarts, restartsSinceMs, crash: null, toldGapFromMs, toldRestarts };
  save(store, now);
  const isTelling = restarts >= LOOP_MIN && restarts >= 2 * toldRestarts;
  const loop = {
    kind: "restarts",
    count: restarts,
    sinceMs: restartsSinceMs,
    crash: before?.crash ?? undefined,
  } as const;
  return {
    isRestart: before !== undefined,
    isAfterCrash: isUnclean,
    delayMs: restarts < LOOP_MIN ? 0 : Math.min(DELAY_MAX_MS, 1000 * 2 ** (restarts - LOOP_MIN)),
    troubles: [...(isTelling ? [loop] : []), ...(gap === undefined ? [] : [gap])],
    told() {
      const asTold = { toldGapFromMs: gap?.fromMs ?? toldGapFromMs, toldRestarts: isTelling ? restarts : toldRestarts };
      save(store, { ...(load(store) ?? now), ...asTold });
    },
  };
}

/** Notes how the run ends: cleanly, or with an error that nobody foresaw. A disk that takes nothing makes it an unclean end. */
export function endLife(store: Store, crash: string | null, nowMs: number): void {
  noteAlive(store, nowMs);
  const now = load(store);
  if (now !== undefined) save(store, { ...now, isClean: crash === null, crash });
}

/** Notes that the daemon lives: after a crash the gap begins here. */
export function noteAlive(store: Store, nowMs: number): void {
  despiteDisk(() => store.setFact(ALIVE, String(Math.round(nowMs))));
}

const MILD: readonly DaemonTrouble["kind"][] = ["gap", "undelivered", "config-rejected"];

/** Nobody watched from one wall time to the other. */
export function gapNotice(fromMs: number, toMs: number, why: "down" | "asleep", book: Rulebook): Advance {
  return troubleNotice({ kind: "gap", fromMs, toMs, why }, toMs, book);
}

/** Something of margind's own that is told once. */
export function troubleNotice(trouble: DaemonTrouble, nowMs: number, book: Rulebook): Advance {
  const id = { account: OWN_ACCOUNT, subject: "daemon", rule: trouble.kind } as const;
  const severity = MILD.includes(trouble.kind) ? "warning" : "critical";
  return notice(id, severity, { about: "daemon", trouble }, { book, nowMs });
}

/** Opened or resolved: is the configuration on disk the one in force? A refusal after another one is told too. */
export function configVerdict(
  { ledger, book }: { readonly ledger: { readonly states: States }; readonly book: Rulebook },
  problems: readonly string[],
  nowMs: number,
): Advance {
  const id = { account: OWN_ACCOUNT, subject: "daemon", rule: "config-rejected" } as const;
  const isKnown = ledger.states.get(stateKey(id.account, id.subject))?.has(id.rule) === true;
  if (isKnown && problems.length > 0) return troubleNotice({ kind: "config-rejected", problems }, nowMs, book); // other mistakes
  const facts = { about: "daemon", trouble: { kind: "config-rejected", problems } } as const;
  const scene = { states: ledger.states, book, nowMs };
  return advanceOwn(id, problems.length === 0 ? null : "warning", facts, scene);
}

/**
 * Since the last valid answer, or since the last sign of life, nobody watched: a daemon that was blind had said so. Told once, however
 * often the daemon starts meanwhile.
 */
function gapBefore(store: Store, nowMs: number, staleAfterMs: number, before: Life | undefined) {
  const seen = store.snapshots().flatMap(({ okAtMs }) => [okAtMs.cross ?? [], okAtMs.isolated ?? []].flat());
  const aliveMs = Number(despiteDisk(() => store.fact(ALIVE)) ?? Number.NaN);
  const fromMs = Math.max(...seen, Number.isFinite(aliveMs) && aliveMs <= nowMs ? aliveMs : 0);
  if (seen.length === 0 || nowMs - fromMs <= staleAfterMs || before?.toldGapFromMs === fromMs) return undefined;
  return { kind: "gap", fromMs, toMs: nowMs, why: "down" } as const;
}

function load(store: Store): Life | undefined {
  const parsed = parseJson(despiteDisk(() => store.fact(FACT)) ?? "");
  return isLife(parsed) ? parsed : undefined;
}

function save(store: Store, life: Life): void {
  despiteDisk(() => store.setFact(FACT, JSON.stringify(life)));
}

/** Without it the next start only knows less of this one: no reason not to watch, and the ledger tells of the disk. */
function despiteDisk<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

function isLife(value: unknown): value is Life {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map(Object.entries(value));
  const is = (name: string, ...types: readonly string[]) => types.includes(typeof fields.get(name));
  const isNullable = (name: string, type: string) => fields.get(name) === null || is(name, type);
  return (
    is("startedMs", "number") &&
    is("isClean", "boolean") &&
    is("restarts", "number") &&
    is("restartsSinceMs", "number") &&
    isNullable("crash", "string") &&
    isNullable("toldGapFromMs", "number") &&
    is("toldRestarts", "number")
  );
}
