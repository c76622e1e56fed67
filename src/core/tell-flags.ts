// What is said of flags that flipped, and why nothing can be transferred out of the cross account.
import * as format from "./format.ts";
import { owes } from "./observe.ts";
import type { CrossAnswer } from "./ports.ts";
import type { FactsOf, Flip, Situation } from "./situation.ts";
import { TRANSFER_OUT_LEVEL, transferOutLock } from "./unlock.ts";
import { FLAG_WORDS } from "./words/flags.ts";
import { WORDS } from "./words/index.ts";

type Told = FactsOf<"flags">;

/** What follows "CRITICAL · main · ". */
export function flagsHeadline({ flips }: Told, { id }: Situation, _nowMs: number, { language }: format.Locale): string {
  const words = WORDS[language];
  const own = FLAG_WORDS[language];
  const whats = flips.map(({ field, from, to }) => {
    const now = typeof to === "boolean" ? words.flag(to) : own.became(to, `${from}`);
    return words.is("", words.field[field], now).trim();
  });
  return words.is(words.subject(id.subject), own.join(whats), "").trim();
}

export function flagsLines(
  { flips, cross }: Told,
  { transition }: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = WORDS[locale.language];
  const own = FLAG_WORDS[locale.language];
  const isLocked = flips.some(({ field, to }) => field === "transferOutEnabled" && to === false);
  const why = cross !== undefined && isLocked ? transferOutReason(cross, locale.language) : undefined;
  const flapping = flips.filter(({ isFlapping }) => isFlapping).map(({ field }) => own.flapping(words.field[field]));
  const seen = own.seenAt(format.zonedTime(transition.atMs, nowMs, locale));
  return [
    words.join(flips.flatMap((flip) => meaning(flip, locale.language) ?? [])),
    why ?? "",
    words.join(flapping),
    words.join([levels(cross, why !== undefined, locale.language), seen].filter((text) => text !== "")),
  ].filter((line) => line !== "");
}

function meaning({ field, to }: Flip, language: format.Language): string | undefined {
  const own = FLAG_WORDS[language];
  if (typeof to === "string") return own.typeMeans;
  return to ? undefined : own.off[field];
}

/** How the account stands; without debt the levels say nothing. */
function levels(cross: CrossAnswer | undefined, isExplained: boolean, language: format.Language): string {
  if (cross?.assets?.some(owes) !== true) return "";
  const text = (level: number | undefined) => (level === undefined ? undefined : format.level(level));
  const collateral = isExplained ? undefined : text(cross.collateralMarginLevel);
  return FLAG_WORDS[language].levels(text(cross.marginLevel), collateral);
}

/** What keeps transfers off, as far as it can be known; undefined where it cannot. */
export function transferOutReason(cross: CrossAnswer, language: format.Language): string | undefined {
  const own = FLAG_WORDS[language];
  const lock = transferOutLock(cross);
  if (lock.kind === "unknown" || lock.kind === "debt-free") return undefined;
  const limit = format.limit(TRANSFER_OUT_LEVEL, 0);
  const level = format.level(lock.level, TRANSFER_OUT_LEVEL);
  if (lock.kind === "other") return own.outOther(limit, level);
  const { amounts } = lock;
  if (amounts === undefined) return own.outNeeds(limit, level);
  const usdt = (value: number) => `${format.amountUp(value)} USDT`;
  return own.outUnlock(limit, level, usdt(amounts.addUsdt), usdt(amounts.repayUsdt));
}

/** What is said beside it: that collateral is short only where it may be. */
export function transferOutMeans(cross: CrossAnswer | undefined, language: format.Language): string {
  const kind = cross === undefined ? "unknown" : transferOutLock(cross).kind;
  const { transferOutEnabled: plainly = "" } = FLAG_WORDS[language].off;
  return kind === "other" || kind === "debt-free" ? plainly : WORDS[language].transferOutMeans;
}
