// What an alert's better half costs: distances, ways back, causes, pace, cost, ranking, prices between polls, for 600 isolated pairs that
// all owe and a cross account of 400 assets that are all held or owed (jobs/derive.ts, in a process of its own). The floor is the
// JSON.parse of the same two answers.
//
// What is counted. "A poll": everything that runs at every poll since these things exist, and a read of the prices with every poll, which
// is one in 5 s: enrich, due and keep of the memory, the picture with its ranking, the look for the faster schedule, the prices from
// parsed JSON to the feed, the guess of every book. "All at once": what a message or the status page would derive of one subject, of every
// subject: distances, ladder, ways back, cause, cost of a day, exposure, and the ranking of all. Not counted: what parses, judges and
// stores an answer (figure `rules`), and the JSON.parse of the prices, which has a line of its own.
import { atMost, type Figure, type Line } from "./figure.ts";
import type { DeriveCost, Spread } from "./jobs/derive.ts";
import { start } from "./support/process.ts";

export const derive: Figure = { name: "derive", seconds: 30, measure };

const TIMES_MAX = 2;

async function measure(): Promise<readonly Line[]> {
  await using work = start("jobs/derive.ts", []);
  await work.ended();
  const cost: DeriveCost = JSON.parse(work.lines.at(-1) ?? "");
  const beside = ({ median }: Spread, { median: bare }: Spread) => ({
    bare,
    goal: atMost(median, TIMES_MAX * bare, `≤ ${TIMES_MAX} × JSON.parse`),
  });
  const part = (what: string, { median, p99 }: Spread): Line => ({
    what: `${what}, median (p99 ${p99.toFixed(2)})`,
    unit: "ms",
    margind: median,
  });
  return [
    {
      ...part("600 pairs, 400 assets: a poll and a read of prices (beside JSON.parse)", cost.poll),
      ...beside(cost.poll, cost.jsonParse),
    },
    {
      ...part("everything derived of everything at once (beside JSON.parse)", cost.all),
      ...beside(cost.all, cost.allJsonParse),
    },
    part("  of a poll: what is remembered, falls, minutes", cost.remembered),
    part("  what of it is written", cost.stored),
    part("  the picture, whom first", cost.picture),
    part("  is anything near a rung", cost.near),
    part("  prices, from parsed JSON", cost.priceParse),
    part("  what the prices of now make of every book", cost.reprice),
    part("JSON.parse of both answers", cost.jsonParse),
    part("JSON.parse of all 3,500 prices", cost.pricesJson),
    part("a poll with rules on speed and minutes for every pair", cost.pollOfSpeed),
    part("a message of a crash of all pairs, advance and announce", cost.crashMessage),
    part("the full section of a cross alert", cost.crossSection),
    part("what was stored is taken up, full tracks, after the first request", cost.restore),
  ];
}
