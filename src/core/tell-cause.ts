// What is said of a movement of the level: what moved it, how fast it falls, when it would end. The one thing to know: the shares that
// people read add up to the change that they read.

import type { Moved, PriceShare } from "./cause.ts";
import { CAUSES, type Cause } from "./cause-changes.ts";
import type { Fall } from "./drops.ts";
import * as format from "./format.ts";
import { type Minutes, roundMinutes } from "./trend.ts";
import { CAUSE_WORDS } from "./words/cause.ts";

/** So much of all that moved is worth a word. */
const WORTH_RATIO = 0.05;
const SHARES_MAX = 3;
const ASSETS_MAX = 3;
/** Movements smaller than this are told with one digit more. */
const SMALL_LEVEL = 0.05;

/**
 * "Margin level from 1.36 to 1.24 since 20:10 UTC: price −0.09 (BTC −6.2 %), interest −0.03."
 * @param since a time in words; undefined: not told.
 * @param beside what the first line tells the level beside: it ends with the digits that are read there.
 */
export function movedLines(
  moved: Moved,
  since: string | undefined,
  language: format.Language,
  beside?: number,
): readonly string[] {
  const words = CAUSE_WORDS[language];
  const { unpriced } = moved;
  const decimals = decimalsOf(moved, beside);
  const fixed = (value: number) => value.toFixed(decimals);
  const parts = partsOf(moved, decimals).map(({ cause, units }) => {
    const detail = cause === "price" ? priceDetail(moved, language) : undefined;
    return words.share(words.cause[cause], signed(units * 10 ** -decimals, decimals), detail);
  });
  const line =
    parts.length === 0
      ? words.unmoved(fixed(moved.to), since)
      : words.moved(fixed(moved.from), fixed(moved.to), since, parts);
  if (unpriced.length === 0) return [line];
  const list = words.list(unpriced.slice(0, ASSETS_MAX));
  const more = unpriced.length - ASSETS_MAX;
  return [line, words.unpriced(more > 0 ? words.and(list, more) : list)];
}

/** Whether people read a fall: of a level that stands or rises nobody says that it fell. */
export function isFall(moved: Moved): boolean {
  const decimals = decimalsOf(moved, undefined);
  const isLess = Number(moved.to.toFixed(decimals)) < Number(moved.from.toFixed(decimals));
  return isLess && partsOf(moved, decimals).length > 0;
}

function decimalsOf({ to, shares }: Moved, beside: number | undefined): number {
  const least = Math.max(...Object.values(shares).map(Math.abs)) < SMALL_LEVEL ? 3 : 2;
  const [, digits = ""] = format.level(to, beside).split(".");
  return Math.max(least, digits.length);
}

/** Our prices are not quite Binance's: what moved is told on the scale of the level that the first line tells. */
export function asTold(moved: Moved, level: unknown): Moved {
  if (typeof level !== "number" || level <= 0 || moved.to <= 0) return moved;
  const { shares } = moved;
  const factor = level / moved.to;
  return {
    ...moved,
    from: moved.from * factor,
    to: level,
    shares: {
      price: shares.price * factor,
      borrow: shares.borrow * factor,
      repay: shares.repay * factor,
      interest: shares.interest * factor,
      transferIn: shares.transferIn * factor,
      transferOut: shares.transferOut * factor,
      trading: shares.trading * factor,
      transferOrTrading: shares.transferOrTrading * factor,
    },
  };
}

/** "At this pace liquidation is 2–3 h away." */
export function paceLine(minutes: Minutes, language: format.Language): string {
  const words = CAUSE_WORDS[language];
  return minutes.toMin === 0 ? words.reached : words.falling(leftText(minutes, language));
}

/** "2–3 h", "about 40 min", "less than 1 min". */
export function leftText(minutes: Minutes, language: format.Language): string {
  const words = CAUSE_WORDS[language];
  const { fromMin, toMin } = roundMinutes(minutes);
  const { about, lessThan, between, mixed } = words.left;
  const unit = fromMin >= 120 ? "h" : "min";
  const shown = (min: number) => String(unit === "h" ? min / 60 : min);
  if (fromMin === 0) return toMin > 120 ? lessThan(hours(toMin), "h") : lessThan(String(Math.max(1, toMin)), "min");
  if (shown(fromMin) === shown(toMin)) return about(shown(fromMin), unit);
  if (unit === "min" && toMin > 120) return mixed(String(fromMin), hours(toMin));
  return between(shown(fromMin), shown(toMin), unit);
}

/** "Fell 11.3 % in 12 min, from 1.40 to 1.24." `shown`: a value of the field in words. `rung`: the share that is breached, in percent. */
export function fallLine(
  { dropPct, from, fromAtMs, to }: Fall,
  shown: (value: number) => string,
  nowMs: number,
  language: format.Language,
  rung?: number,
): string {
  const within = format.duration(nowMs - fromAtMs, language);
  return CAUSE_WORDS[language].fell(format.percent(dropPct, rung), within, shown(from), shown(to));
}

const hours = (min: number): string => String(Math.ceil(min / 30) / 2);

interface Part {
  readonly cause: Cause | "rest";
  /** In units of the last digit that is shown. */
  readonly units: number;
}

/** The causes that matter, largest first, then the rest; what rounding leaves goes to the largest. */
function partsOf({ from, to, shares }: Moved, decimals: number): readonly Part[] {
  const unit = 10 ** -decimals;
  const inUnits = (value: number) => Math.round(value / unit);
  const all = CAUSES.reduce((sum, cause) => sum + Math.abs(shares[cause]), 0);
  const shown = CAUSES.filter((cause) => inUnits(shares[cause]) !== 0 && Math.abs(shares[cause]) >= WORTH_RATIO * all)
    .sort((one, other) => Math.abs(shares[other]) - Math.abs(shares[one]))
    .slice(0, SHARES_MAX);
  const rest = CAUSES.filter((cause) => !shown.includes(cause)).reduce((sum, cause) => sum + shares[cause], 0);
  const parts: Part[] = shown.map((cause) => ({ cause, units: inUnits(shares[cause]) }));
  if (inUnits(rest) !== 0) parts.push({ cause: "rest", units: inUnits(rest) });
  const read = (value: number) => inUnits(Number(value.toFixed(decimals)));
  const left = read(to) - read(from) - parts.reduce((sum, { units }) => sum + units, 0);
  return parts
    .map((part, i) => (i === 0 ? { ...part, units: part.units + left } : part))
    .filter(({ units }) => units !== 0);
}

function priceDetail({ priceOf }: Moved, language: format.Language): string | undefined {
  const words = CAUSE_WORDS[language];
  const all = priceOf.reduce((sum, { share }) => sum + Math.abs(share), 0);
  const isMoving = ({ changePct }: PriceShare) => Number(changePct.toFixed(1)) !== 0;
  const shown = priceOf.filter((each) => isMoving(each) && Math.abs(each.share) >= 0.2 * all).slice(0, ASSETS_MAX);
  if (shown.length === 0) return undefined;
  return words.list(shown.map(({ asset, changePct }) => words.priceChange(asset, signed(changePct, 1))));
}

function signed(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
