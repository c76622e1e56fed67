// `margind check`: the configuration as margind understands it, so that a wrong idea shows before the night it matters.

import type { AccountConfig, Config, HistoryConfig } from "../config/config.ts";
import { nextPolls } from "../config/cron.ts";
import { clockSeconds, duration, zoneName } from "../core/format.ts";
import { SEVERITIES, type Severity } from "../core/ports.ts";
import type { EventRule, Ladder, Route, RuleConfig, Threshold } from "../core/rules/types.ts";
import { systemClock } from "../lib/clock.ts";
import { type ConfigOption, readConfig } from "./context.ts";
import { count } from "./text.ts";

export async function check(options: ConfigOption): Promise<void> {
  const config = await readConfig(options);
  process.stdout.write(`${describe(config, systemClock.wallMs()).join("\n")}\n`);
}

export function describe(config: Config, nowMs: number): string[] {
  return [
    `${config.file} is good.`,
    ...config.warnings.map((warning) => `! ${warning}`),
    ...unwatched(config).map((text) => `! ${text}`),
    "",
    ...config.accounts.flatMap((account) => accountLines(account, config, nowMs)),
    pricesLine(config),
    "",
    `${count(config.rules.length + config.eventRules.length, "rule")}:`,
    ...config.rules.flatMap(ruleLines),
    ...config.eventRules.flatMap(eventRuleLines),
    "",
    "Routes, the first that matches decides:",
    ...routeLines(config),
    "",
    `Blind after ${duration(config.watchdog.staleAfterMs, "en")} without a valid answer; told to every notifier.`,
    config.watchdog.heartbeat === undefined
      ? "No heartbeat: nobody will notice when this machine dies. See watchdog.heartbeat."
      : `Heartbeat every ${duration(config.watchdog.heartbeat.everyMs, "en")}.`,
    `State in ${config.stateDir}.`,
    "Keys and channels were not tried: margind doctor tries them, margind test-notify sends a message.",
  ];
}

/** A `rules:` block replaces the built-in set: what it leaves out nobody watches. */
function unwatched({ accounts, rules }: Config): string[] {
  if (rules.length === 0) return []; // the loader has warned of that
  const isRead = {
    cross: accounts.some(({ cross }) => cross),
    isolated: accounts.some(({ isolated }) => isolated !== "none"),
  };
  const kinds = (["cross", "isolated"] as const).filter((kind) => isRead[kind] && !rules.some(({ on }) => on === kind));
  return kinds.map(
    (kind) =>
      `no rule watches ${kind === "cross" ? "the cross account" : "isolated pairs"}: your rules replace the built-in ones`,
  );
}

const pricesLine = ({ exchange: { prices } }: Config): string =>
  prices === undefined
    ? "public prices: not read, so between polls nothing brings one forward"
    : `public prices every ${duration(prices.everyMs, "en")}: an estimate that crosses a rung brings the poll forward`;

function accountLines(account: AccountConfig, { timezone }: Config, nowMs: number): string[] {
  const { name, cross, isolated, poll, pollWhenFiring } = account;
  const pairs = typeof isolated === "string" ? isolated : isolated.join(", ");
  const times = nextPolls(poll, nowMs, 3).map((atMs) => clockSeconds(atMs, { timezone, language: "en" }));
  return [
    `account ${name}: cross ${cross ? "yes" : "no"}, isolated ${pairs}`,
    `  polls at "${poll}", next ${times.join(", ")} ${zoneName(nowMs, timezone)}`,
    ...(pollWhenFiring === undefined
      ? []
      : [`  and at "${pollWhenFiring}" while something fires or a level is within 10 % of a rung`]),
    ...besideLines(account, (expression) => {
      const [atMs = nowMs] = nextPolls(expression, nowMs, 1);
      return `"${expression}", next ${clockSeconds(atMs, { timezone, language: "en" })}`;
    }),
  ];
}

/** What is read beside the polls. */
function besideLines(
  { cross, flows, transfers, delistings, interest, stream }: AccountConfig,
  when: (expression: string) => string,
): string[] {
  const pairs = ({ isolated }: HistoryConfig) => {
    if (isolated === "none") return [];
    return [isolated === "all" ? "all pairs that owe" : isolated.join(", ")];
  };
  const whose = (config: HistoryConfig) => [...(cross ? ["cross"] : []), ...pairs(config)].join(" and ") || "nothing";
  const allowed = transfers === undefined || transfers.allow.length === 0 ? "none" : transfers.allow.join(", ");
  return [
    flows === undefined ? "  capital flow: not read" : `  capital flow at ${when(flows.poll)}: ${whose(flows)}`,
    transfers === undefined
      ? "  transfers: not read"
      : `  transfers at ${when(transfers.poll)}: ${whose(transfers)}; places that need no alert: ${allowed}`,
    delistings === undefined ? "  delistings: not read" : `  delistings at ${when(delistings.poll)}`,
    interest === undefined
      ? "  interest rates: not read"
      : `  interest rates at ${when(interest.poll)}: told above ${interest.times} times their own median of 7 days`,
    `  streams: ${stream ? (cross ? "yes, of the cross account" : "none, they are of the cross account only") : "no"}`,
  ];
}

