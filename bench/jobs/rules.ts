// The work behind the figure `rules`, in a process of its own so that nothing else has warmed or littered it. Prints its costs as one
// line of JSON, medians in milliseconds of one whole answer.
import { Engine, type RuleProperties } from "json-rules-engine";
import { parsePairs } from "../../src/binance/parse.ts";
import { advance, type Rulebook } from "../../src/core/advance.ts";
import { type Context, type Observation, observeIsolated } from "../../src/core/observe.ts";
import type { Bars, Subject } from "../../src/core/ports.ts";
import { compile, type Rule } from "../../src/core/rules/compile.ts";
import { FIELDS, type FieldInfo } from "../../src/core/rules/fields.ts";
import type { Flag, Ladder, RuleConfig } from "../../src/core/rules/types.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { pairsText } from "../support/answers.ts";
import { median } from "../support/stats.ts";

export interface RulesCost {
  readonly jsonParseMs: number;
  readonly validateMs: number;
  readonly observeMs: number;
  readonly evaluateMs: number;
  /** The last three in one go. */
  readonly togetherMs: number;
  readonly advanceMs: number;
  readonly peerMs: number;
}

const PAIRS = 600;
const WARM_UP = 100;
const ROUNDS = 400;
const PEER_ROUNDS = 7;
const BARS: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
const { monoMs } = systemClock;

// ---------------------------------------------------------------- twenty rules

const numbers = (...[info, warning, critical]: readonly [number, number, number]) => ({
  info: { kind: "number", value: info } as const,
  warning: { kind: "number", value: warning } as const,
  critical: { kind: "number", value: critical } as const,
});
const below = (info: number, warning: number, critical: number): Ladder => ({
  kind: "below",
  rungs: numbers(info, warning, critical),
});
const above = (info: number, warning: number, critical: number): Ladder => ({
  kind: "above",
  rungs: numbers(info, warning, critical),
});
const is = (...flags: readonly Flag[]): Ladder => ({ kind: "is", rungs: { critical: flags } });

const LADDERS: readonly (readonly [field: string, ladder: Ladder])[] = [
  ...[1.09, 1.08, 1.07, 1.065, 1.06, 1.055, 1.05, 1.04].map(
    (level) => ["marginLevel", below(level, level - 0.01, level - 0.02)] as const,
  ),
  ...[10, 9, 8, 7, 6, 5].map((pct) => ["liquidationDistancePct", below(pct, pct - 2, pct - 4)] as const),
  ["marginLevelStatus", is("MARGIN_CALL")],
  ["marginLevelStatus", is("PRE_LIQUIDATION", "FORCE_LIQUIDATION")],
  ["tradeEnabled", is(false)],
  ["enabled", is(false)],
  ["indexPrice", above(1e5, 1e6, 1e7)],
  ["liquidatePrice", above(1e5, 1e6, 1e7)],
];

const CONFIGS: readonly RuleConfig[] = LADDERS.map(([field, ladder], index) => ({
  id: `rule-${index}`,
  on: "isolated",
  field,
  symbols: "all",
  ladder,
  hysteresisPct: 2,
  forMs: 0,
  clearAfterMs: 30_000,
}));

// ---------------------------------------------------------------- margind

function evaluate(rules: readonly Rule[], observations: readonly Observation[]): number {
  let breaches = 0;
  for (const observation of observations) {
    if (observation.class !== "OK") continue;
    for (const rule of rules) {
      if (!rule.covers(observation)) continue;
      const verdict = rule.evaluate(observation, BARS);
      if (verdict !== undefined && verdict.breached !== null) breaches += 1;
    }
  }
  return breaches;
}

