// What became of something that the exchange offers to be read: taken away, a field of it missing, not readable for long. Pure.
// The one thing to know: that a read failed, or that an answer could not be judged, never ends a trouble.
import type { Context } from "./observe.ts";
import { dependsOnDebt, owes } from "./observe.ts";
import type { CrossAnswer, Failure, IsolatedAnswer, PairAnswer, Severity, Source } from "./ports.ts";
import type { FieldName } from "./rules/fields.ts";
import type { SourceTrouble } from "./situation.ts";

/** Names of sources, as the subject of an alert has them. */
export const ACCOUNT_SOURCES = { cross: "cross account", isolated: "isolated pairs" } as const satisfies Record<
  Source,
  string
>;

/** -1016 "service gone", -1020 "not supported". Source: Binance's list of error codes. */
const GONE: ReadonlySet<number | undefined> = new Set([-1016, -1020]);
/** A failure that lasts longer than this is told; of the account itself the watch is blind long before. */
export const UNREAD_MS = 3_600_000;
/** Answers in a row without a field: one may be a hiccup. */
const ABSENT_MAX = 3;

export interface SourceState {
  /** The exchange took it away, and has not answered since. */
  readonly gone: Failure | undefined;
  readonly failing: { readonly sinceMonoMs: number; readonly sinceMs: number; readonly failure: Failure } | undefined;
  /** Field → answers in a row without it. */
  readonly absent: ReadonlyMap<string, number>;
  /** Fields that answers have had. */
  readonly had: ReadonlySet<string>;
}

export const NEW_SOURCE: SourceState = { gone: undefined, failing: undefined, absent: new Map(), had: new Set() };

export const isAccountSource = (name: string): boolean =>
  name === ACCOUNT_SOURCES.cross || name === ACCOUNT_SOURCES.isolated;

export const isGoneFailure = ({ exchangeCode }: Failure): boolean => GONE.has(exchangeCode);

export function afterFailure(
  state: SourceState,
  failure: Failure,
  now: { readonly monoMs: number; readonly wallMs: number },
): SourceState {
  const { sinceMonoMs = now.monoMs, sinceMs = now.wallMs } = state.failing ?? {};
  const failing = { sinceMonoMs, sinceMs, failure };
  return { ...state, failing, gone: isGoneFailure(failure) ? failure : state.gone };
}

export const afterSuccess = (state: SourceState): SourceState => ({ ...state, gone: undefined, failing: undefined });

/** What is wrong with a source now; undefined when nothing is known to be. The worst first. */
export function troubleOf(name: string, state: SourceState, monoMs: number): SourceTrouble | undefined {
  const { gone, failing, absent } = state;
  if (gone !== undefined) return { kind: "gone", detail: gone.detail };
  const fields = [...absent].filter(([, count]) => count >= ABSENT_MAX).map(([field]) => field);
  if (fields.length > 0) return { kind: "field", field: fields.sort().join(", ") };
  if (failing === undefined || isAccountSource(name) || monoMs - failing.sinceMonoMs <= UNREAD_MS) return undefined;
  return { kind: "unread", sinceMs: failing.sinceMs, failure: failing.failure };
}

/** Without its own levels an account is watched by nobody. */
export const severityOf = (name: string, { kind }: SourceTrouble): Severity =>
  kind === "renamed" ? "info" : kind === "gone" && isAccountSource(name) ? "critical" : "warning";

// ---------------------------------------------------------------- fields

/** What an answer has of the fields that rules use. */
export interface FieldLook {
  readonly present: readonly string[];
  /** Not there at all; malformed is another matter. `isNeeded`: without it the answer cannot be used. */
  readonly absent: readonly { readonly field: string; readonly isNeeded: boolean }[];
  readonly malformed: readonly string[];
}

