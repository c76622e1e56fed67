// Rules on rows of the history: `on: flow` and `on: transfer`. A row is told once and never resolves, so such a rule has no field, no
// ladder and no times; it says which rows it means and how bad each of them is.
import { z } from "zod";
import { FLOW_TYPES, flowDirection } from "../core/flow-types.ts";
import { SEVERITIES } from "../core/ports.ts";
import type { EventRule, RuleSubject } from "../core/rules/types.ts";
import { number } from "../lib/zod.ts";
import { didYouMean } from "./nearest.ts";
import { TRANSFER_ENDS } from "./readings.ts";
import type { Report } from "./report.ts";
import type { Draft, Rule } from "./schema.ts";
import { asset, oneOrMore } from "./shapes.ts";
import { entryPath, type Path, type Source } from "./source.ts";

export type RuleDraft = NonNullable<Draft["rules"]>[string];

export const RULE_SUBJECTS = ["cross", "isolated"] as const satisfies readonly RuleSubject[];
export const EVENT_SUBJECTS = ["flow", "transfer"] as const satisfies readonly EventRule["on"][];

/** Source: https://developers.binance.com/docs/margin_trading/transfer */
const TRANSFER_TYPES: readonly string[] = ["ROLL_IN", "ROLL_OUT"];

/** What a rule on rows has, and no other. */
export const eventKeys = {
  type: oneOrMore(z.string())
    .describe(
      "Types of rows, such as BORROW or *_LIQUIDATION (on: flow), ROLL_OUT (on: transfer). Left out: every type.",
    )
    .optional(),
  asset: oneOrMore(asset).describe("Assets of rows. Left out: every asset.").optional(),
  direction: z
    .enum(["in", "out"])
    .describe("Only rows into the account, or only rows out of it. Left out: both.")
    .optional(),
  amountAbove: number()
    .refine((amount) => amount >= 0, "must be at least 0")
    .describe("Only rows of more than this, in units of the asset.")
    .optional(),
  allow: z
    .array(z.enum(TRANSFER_ENDS))
    .describe("Other ends of transfers that this rule passes over. Only on: transfer.")
    .optional(),
  severity: z.enum(SEVERITIES).describe("How bad each row is. Of rules on: flow or transfer.").optional(),
};

const OWN_KEYS = [
  "type",
  "asset",
  "direction",
  "amountAbove",
  "allow",
  "severity",
] as const satisfies readonly (keyof typeof eventKeys)[];
const LEVEL_KEYS = [
  "field",
  ...["below", "above", "is", "dropsBy", "within", "onlyBelow", "target"],
  ...["hysteresisPct", "for", "clearAfter"],
];

// ---------------------------------------------------------------- which kind

export const isEventSubject = (on: unknown): on is EventRule["on"] => EVENT_SUBJECTS.some((each) => each === on);

/** Where `on` itself is wrong or missing, the other keys tell what was meant. */
export function isEventDraft({ on }: RuleDraft, path: Path, source: Source): boolean {
  if (on !== undefined) return isEventSubject(on);
  const has = (key: string) => source.has([...path, key]);
  return OWN_KEYS.some(has) && !LEVEL_KEYS.some(has);
}

// ---------------------------------------------------------------- checks

const NO_LEVEL = "belongs to rules on: cross or isolated; a row of the history is told once and never resolves";
const NO_ROW = "belongs to rules on: flow or transfer, which are about rows of the history";
const NO_SEVERITY =
  "belongs to rules on: flow or transfer; here the rungs of below, above, is or dropsBy say how bad it is";

export function checkEventRule(rule: RuleDraft, path: Path, source: Source, report: Report): void {
  for (const key of LEVEL_KEYS) {
    if (!source.has([...path, key])) continue;
    report.add([...path, key], NO_LEVEL, { part: "key" });
  }
  if (!source.has([...path, "severity"])) {
    report.add([...path, "severity"], `missing, expected one of ${SEVERITIES.join(", ")}`);
  }
  if (rule.on === "flow" && source.has([...path, "allow"])) {
    report.add([...path, "allow"], "only transfers have another end, and this rule is on: flow", { part: "key" });
  }
  if (isEventSubject(rule.on)) checkTypes({ on: rule.on, rule, path, source, report });
}

/** What only rules on rows have, on a rule of the other kind. */
export function checkNoEventKeys(path: Path, source: Source, report: Report): void {
  for (const key of OWN_KEYS) {
    if (!source.has([...path, key])) continue;
    report.add([...path, key], key === "severity" ? NO_SEVERITY : NO_ROW, { part: "key" });
  }
}

const typesOf = (on: EventRule["on"]): readonly string[] => (on === "flow" ? FLOW_TYPES : TRANSFER_TYPES);

function checkTypes({ on, rule, path, source, report }: TypesCheck): void {
  for (const [index, type] of (rule.type ?? []).entries()) {
    const typePath = entryPath(source, [...path, "type"], index);
    const meant = typesMeant(on, type);
    if (meant.length === 0) report.add(typePath, unknownType(on, type, source.isInterpolated(typePath)));
    const contrary = rule.direction !== undefined && meant.every((each) => directionOf(on, each) !== rule.direction);
    if (meant.length > 0 && contrary) report.warn(typePath, neverThisWay(meant.map((each) => directionOf(on, each))));
  }
}

interface TypesCheck {
  readonly on: EventRule["on"];
  readonly rule: RuleDraft;
  readonly path: Path;
  readonly source: Source;
  readonly report: Report;
}

function unknownType(on: EventRule["on"], type: string, isHidden: boolean): string {
  const guess = isHidden ? "" : didYouMean(type, [...typesOf(on), ...(on === "flow" ? [ENDING] : [])]);
  if (guess !== "") return `unknown type${guess}`;
  return `expected one of ${typesOf(on).join(", ")}${on === "flow" ? `, or the end of some such as ${ENDING}` : ""}`;
}

const ENDING = "*_LIQUIDATION";

/** The types that a word of the file stands for: itself, or, of flows, all that end like it. */
function typesMeant(on: EventRule["on"], type: string): readonly string[] {
  const isEnding = on === "flow" && type.length > 1 && type.startsWith("*");
  return typesOf(on).filter((each) => (isEnding ? each.endsWith(type.slice(1)) : each === type));
}

const directionOf = (on: EventRule["on"], type: string): EventRule["direction"] =>
  on === "flow" ? flowDirection(type) : type === "ROLL_IN" ? "in" : "out";

function neverThisWay(ways: readonly EventRule["direction"][]): string {
  const [way] = ways;
  const isSure = way !== undefined && ways.every((each) => each === way);
  return isSure
    ? `goes ${way} always, so this never holds with the direction of this rule`
    : "the exchange does not say whether it goes in or out, so this never holds with a direction";
}

// ---------------------------------------------------------------- the rule as the program uses it

export function eventRule(id: string, rule: Rule): EventRule | undefined {
  const { on } = rule;
  if (!isEventSubject(on)) return undefined;
  if (rule.severity === undefined) throw new TypeError("a rule on rows without a severity has passed the checks");
  return {
    id,
    on,
    types: rule.type === undefined ? "all" : [...new Set(rule.type.flatMap((type) => typesMeant(on, type)))],
    assets: rule.asset ?? "all",
    symbols: rule.symbols ?? "all",
    direction: rule.direction,
    amountAbove: rule.amountAbove,
    allow: rule.allow ?? [],
    severity: rule.severity,
  };
}
