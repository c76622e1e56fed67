// Numbers, times and durations as people say them. Pure: Intl only.

export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

/** How times are shown: IANA zone and language of the config. */
export interface Locale {
  readonly timezone: string;
  readonly language: Language;
}

/** A margin level, two decimals; more when two would put it on the other side of `beside` (1.2999, below 1.30). */
export function level(value: number, beside?: number): string {
  return value >= 999 ? "999" : sided(value, 2, beside);
}

/** A share, one decimal: "11.3". More when one would put it on the other side of `beside` (2.97, below 3). */
export function percent(value: number, beside?: number): string {
  return sided(value, 1, beside);
}

/** A limit that somebody set: at least these decimals, and every digit that it has. "1.30", "1.365", "2.25". */
export function limit(value: number, decimals: number): string {
  const [whole = "0", rest = ""] = value.toFixed(LIMIT_DECIMALS).split(".");
  const kept = rest.replace(/0+$/, "").padEnd(decimals, "0");
  return kept === "" ? thousands(whole) : `${thousands(whole)}.${kept}`;
}

/** An amount that must suffice: rounded up to what is shown. "11,700", "1,333.34", "0.02143". */
export function amountUp(value: number): string {
  const decimals = decimalsFor(value);
  const unit = 10 ** -decimals;
  return grouped(Math.ceil(value / unit - 1e-6) * unit, decimals);
}

/** A price, five digits and at least two decimals: "4,812.20", "1.0449", "0.51629". */
export function price(value: number): string {
  const places = value > 0 ? 4 - Math.floor(Math.log10(value)) : 2;
  return grouped(value, Math.min(PRICE_DECIMALS, Math.max(2, places)));
}

/** Any other number, as short as it can be without losing what matters, or on which side of `beside` it lies. */
export function plain(value: number, beside?: number): string {
  return grouped(value, decimalsFor(value), beside);
}

/** Two numbers beside each other, with the same digits: "2.40" and "0.48". As many as the smaller needs for two that matter. */
export function alike(one: number, other: number): [string, string] {
  const [less, more] = [Math.min(Math.abs(one), Math.abs(other)), Math.max(Math.abs(one), Math.abs(other))];
  const decimals =
    less > 0 && less < 1 ? Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(less)))) : decimalsFor(more);
  const isWhole = [one, other].every((value) => Number.isInteger(Number(value.toFixed(decimals))));
  const text = (value: number) => {
    const [whole = "0", rest] = plainZero(value.toFixed(isWhole ? 0 : decimals)).split(".");
    return rest === undefined ? thousands(whole) : `${thousands(whole)}.${rest}`;
  };
  return [text(one), text(other)];
}

/** Without the zeros at its end that say nothing: "0.2000" is "0.2". Cents are left: "1,333.30". */
export function unpadded(text: string): string {
  return text.startsWith("0.") ? text.replace(/\.?0+$/, "") : text;
}

/** Thresholds are worked out to ten places: see `tidy` in rules/threshold.ts. */
const LIMIT_DECIMALS = 10;
const PRICE_DECIMALS = 10;
const DAY_S = 86_400;
const PARTS: Readonly<Record<Language, readonly [string, string, string, string]>> = {
  en: [" d", " h", " min", " s"],
  "zh-CN": ["天", "小时", "分钟", "秒"],
};

/** "34 s", "12 min", "3 h 12 min", "2 d 4 h": the two largest parts that matter. */
export function duration(ms: number, language: Language): string {
  const totalS = Math.max(0, Math.round(ms / 1000));
  const [d, h, min, s] = PARTS[language];
  const joint = language === "en" ? " " : "";
  const two = (a: number, unitA: string, b: number, unitB: string) =>
    `${a}${unitA}${b === 0 ? "" : `${joint}${b}${unitB}`}`;
  if (totalS < 60) return `${totalS}${s}`;
  if (totalS < 600) return two(Math.floor(totalS / 60), min, totalS % 60, s);
  const totalMin = Math.round(totalS / 60);
  if (totalMin < 60) return `${totalMin}${min}`;
  if (totalS < DAY_S) return two(Math.floor(totalMin / 60), h, totalMin % 60, min);
  const totalH = Math.round(totalS / 3600);
  return two(Math.floor(totalH / 24), d, totalH % 24, h);
}

