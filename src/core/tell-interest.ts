// What is said of an interest rate that is far above what is usual of it: how many times, what it costs, what to do.

import { dailyCost } from "./cost.ts";
import * as format from "./format.ts";
import type { InterestNews } from "./interest.ts";
import { timesUsual } from "./interest-median.ts";
import type { FactsOf, Situation } from "./situation.ts";
import { WORDS } from "./words/index.ts";
import { INTEREST_WORDS } from "./words/interest.ts";

type Told = FactsOf<"interest">;

const HOURS_OF_YEAR = 24 * 365;
const RATE_DIGITS = 3;
/** The exchange counts no smaller part of an asset. */
const SMALLEST = "0.00000001";

/** What follows "WARNING · main · ". */
export function interestHeadline(
  { news }: Told,
  { id, transition }: Situation,
  _nowMs: number,
  { language }: format.Locale,
): string {
  const own = INTEREST_WORDS[language];
  if (news === undefined) return own.gone(WORDS[language].subject(id.subject));
  const isOver = transition.kind === "resolved";
  const times = format.percent(timesUsual(news), isOver ? undefined : news.times);
  return (isOver ? own.usual : own.high)(news.asset, news.isIsolated, times);
}

export function interestLines(
  { news }: Told,
  { transition }: Situation,
  nowMs: number,
  { language }: format.Locale,
): readonly string[] {
  const own = INTEREST_WORDS[language];
  const { join } = WORDS[language];
  const ending = own.overTold(format.duration(nowMs - transition.state.openedAtMs, language));
  if (news === undefined) return [ending];
  const { asset, hourlyRate, medianRate, owed } = news;
  const rates = `${own.rate(hourly(hourlyRate), yearly(hourlyRate))}${own.usually(hourly(medianRate), yearly(medianRate))}`;
  const [cost, usual] = costsOf(news, language);
  if (transition.kind === "resolved") return [join([own.costsNow(cost), rates]), ending];
  return [
    join([own.costs(cost, usual), own.whatToDo(asset)]),
    join([rates, own.owes(`${format.plain(owed)} ${asset}`)]),
  ];
}

/** "12.30 USDT", now and as usual, with the same digits. */
function costsOf({ asset, owed, hourlyRate, medianRate }: InterestNews, language: format.Language): [string, string] {
  const [now, usual] = [dailyCost(owed, hourlyRate), dailyCost(owed, medianRate)];
  const [nowText, usualText] = format.alike(now, usual);
  const shown = (cost: number, text: string) =>
    cost > 0 && Number(text) === 0 ? INTEREST_WORDS[language].lessThan(`${SMALLEST} ${asset}`) : `${text} ${asset}`;
  return [shown(now, nowText), shown(usual, usualText)];
}

/** "0.0021": a rate is so small that decimals alone would not tell it. */
const hourly = (rate: number): string => format.limit(Number((100 * rate).toPrecision(RATE_DIGITS)), 0);

/** Without interest on interest, as the exchange tells it. */
const yearly = (rate: number): string => format.percent(100 * rate * HOURS_OF_YEAR);
