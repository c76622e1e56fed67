// The shape of one rule: its keys, and how thresholds, shares and flags are written. What they must be to each other is in ladder.ts,
// speed.ts and target.ts. The texts must not repeat the value that they refuse: it may come from the environment.
import { z } from "zod";
import type { BarName } from "../core/ports.ts";
import { FIELDS } from "../core/rules/fields.ts";
import type { Ladder, Threshold } from "../core/rules/types.ts";
import { duration, number } from "../lib/zod.ts";
import { EVENT_SUBJECTS, eventKeys, RULE_SUBJECTS } from "./events.ts";
import { oneOrMore, symbolList } from "./shapes.ts";

const BARS = ["normalBar", "marginCallBar", "forceLiquidationBar"] as const satisfies readonly BarName[];
const THRESHOLD_SHAPE = /^(?<bar>[A-Za-z]+)(?:\s*\+\s*(?<plusPct>\d+(?:\.\d+)?)\s*%)?$/;
const THRESHOLD_EXPECTED = `expected a number, a bar (${BARS.join(", ")}) or a bar and a share of it such as marginCallBar + 5%`;

const threshold = z.union([z.number(), z.string()], THRESHOLD_EXPECTED).transform((text, context): Threshold => {
  const found = readThreshold(text);
  if (found !== undefined) return found;
  context.issues.push({ code: "custom", input: text, message: THRESHOLD_EXPECTED });
  return z.NEVER;
});

function readThreshold(text: number | string): Threshold | undefined {
  if (typeof text === "number") return { kind: "number", value: text };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { kind: "number", value: Number(text) };
  const parts = THRESHOLD_SHAPE.exec(text.trim())?.groups;
  const bar = BARS.find((each) => each === parts?.["bar"]);
  return bar === undefined ? undefined : { kind: "bar", bar, plusPct: Number(parts?.["plusPct"] ?? 0) };
}

const rungs = z.strictObject({
  info: threshold.describe("The mildest rung.").optional(),
  warning: threshold.describe("The middle rung.").optional(),
  critical: threshold.describe("The worst rung.").optional(),
});

const SHARE_SHAPE = /^(?<pct>\d+(?:\.\d+)?)\s*%?$/;
const SHARE_EXPECTED = "expected a share of the highest value such as 10%: more than 0, at most 100";

/** "10%" or 10 → 10. */
const share = z.union([z.number(), z.string()], SHARE_EXPECTED).transform((text, context): number => {
  const pct = Number(SHARE_SHAPE.exec(String(text).trim())?.groups?.["pct"]);
  if (pct > 0 && pct <= 100) return pct;
  context.issues.push({ code: "custom", input: text, message: SHARE_EXPECTED });
  return z.NEVER;
});

const shareRungs = z.strictObject({
  info: share.describe("The mildest rung, the smallest share.").optional(),
  warning: share.describe("The middle rung.").optional(),
  critical: share.describe("The worst rung.").optional(),
});

/** A shorter time holds too few looks, of a longer one too little is remembered. */
export const WITHIN = { minMs: 60_000, maxMs: 86_400_000 } as const;

const flagValues = oneOrMore(z.union([z.boolean(), z.string()], "expected true, false or a word"));
const flagRungs = z.strictObject({
  info: flagValues.describe("Value or values that are worth an info.").optional(),
  warning: flagValues.describe("Value or values that are worth a warning.").optional(),
  critical: flagValues.describe("Value or values that are critical.").optional(),
});

/** Where a rule says nothing, in percent of the threshold. A share that a value fell by moves more easily than the value itself. */
export const HYSTERESIS_PCT = { below: 2, above: 2, is: 2, drop: 20 } as const satisfies Record<Ladder["kind"], number>;

/** Two kinds in one: which keys belong to which, and which are needed, is said in events.ts, so that every mistake is told at once. */
export const rule = z
  .strictObject({
    on: z
      .enum([...RULE_SUBJECTS, ...EVENT_SUBJECTS])
      .describe(
        "What the rule watches: the cross account, every isolated pair, or rows of the history: flow or transfer.",
      ),
    field: z
      .enum(Object.keys(FIELDS))
      .describe("The field that the rule watches. Of rules on: cross or isolated.")
      .optional(),
    symbols: z
      .union([z.enum(["all"]), symbolList], "expected all or a list of symbols such as [BTCUSDT, ETHUSDT]")
      .describe("Isolated pairs that the rule covers: all, or a list of symbols.")
      .optional(),
    below: rungs.describe("Breached while the value lies below: numbers or bars, info highest.").optional(),
    above: rungs.describe("Breached while the value lies above: numbers or bars, info lowest.").optional(),
    is: flagRungs.describe("Breached while the value is one of these: for flags, statuses and words.").optional(),
    dropsBy: shareRungs
      .describe("Breached when the value has fallen by this share of its highest within the time: 10%, info smallest.")
      .optional(),
    within: duration(WITHIN).describe("The time of dropsBy, such as 15m. From 1m to 24h.").optional(),
    onlyBelow: threshold.describe("A fall counts only while the value lies below this: a number or a bar.").optional(),
    target: threshold
      .describe(
        "Where the amounts in messages lead back to: a number or a bar. Left out: where the mildest rung is left.",
      )
      .optional(),
    hysteresisPct: number({ min: 0, max: 100 })
      .describe(
        "To leave a rung the value must pass its threshold by this share of it, percent. Left out: 2, and 20 with dropsBy.",
      )
      .optional(),
    for: duration().describe("The condition must hold this long before the alert opens.").prefault("0s"),
    clearAfter: duration().describe("The condition must be gone this long before a rung is left.").prefault("30s"),
    ...eventKeys,
  })
  .meta({ oneOf: [{ required: ["field"] }, { required: ["severity"] }] });
