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
