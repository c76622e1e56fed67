// What the rules cost: 600 isolated pairs × 20 rules, measured in a process of its own (jobs/rules.ts). The floor for validation,
// observation and evaluation together is the JSON.parse of the same answer; for evaluation alone it is json-rules-engine.
import { atLeast, atMost, type Figure, type Line } from "./figure.ts";
import type { RulesCost } from "./jobs/rules.ts";
import { start } from "./support/process.ts";

export const rules: Figure = { name: "rules", seconds: 10, measure };

async function measure(): Promise<readonly Line[]> {
  await using work = start("jobs/rules.ts", []);
  await work.ended();
  const cost: RulesCost = JSON.parse(work.lines.at(-1) ?? "");
  return [
    {
      what: "600 pairs × 20 rules: validate, observe, evaluate (beside JSON.parse of the answer)",
      unit: "ms",
      margind: cost.togetherMs,
      bare: cost.jsonParseMs,
      goal: atMost(cost.togetherMs, cost.jsonParseMs, "≤ 1 × JSON.parse"),
    },
    {
      what: "evaluation alone (beside json-rules-engine)",
      unit: "ms",
      margind: cost.evaluateMs,
      bare: cost.peerMs,
      goal: atLeast(
        cost.peerMs / cost.evaluateMs,
        100,
        `100 × faster (${(cost.peerMs / cost.evaluateMs).toFixed(0)} ×)`,
      ),
    },
    { what: "  of these: validate", unit: "ms", margind: cost.validateMs },
    { what: "  observe", unit: "ms", margind: cost.observeMs },
    { what: "the same and the lifecycle of every alert: advance", unit: "ms", margind: cost.advanceMs },
  ];
}