/** Each of the four steps of one answer, in the daemon's order and on objects as fresh as the daemon's. */
function round(text: string, rules: readonly Rule[], book: Rulebook, context: Context) {
  const times = [monoMs()];
  const body: unknown = JSON.parse(text);
  times.push(monoMs());
  const pairs = parsePairs(body);
  times.push(monoMs());
  const observations = observeIsolated({ source: "isolated", asked: "all", pairs }, context);
  times.push(monoMs());
  const breaches = evaluate(rules, observations);
  times.push(monoMs());
  advance(observations, { states: new Map(), book, bars: BARS, nowMs: 0, known: () => undefined });
  times.push(monoMs());
  const [jsonParseMs = 0, validateMs = 0, observeMs = 0, evaluateMs = 0, advanceMs = 0] = times
    .slice(1)
    .map((time, index) => time - (times[index] ?? 0));
  const togetherMs = validateMs + observeMs + evaluateMs;
  return { jsonParseMs, validateMs, observeMs, evaluateMs, togetherMs, advanceMs, breaches, observations };
}

// ---------------------------------------------------------------- json-rules-engine

/**
 * One rule of theirs for one of ours, with the mildest rung only: less than margind looks at. Facts are the fields of the pair,
 * ready made.
 */
function peerRule({ id, field, ladder }: RuleConfig): RuleProperties {
  const info: FieldInfo | undefined = Object.entries(FIELDS).find(([name]) => name === field)?.[1];
  const condition =
    ladder.kind === "is"
      ? { fact: field, operator: "in", value: Object.values(ladder.rungs).flat() }
      : {
          fact: field,
          operator: ladder.kind === "below" ? "lessThan" : "greaterThan",
          value: ladder.kind !== "drop" && ladder.rungs.info?.kind === "number" ? ladder.rungs.info.value : Number.NaN,
        };
  const hasDebt = { fact: "hasDebt", operator: "equal", value: true };
  const needsDebt = ladder.kind === "below" && info?.needsDebt === true;
  return { conditions: { all: needsDebt ? [hasDebt, condition] : [condition] }, event: { type: id } };
}

async function peerRound(engine: Engine, observations: readonly Observation[]) {
  const facts = observations.map(({ hasDebt, values }) => ({ hasDebt, ...values }));
  const startMs = monoMs();
  let breaches = 0;
  for (const each of facts) breaches += (await engine.run(each)).events.length;
  return { peerMs: monoMs() - startMs, breaches };
}

// ---------------------------------------------------------------- the run

const rules = CONFIGS.flatMap((config) => compile(config) ?? []);
const book: Rulebook = { rules, routes: [], notifiers: ["desk"], maxGapMs: 30_000 };
// Several answers in turn: the same text again and again would be in every cache.
const texts = Array.from({ length: 8 }, (_, turn) => pairsText(PAIRS, turn));
const indebted = new Set(Array.from({ length: PAIRS / 2 }, (_, index): Subject => `isolated C${2 * index}USDT`));
const used = { cross: new Set<never>(), isolated: new Set(rules.map(({ field }) => field)) };
const context: Context = { account: "main", atMs: 0, bars: BARS, used, indebted };

const rounds = Array.from({ length: WARM_UP + ROUNDS }, (_, index) =>
  round(texts[index % texts.length] ?? "", rules, book, context),
).slice(WARM_UP);
const [first] = rounds;
if (first === undefined || rules.length !== 20) throw new Error("there are not twenty rules to measure");

const engine = new Engine(CONFIGS.map(peerRule), { allowUndefinedFacts: true });
const peerRounds: Awaited<ReturnType<typeof peerRound>>[] = [];
for (let n = 0; n < PEER_ROUNDS; n++) peerRounds.push(await peerRound(engine, first.observations));
if (first.breaches === 0 || peerRounds[0]?.breaches !== first.breaches) {
  throw new Error(`margind sees ${first.breaches} breaches, json-rules-engine ${peerRounds[0]?.breaches}`);
}

const cost: RulesCost = {
  jsonParseMs: median(rounds.map(({ jsonParseMs }) => jsonParseMs)),
  validateMs: median(rounds.map(({ validateMs }) => validateMs)),
  observeMs: median(rounds.map(({ observeMs }) => observeMs)),
  evaluateMs: median(rounds.map(({ evaluateMs }) => evaluateMs)),
  togetherMs: median(rounds.map(({ togetherMs }) => togetherMs)),
  advanceMs: median(rounds.map(({ advanceMs }) => advanceMs)),
  peerMs: median(peerRounds.map(({ peerMs }) => peerMs)),
};
process.stdout.write(`${JSON.stringify(cost)}\n`);
