// What is said of those that are not told in full: how many, how bad, and their names.
import type { Language } from "../format.ts";
import type { Severity } from "../ports.ts";

/** How bad it is, or how it ended. */
export type Standing = Severity | "resolved" | "ended";

const STANDING: Readonly<Record<Standing, string>> = {
  critical: "critical",
  warning: "warning",
  info: "info",
  resolved: "resolved",
  ended: "ended",
};

const behind = (names: string): string => (names === "" ? "" : ` · ${names}`);

const en = {
  standing: STANDING,
  some: (count: number, standing: string) => `${count} ${standing}`,
  /** Of the only kind that there is. */
  all: (standing: string) => `all ${standing}`,
  /** "35 more: 20 critical, 15 warning · ADAUSDT, BNBUSDT, …" */
  rest: (count: number, kinds: readonly string[], names: string) =>
    `${count} more: ${kinds.join(", ")}${behind(names)}`,
  /** The same of alerts that did not change now. */
  standingRest: (count: number, kinds: readonly string[], names: string) =>
    `${count} more still firing: ${kinds.join(", ")}${behind(names)}`,
  names: (names: readonly string[]) => names.join(", "),
  /** The last of a list that was cut: "and 35 more". */
  andMore: (count: number) => `and ${count} more`,
};

type RankingWords = typeof en;

const zh: RankingWords = {
  standing: { critical: "严重", warning: "警告", info: "提示", resolved: "已解除", ended: "已终止" },
  some: (count, standing) => `${count} 个${standing}`,
  all: (standing) => `均为${standing}`,
  rest: (count, kinds, names) => `另有 ${count} 个：${kinds.join("，")}${behind(names)}`,
  standingRest: (count, kinds, names) => `另有 ${count} 个仍在告警：${kinds.join("，")}${behind(names)}`,
  names: (names) => names.join("、"),
  andMore: (count) => `另有 ${count} 个`,
};

export const RANKING_WORDS: Readonly<Record<Language, RankingWords>> = { en, "zh-CN": zh };
