// What a share of the scenarios does beside the polls because of prices: rules on speed and on the time that is left, faster polls while
// something fires, interest rates, public prices, and how those prices lie. The one thing to know: no price is ever evidence, so all of
// it may be untrue, and what is told of an account may not change by it.
import type { RuleConfig } from "../../src/core/rules/types.ts";
import type { Body } from "./answers.ts";
import type { Random } from "./random.ts";
import type { Config, Episode } from "./scenario.ts";
import { HOUR, MINUTE, SECOND } from "./time.ts";

export const PRICE_LIES = [
  "half", // everything fell by half
  "double",
  "one", // one symbol fell by half
  "flapping", // another price at every read
  "stale", // of hours ago
  "missing", // symbols are left out
  "garbage", // no decimals
  "unknown", // -1121 for every list
  "hang",
] as const;
export type PriceLie = (typeof PRICE_LIES)[number];

export interface PricedPlan {
  readonly lies: readonly Episode<PriceLie>[];
  /** The disk has room for alerts and not for what is remembered. */
  readonly tight: readonly Episode<"tight">[];
}

/** Longer than any of these a rule on speed does not look back. */
export const LONGEST_FALL_MS = 4 * HOUR;

/** What an operator may have watched of speed and prices, and that he may change his mind on some of it. */
export function withPriced(
  [first, ...others]: readonly [Config, ...Config[]],
  random: Random,
): readonly [Config, ...Config[]] {
  const rules = drawSpeedRules(random);
  const drawn = () => ({
    prices: random.chance(0.85) ? { everyMs: drawEveryMs(random) } : undefined,
    pollWhenFiring: random.chance(0.5) ? `${random.whole(3, 12) * MINUTE}` : undefined,
    interest: random.chance(0.6)
      ? { poll: `${random.whole(25, 120) * MINUTE}`, times: random.pick([2, 3, 5]) }
      : undefined,
  });
  const read = drawn();
  const target = random.chance(0.3) ? { kind: "number" as const, value: 1.8 } : undefined;
  const fill = (config: Config, { prices, ...more }: ReturnType<typeof drawn>): Config => ({
    ...config,
    prices,
    accounts: config.accounts.map((account) => ({ ...account, ...more })),
    rules: [...config.rules.map((rule) => (rule.field === "marginLevel" ? { ...rule, target } : rule)), ...rules],
  });
  return [fill(first, read), ...others.map((config) => fill(config, random.chance(0.6) ? read : drawn()))];
}

/** Mostly a few reads between two polls; sometimes as many as in life. */
const drawEveryMs = (random: Random): number =>
  random.chance(0.05) ? random.whole(20, 60) * SECOND : random.whole(3, 12) * MINUTE;

function drawSpeedRules(random: Random): readonly RuleConfig[] {
  const number = (value: number) => ({ kind: "number" as const, value });
  const withinMs = () => random.whole(2, 8) * 30 * MINUTE;
  const common = () => ({
    symbols: "all" as const,
    hysteresisPct: random.pick([0, 20]),
    forMs: 0,
    clearAfterMs: random.pick([0, 30 * SECOND]),
  });
  const cross: RuleConfig = {
    ...common(),
    id: "cross-speed",
    on: "cross",
    field: "marginLevel",
    ladder: {
      kind: "drop",
      rungs: { info: 4, warning: 9, critical: 18 },
      withinMs: withinMs(),
      onlyBelow: random.chance(0.4) ? number(1.5) : undefined,
    },
    target: random.chance(0.5) ? number(1.7) : undefined,
  };
  const pair: RuleConfig = {
    ...common(),
    id: "pair-speed",
    on: "isolated",
    field: "liquidationDistancePct",
    ladder: { kind: "drop", rungs: { warning: 35, critical: 60 }, withinMs: withinMs(), onlyBelow: undefined },
  };
  const left: RuleConfig = {
    ...common(),
    id: "cross-minutes",
    on: "cross",
    field: "minutesToLiquidation",
    ladder: { kind: "below", rungs: { warning: number(90), critical: number(20) } },
  };
  // The time that is left is worked out of the level: an answer without one is only unreadable where a rule on the level asks for it.
  return random.chance(0.75) ? [cross, ...random.some([pair, left], 0.6)] : [pair];
}

/** The rows of an answer, as they would be with this lie. `reads`: how many answers there were before. `past`: the rows of hours ago. */
export function liedRows(rows: readonly Body[], lie: PriceLie, reads: number, past: readonly Body[]): readonly Body[] {
  const times = (factor: number) => (row: Body) => ({
    ...row,
    price: (Number(row["price"]) * factor).toFixed(8),
  });
  switch (lie) {
    case "half":
      return rows.map(times(0.5));
    case "double":
      return rows.map(times(2));
    case "one":
      return rows.map((row, i) => (i === reads % rows.length ? times(0.5)(row) : row));
    case "flapping":
      return rows.map(times([1, 0.5, 2, 0.8, 1.3][reads % 5] ?? 1));
    case "stale":
      return past;
    case "missing":
      return rows.slice(1);
    case "garbage":
      return rows.map((row, i) => ({ ...row, price: GARBAGE[(reads + i) % GARBAGE.length] }));
    case "unknown":
    case "hang":
      return rows;
  }
}

const GARBAGE: readonly unknown[] = ["NaN", "-1", "0", null, "1e9", 10_000, "", "0.00000000"];