export function afterFields(state: SourceState, look: FieldLook): SourceState {
  const absent = new Map(state.absent);
  for (const field of look.present) absent.delete(field);
  for (const { field, isNeeded } of look.absent) {
    if (isNeeded || state.had.has(field) || absent.has(field)) absent.set(field, (absent.get(field) ?? 0) + 1);
  }
  const isAllKnown = look.present.every((field) => state.had.has(field));
  return { ...state, absent, had: isAllKnown ? state.had : new Set([...state.had, ...look.present]) };
}

/**
 * Every field that rules use is there: one that nobody needs of this answer may be the very one that was missed before a restart. An
 * answer that tells nothing of fields (`look` undefined) ends only what was seen since the start, and no field was missed since then.
 */
export const isWhole = ({ absent }: SourceState, look: FieldLook | undefined, wasGone: boolean): boolean =>
  absent.size === 0 && (look === undefined ? wasGone : look.absent.length + look.malformed.length === 0);

/** The fields of an answer that a rule's field is made of, by their names in the exchange's answer. */
const PARTS: Readonly<Record<Source, Readonly<Partial<Record<FieldName, readonly string[]>>>>> = {
  cross: { marginLevelStatus: ["marginLevel"], liquidationDistancePct: ["marginLevel"] },
  isolated: { liquidationDistancePct: ["indexPrice", "liquidatePrice"] },
};

/** Undefined where an answer tells nothing of its fields: an account or pairs that were never opened. */
export function fieldsIn(answer: CrossAnswer | IsolatedAnswer, used: Context["used"]): FieldLook | undefined {
  if (answer.source === "cross") return answer.opened ? lookAt([answer], "cross", used.cross) : undefined;
  const rows = answer.pairs.filter((pair) => pair.isolatedCreated !== false);
  return rows.length === 0 ? undefined : lookAt(rows, "isolated", used.isolated);
}

function lookAt(rows: readonly (CrossAnswer | PairAnswer)[], source: Source, used: ReadonlySet<FieldName>): FieldLook {
  const present = new Set<string>();
  const absent = new Map<string, boolean>();
  const malformed = new Set<string>();
  const wanted = [...used].flatMap((field) => (PARTS[source][field] ?? [field]).map((part) => [field, part] as const));
  for (const [field, part] of wanted) {
    if (rows.some((row) => valueIn(row, part) !== undefined)) present.add(part);
    else if (rows.some((row) => saysOf(row, part))) malformed.add(part);
    else absent.set(part, (absent.get(part) ?? false) || rows.some((row) => !dependsOnDebt(field) || isIndebted(row)));
  }
  const [row] = rows;
  if (source === "cross" && row !== undefined) {
    if (valueIn(row, "assets") !== undefined) present.add("userAssets");
    else if (row.problems.includes("userAssets is missing")) absent.set("userAssets", true);
    else malformed.add("userAssets");
  }
  return {
    present: [...present],
    absent: [...absent].map(([field, isNeeded]) => ({ field, isNeeded })),
    malformed: [...malformed],
  };
}

const valueIn = (row: object, name: string): unknown => Reflect.get(row, name);

const saysOf = ({ problems }: CrossAnswer | PairAnswer, field: string): boolean =>
  problems.some((problem) => problem.startsWith(`${field} is `));

/** Where nobody can say, it counts as in debt. */
function isIndebted(row: CrossAnswer | PairAnswer): boolean {
  if ("symbol" in row) return row.base === undefined || row.quote === undefined || owes(row.base) || owes(row.quote);
  return row.assets?.some(owes) ?? true;
}

/** Fields that are read under an older name, by that name. */
export function renamesIn(answer: CrossAnswer | IsolatedAnswer): ReadonlyMap<string, readonly string[]> {
  const renames = new Map<string, string[]>();
  for (const { field, oldName } of (answer.source === "cross" ? answer.renamed : undefined) ?? []) {
    renames.set(oldName, [...(renames.get(oldName) ?? []), field]);
  }
  return renames;
}