/** A moment as seen from another: "23:05", "12 Mar 23:05" on another day. Without the zone's name. */
export function clockTime(atMs: number, nowMs: number, { timezone, language }: Locale): string {
  const sameDay = day(atMs, timezone) === day(nowMs, timezone);
  return formatter(`${language}|${timezone}|${sameDay}`, () => {
    const base = { timeZone: timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    const locale = language === "en" ? "en-GB" : language;
    return new Intl.DateTimeFormat(locale, sameDay ? base : { ...base, day: "numeric", month: "short" });
  })
    .format(atMs)
    .replace(",", "");
}

/** "02:01:26" */
export function clockSeconds(atMs: number, { timezone }: Locale): string {
  return formatter(`s|${timezone}`, () => {
    const shape = {
      timeZone: timezone,
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    } as const;
    return new Intl.DateTimeFormat("en-GB", shape);
  }).format(atMs);
}

/** "UTC", "CET", "GMT+8": the zone's short name at that moment. */
export function zoneName(atMs: number, timezone: string): string {
  const named = formatter(
    `z|${timezone}`,
    () => new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeZoneName: "short" }),
  );
  return named.formatToParts(atMs).find((part) => part.type === "timeZoneName")?.value ?? timezone;
}

/** A moment as seen from another, with the zone's name at that moment: "23:05 UTC". */
export function zonedTime(atMs: number, nowMs: number, locale: Locale): string {
  return `${clockTime(atMs, nowMs, locale)} ${zoneName(atMs, locale.timezone)}`;
}

/** A moment told beside another that names its zone: it needs none of its own, unless the clocks were changed in between. */
export function timeBeside(atMs: number, besideMs: number, nowMs: number, locale: Locale): string {
  const isSameZone = zoneName(atMs, locale.timezone) === zoneName(besideMs, locale.timezone);
  return isSameZone ? clockTime(atMs, nowMs, locale) : zonedTime(atMs, nowMs, locale);
}

// Making a formatter costs a hundred times as much as using one. The keys are few: one zone and language a config.
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(key: string, make: () => Intl.DateTimeFormat): Intl.DateTimeFormat {
  const known = formatters.get(key) ?? make();
  formatters.set(key, known);
  return known;
}

function day(atMs: number, timezone: string): string {
  return formatter(`d|${timezone}`, () => new Intl.DateTimeFormat("en-CA", { timeZone: timezone })).format(atMs);
}

function decimalsFor(value: number): number {
  const size = Math.abs(value);
  if (size >= 10_000) return 0;
  return size >= 1 ? 2 : significant(size);
}

function significant(size: number): number {
  return size === 0 ? 0 : Math.min(8, 3 - Math.floor(Math.log10(size)));
}

/** With the fewest decimals, at least these, that leave the number on its side of `beside`: what is read must be true. */
function sided(value: number, decimals: number, beside: number | undefined): string {
  const side = Math.sign(value - (beside ?? value));
  const isTrue = (text: string) => beside === undefined || Math.sign(Number(text) - beside) === side;
  for (let more = decimals; more < LIMIT_DECIMALS; more++) {
    const text = value.toFixed(more);
    if (isTrue(text)) return plainZero(text);
  }
  return value.toFixed(LIMIT_DECIMALS);
}

function grouped(value: number, decimals: number, beside?: number): string {
  const [whole = "0", rest] = sided(value, decimals, beside).split(".");
  return rest === undefined || /^0+$/.test(rest) ? thousands(whole) : `${thousands(whole)}.${rest}`;
}

const thousands = (whole: string): string => whole.replace(/\B(?=(\d{3})+$)/g, ",");

const plainZero = (text: string): string => (Number(text) === 0 ? text.replace("-", "") : text);
