// What is said of margind itself: its disk, its config, a state that was lost, restarts, and times in which nobody watched.
import * as format from "./format.ts";
import type { TransitionKind } from "./ports.ts";
import type { DaemonTrouble } from "./situation.ts";
import { WORDS } from "./words/index.ts";

/** Of a list only so many are told in full. */
const LIST_MAX = 5;

function listed(items: readonly string[], moreWords: (count: number) => string): readonly string[] {
  const more = items.length - LIST_MAX;
  return [...items.slice(0, LIST_MAX), more > 0 ? moreWords(more) : ""];
}

export function daemonHeadline(
  trouble: DaemonTrouble,
  kind: TransitionKind,
  nowMs: number,
  locale: format.Locale,
): string {
  const words = WORDS[locale.language];
  switch (trouble.kind) {
    case "disk":
      if (kind === "resolved") return words.diskAgain;
      return trouble.isShort ? words.diskShort : words.disk;
    case "config-rejected":
      return kind === "resolved" ? words.configAccepted : words.configRejected;
    case "gives-up":
      return words.givesUp;
    case "undelivered":
      return words.neverDelivered(trouble.titles.length);
    case "state-lost":
      return trouble.what === "rows" ? words.rowsLost : words.stateLost;
    case "restarts":
      return words.restarts(trouble.count, format.zonedTime(trouble.sinceMs, nowMs, locale));
    case "gap": {
      const { fromMs, toMs } = trouble;
      const from = format.timeBeside(fromMs, toMs, nowMs, locale);
      return words.gap(from, format.zonedTime(toMs, nowMs, locale), format.duration(toMs - fromMs, locale.language));
    }
  }
}

export function daemonLines(trouble: DaemonTrouble, kind: TransitionKind, locale: format.Locale): readonly string[] {
  const words = WORDS[locale.language];
  if (kind === "resolved") return [];
  switch (trouble.kind) {
    case "disk":
      if (trouble.reason === undefined) return [];
      return [(trouble.isShort ? words.diskShortDo : words.diskDo)(trouble.reason)];
    case "config-rejected":
      return listed(trouble.problems, words.moreMistakes);
    case "gives-up":
      return [trouble.reason];
    case "undelivered":
      return listed(trouble.titles, words.more);
    case "state-lost":
      return [words.stateLostDo(trouble.what, trouble.movedTo)];
    case "restarts":
      return [words.restartsDo(trouble.crash)];
    case "gap":
      return [words.gapDo(trouble.why)];
  }
}