function ruleLines(rule: RuleConfig): string[] {
  const { id, on, field, symbols, ladder, target, forMs, clearAfterMs } = rule;
  const which = on === "cross" ? "cross" : `isolated ${symbols === "all" ? "pairs, all" : symbols.join(", ")}`;
  const times = [
    hysteresisText(rule),
    forMs === 0 ? "opens at once" : `opens after ${duration(forMs, "en")}`,
    clearAfterMs === 0 ? "clears at once" : `clears after ${duration(clearAfterMs, "en")}`,
    target === undefined ? "" : `amounts lead back to ${thresholdText(target)}`,
  ];
  return [
    `  ${id}: ${which}, ${field}: ${ladderText(ladder)}`,
    `    ${times.filter((part) => part !== "").join(", ")}`,
  ];
}

function ladderText(ladder: Ladder): string {
  switch (ladder.kind) {
    case "below":
    case "above":
      return rungTexts(ladder.rungs, (rung) => `${ladder.kind} ${thresholdText(rung)}`).join(", ");
    case "is":
      return rungTexts(ladder.rungs, (flags) => `when ${flags.join(" or ")}`).join(", ");
    case "drop":
      return [
        ...rungTexts(ladder.rungs, (pct) => `when it falls by ${pct} %`),
        `within ${duration(ladder.withinMs, "en")}`,
        ...(ladder.onlyBelow === undefined ? [] : [`only while below ${thresholdText(ladder.onlyBelow)}`]),
      ].join(", ");
  }
}

const rungTexts = <T>(rungs: Readonly<Partial<Record<Severity, T>>>, say: (rung: T) => string): string[] =>
  SEVERITIES.flatMap((severity) => {
    const rung = rungs[severity];
    return rung === undefined ? [] : [`${severity} ${say(rung)}`];
  });

function hysteresisText({ ladder, hysteresisPct }: RuleConfig): string {
  if (ladder.kind === "is") return "";
  if (hysteresisPct === 0) return "left at the threshold itself";
  if (ladder.kind === "drop") return `left only when the fall is ${hysteresisPct} % smaller`;
  return `left only ${hysteresisPct} % beyond the threshold`;
}

function eventRuleLines({
  id,
  on,
  types,
  assets,
  symbols,
  direction,
  amountAbove,
  allow,
  severity,
}: EventRule): string[] {
  const parts = [
    direction ?? "",
    types === "all" ? "" : types.join(" or "),
    assets === "all" ? "" : `of ${assets.join(" or ")}`,
    amountAbove === undefined ? "" : `more than ${amountAbove}`,
    symbols === "all" ? "" : `on ${symbols.join(", ")}`,
    allow.length === 0 ? "" : `but not with ${allow.join(" or ")}`,
  ].filter((part) => part !== "");
  return [`  ${id}: every ${on}${parts.length === 0 ? "" : ` ${parts.join(", ")}`}: ${severity}, told once`];
}

function thresholdText(threshold: Threshold): string {
  if (threshold.kind === "number") return String(threshold.value);
  const { bar, plusPct } = threshold;
  return plusPct === 0 ? bar : `${bar} ${plusPct > 0 ? "+" : "-"} ${Math.abs(plusPct)} %`;
}

function routeLines({ routes, notifiers }: Config): string[] {
  const everyone = notifiers.map(({ name }) => name).join(", ");
  const lines = routes.map(({ match, notify, repeatEveryMs }) => {
    const again = repeatEveryMs === undefined ? "" : `, again every ${duration(repeatEveryMs, "en")}`;
    return `  ${matchText(match)} → ${notify.length === 0 ? "nobody" : notify.join(", ")}${again}`;
  });
  const isClosed = routes.some(({ match }) => Object.keys(match).length === 0);
  return isClosed ? lines : [...lines, `  ${routes.length === 0 ? "everything" : "everything else"} → ${everyone}`];
}

function matchText(match: Route["match"]): string {
  const parts = Object.entries(match).map(([key, values]) => `${key} ${values.join(" or ")}`);
  return parts.length === 0 ? "everything" : parts.join(", ");
}
