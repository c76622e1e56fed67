// Checks of what is read beside the polls: the schedules, under every account and at the top of the file, and rules on rows that
// nobody reads.
import type { EventRule } from "../core/rules/types.ts";
import { durationText } from "../lib/duration.ts";
import { cronMistake, longestGapMs, shortestGapMs } from "./cron.ts";
import { isOff, pairsOf, READINGS, type Reading } from "./readings.ts";
import type { Check } from "./report.ts";
import type { Draft } from "./schema.ts";
import { blocksAt, type Path } from "./source.ts";

/** Each read weighs 100: of flows for the cross account and for every pair, of interest for every 20 assets, of delistings once. */
const HEAVY: readonly Reading[] = ["flows", "delistings", "interest"];
const HEAVY_LEAST_MS = 10_000;
/** What is read more seldom is told too late to be of use. */
const MOST_MS = 86_400_000;

export function checkReadings(check: Check): void {
  const { draft, source } = check;
  for (const reading of READINGS) {
    checkSchedule(check, draft[reading], [reading], reading);
    for (const [name, account] of blocksAt(source, "accounts", draft.accounts)) {
      checkSchedule(check, account[reading], ["accounts", name, reading], reading);
    }
  }
  for (const [name, account] of blocksAt(source, "accounts", draft.accounts)) {
    const hasStream = account.stream ?? draft.stream ?? false;
    if (hasStream && source.has(["exchange", "baseUrl"]) && !source.has(["exchange", "stream"]) && !isBinance(draft)) {
      const own = source.has(["accounts", name, "stream"]) ? ["accounts", name, "stream"] : ["stream"];
      check.report.warn(
        own,
        "exchange.baseUrl is not Binance's, and the streams are: expected exchange.stream beside it",
      );
    }
    if (!hasStream || account.cross !== false) continue;
    const own = ["accounts", name, "stream"];
    check.report.warn(
      source.has(own) ? own : ["stream"],
      `${name} has cross: false, and streams are of the cross account only`,
    );
  }
}

/** 24 samples in 7 days, see core/interest-median.ts. */
const SAMPLE_MS = 7 * 3_600_000;

const isBinance = ({ exchange }: Draft): boolean => /\.binance\.com\b/.test(exchange?.baseUrl ?? "");

function checkSchedule(
  { source, report, nowMs }: Check,
  block: { readonly poll?: string | undefined } | boolean | null | undefined,
  path: Path,
  reading: Reading,
): void {
  if (typeof block !== "object" || block?.poll === undefined) return;
  const pollPath = [...path, "poll"];
  const mistake = cronMistake(block.poll, { show: !source.isInterpolated(pollPath) });
  if (mistake !== undefined) {
    report.add(pollPath, mistake);
    return;
  }
  const leastMs = HEAVY.includes(reading) ? shortestGapMs(block.poll, nowMs) : HEAVY_LEAST_MS;
  if (leastMs < HEAVY_LEAST_MS) {
    const wanted = `expected at least ${durationText(HEAVY_LEAST_MS)} between two`;
    report.warn(pollPath, `reads again after ${durationText(leastMs)}, and each read weighs 100: ${wanted}`);
  }
  const mostMs = longestGapMs(block.poll, nowMs);
  if (reading === "interest" && mostMs > SAMPLE_MS)
    report.warn(
      pollPath,
      `reads nothing for ${durationText(mostMs)}, and what is usual is known from 24 samples in 7 days: expected 7h at most`,
    );
  else if (mostMs > MOST_MS)
    report.warn(pollPath, `reads nothing for ${durationText(mostMs)}, and what happens is told so late`);
}

const READ_FOR = { flow: "flows", transfer: "transfers" } as const satisfies Record<EventRule["on"], Reading>;

/** A rule on rows that no account reads. */
export function warnUnread({ draft, report }: Check, on: EventRule["on"], path: Path): void {
  const reading = READ_FOR[on];
  const accounts = Object.values(draft.accounts ?? {});
  if (accounts.length === 0 || accounts.some((account) => !isOff(account[reading], draft[reading]))) return;
  report.warn(path, `${reading} are off for every account, so this never holds`);
}

/** The pairs of an account that can turn up on a subject; of rows, `all` are those that the account itself watches. */
export function pairsSeen(
  { isolated, ...account }: NonNullable<Draft["accounts"]>[string],
  draft: Draft,
  on: "isolated" | EventRule["on"],
): typeof isolated {
  if (on === "isolated") return isolated;
  const reading = READ_FOR[on];
  if (isOff(account[reading], draft[reading])) return "none";
  const said = pairsOf(account[reading], draft[reading]) ?? "all";
  return said === "all" ? isolated : said;
}
