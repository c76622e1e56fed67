// Flags that flip: trading, borrowing and transfers switched off or on, another account type. The one thing to know: what is kept of a
// flag is what people were last told (or the first sight), so a flip that was not told yet is never lost, and none is told twice.
import { type Advance, notice, type Rulebook } from "./advance.ts";
import type { Observation } from "./observe.ts";
import type { Severity, Subject } from "./ports.ts";
import type { FieldName } from "./rules/fields.ts";
import type { Flag } from "./rules/types.ts";
import type { Flip } from "./situation.ts";
import { allOf } from "./slow.ts";

/** What is watched, each flag with the letter that stands for it in the store. */
const LETTERS = [
  ["tradeEnabled", "t"],
  ["borrowEnabled", "b"],
  ["transferInEnabled", "i"],
  ["transferOutEnabled", "o"],
  ["enabled", "e"],
] as const satisfies readonly (readonly [FieldName, string])[];
const FLAG_FIELDS = [...LETTERS.map(([field]) => field), "accountType"] as const;
type FlagField = (typeof FLAG_FIELDS)[number];

type FlagValues = Readonly<Partial<Record<FlagField, Flag>>>;

export interface SeenFlags {
  /** Subject → its flags as people know them. */
  readonly values: ReadonlyMap<string, FlagValues>;
  /** "subject|field" → when its latest flips were told, oldest first. */
  readonly told: ReadonlyMap<string, readonly number[]>;
}

export const NO_FLAGS: SeenFlags = { values: new Map(), told: new Map() };

export interface FlagScene {
  readonly book: Rulebook;
  readonly nowMs: number;
}

/** Flips of one flag that are told within … */
const TOLD_MAX = 3;
/** … this time; then it is left alone for as long, and what it is after that is told if it is not what was told last. */
const FLAPPING_MS = 3_600_000;

/** What flipped is told once; `seen` is the same object when there is nothing new to keep. */
export function lookAtFlags(
  observations: readonly Observation[],
  before: SeenFlags,
  scene: FlagScene,
): { readonly advance: Advance; readonly seen: SeenFlags } {
  const news = observations.flatMap((observation) => lookAt(observation, before, scene) ?? []);
  if (news.length === 0) return { advance: allOf([]), seen: before }; // the common case
  const values = new Map(before.values);
  const told = new Map(before.told);
  for (const { observation, after, flips } of news) {
    values.set(observation.subject, after);
    for (const { field } of flips) {
      const key = flagKey(observation.subject, field);
      told.set(key, [...recent(told.get(key), scene.nowMs), scene.nowMs]);
    }
  }
  const moves = news.flatMap(({ observation, flips }) => (flips.length > 0 ? [tell(observation, flips, scene)] : []));
  return { advance: allOf(moves), seen: { values, told: stillNeeded(told, scene.nowMs) } };
}

function lookAt(observation: Observation, before: SeenFlags, scene: FlagScene) {
  if (observation.class !== "OK" || isPlaceholder(observation)) return undefined;
  const { subject, values } = observation;
  const known: FlagValues = before.values.get(subject) ?? {};
  let after: FlagValues | undefined;
  const flips: Flip[] = [];
  for (const field of FLAG_FIELDS) {
    const to = values[field];
    const from = known[field];
    if (to === undefined || typeof to === "number" || to === from) continue; // what is missing this time is as it was
    if (from !== undefined && !isLeftToRule(observation, field, from, to, scene.book)) {
      const times = recent(before.told.get(flagKey(subject, field)), scene.nowMs);
      if (times.length >= TOLD_MAX) continue;
      flips.push({ field, from, to, ...(times.length === TOLD_MAX - 1 && { isFlapping: true }) });
    }
    after = { ...(after ?? known), [field]: to };
  }
  return after === undefined ? undefined : { observation, after, flips };
}

/** The row of a pair that was never opened, or is closed, has flags that say nothing. */
const isPlaceholder = ({ source }: Observation): boolean =>
  source === undefined || ("isolatedCreated" in source && source.isolatedCreated === false);

/** A rule of the config opens or ends an alert with this flip: people hear of it there. */
const isLeftToRule = (observation: Observation, field: FlagField, from: Flag, to: Flag, { rules }: Rulebook): boolean =>
  rules.some((rule) => {
    if (rule.field !== field || rule.ladder.kind !== "is" || !rule.covers(observation)) return false;
    return Object.values(rule.ladder.rungs).some((flags) => flags.includes(from) || flags.includes(to));
  });

/** The flips that count towards flapping: the last hour's; or, after the one that was told as flapping, all until its hour is over. */
function recent(times: readonly number[] = [], nowMs: number): readonly number[] {
  const last = times.at(-1);
  const isWithin = (atMs: number) => nowMs - atMs >= 0 && nowMs - atMs < FLAPPING_MS;
  if (times.length >= TOLD_MAX) return last !== undefined && isWithin(last) ? times : [];
  return times.filter(isWithin);
}

function stillNeeded(told: ReadonlyMap<string, readonly number[]>, nowMs: number): SeenFlags["told"] {
  return new Map([...told].filter(([, times]) => recent(times, nowMs).length > 0));
}

function tell({ account, subject, source }: Observation, flips: readonly Flip[], scene: FlagScene): Advance {
  const cross = source !== undefined && "source" in source ? source : undefined;
  const severity: Severity = flips.some(({ to }) => to !== true) ? "warning" : "info";
  return notice({ account, subject, rule: "flag-flip" }, severity, { about: "flags", flips, cross }, scene);
}

const flagKey = (subject: Subject, field: FieldName): string => `${subject}|${field}`;

// ---------------------------------------------------------------- for the store

/** One short text: there may be hundreds of pairs. A capital letter is on, a small one off. {"flags":{"isolated BTCUSDT":"TE"},…} */
export function encodeFlags({ values, told }: SeenFlags): string {
  const flags: Record<string, string> = {};
  const types: Record<string, string> = {};
  for (const [subject, known] of values) {
    flags[subject] = LETTERS.map(([field, letter]) => letterOf(letter, known[field])).join("");
    if (typeof known.accountType === "string") types[subject] = known.accountType;
  }
  return JSON.stringify({ flags, types, told: Object.fromEntries(told) });
}

const letterOf = (letter: string, value: Flag | undefined): string =>
  value === undefined ? "" : value === true ? letter.toUpperCase() : letter;

/** What an earlier run kept; what cannot be read is as never seen. */
export function decodeFlags(text: string | undefined): SeenFlags {
  const { flags, types, told } = parse(text);
  const values = new Map<string, FlagValues>();
  for (const [subject, letters] of Object.entries(recordIn(flags))) {
    if (typeof letters === "string") values.set(subject, valuesOf(letters));
  }
  for (const [subject, type] of Object.entries(recordIn(types))) {
    if (typeof type === "string") values.set(subject, { ...values.get(subject), accountType: type });
  }
  const times = Object.entries(recordIn(told)).map(
    ([key, list]) => [key, Array.isArray(list) ? list.filter((atMs) => typeof atMs === "number") : []] as const,
  );
  return { values, told: new Map(times) };
}

function valuesOf(letters: string): FlagValues {
  const values: Partial<Record<FlagField, Flag>> = {};
  for (const [field, letter] of LETTERS) {
    if (letters.includes(letter.toUpperCase())) values[field] = true;
    else if (letters.includes(letter)) values[field] = false;
  }
  return values;
}

function parse(text: string | undefined): { flags?: unknown; types?: unknown; told?: unknown } {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return recordIn(value);
  } catch {
    return {}; // not what we wrote: the flags that are seen next are the first sight
  }
}

function recordIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
