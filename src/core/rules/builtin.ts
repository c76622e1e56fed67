// The rules that watch an account when the configuration has no `rules:` block. config.example.yaml shows the same set, and
// load.test.ts holds the two in step.
import type { RuleConfig } from "./types.ts";

/** What a rule has where its block leaves a key out. */
const usual = { symbols: "all", hysteresisPct: 2, forMs: 0, clearAfterMs: 30_000 } as const;

export const builtinRules: readonly RuleConfig[] = [
  {
    ...usual,
    id: "cross-margin-level",
    on: "cross",
    field: "marginLevel",
    ladder: {
      kind: "below",
      rungs: {
        info: { kind: "bar", bar: "normalBar", plusPct: 0 },
        warning: { kind: "bar", bar: "marginCallBar", plusPct: 5 },
        critical: { kind: "bar", bar: "marginCallBar", plusPct: 0 },
      },
    },
  },
  // Above onlyBelow there is room: a level of 3 that falls to 2.5 must wake nobody, nor must a price that is back within a minute.
  {
    ...usual,
    id: "cross-level-drop",
    on: "cross",
    field: "marginLevel",
    ladder: {
      kind: "drop",
      rungs: { warning: 10, critical: 20 },
      withinMs: 900_000,
      onlyBelow: { kind: "bar", bar: "normalBar", plusPct: 20 },
    },
    hysteresisPct: 20,
    forMs: 60_000,
    clearAfterMs: 60_000,
  },
  // An estimate, not a reading: it must swing far before an alert of it ends.
  {
    ...usual,
    id: "cross-time-to-liquidation",
    on: "cross",
    field: "minutesToLiquidation",
    ladder: {
      kind: "below",
      rungs: { warning: { kind: "number", value: 120 }, critical: { kind: "number", value: 30 } },
    },
    hysteresisPct: 25,
    forMs: 120_000,
    clearAfterMs: 1_800_000,
  },
  {
    ...usual,
    id: "cross-transfer-out",
    on: "cross",
    field: "transferOutEnabled",
    ladder: { kind: "is", rungs: { warning: [false] } },
  },
  {
    ...usual,
    id: "isolated-status",
    on: "isolated",
    field: "marginLevelStatus",
    ladder: { kind: "is", rungs: { warning: ["MARGIN_CALL"], critical: ["PRE_LIQUIDATION", "FORCE_LIQUIDATION"] } },
  },
  {
    ...usual,
    id: "isolated-liquidation-distance",
    on: "isolated",
    field: "liquidationDistancePct",
    ladder: {
      kind: "below",
      rungs: {
        info: { kind: "number", value: 10 },
        warning: { kind: "number", value: 6 },
        critical: { kind: "number", value: 3 },
      },
    },
  },
];
