// The second pass: what the values of a file must be to each other. It runs on what salvage.ts could save of the file, whatever
// else is wrong, so that every mistake is told at once. A value is shown only when it stands in the file itself.

import { builtinRules } from "../core/rules/builtin.ts";
import { OWN_RULES } from "../core/rules/types.ts";
import { durationText } from "../lib/duration.ts";
import { isLoopback } from "../lib/loopback.ts";
import { checkReadings, pairsSeen, warnUnread } from "./check-readings.ts";
import { cronMistake, longestGapMs } from "./cron.ts";
import { checkEventRule, isEventDraft, isEventSubject } from "./events.ts";
import { checkRule } from "./ladder.ts";
import { didYouMean } from "./nearest.ts";
import type { Check, Report } from "./report.ts";
import { type Draft, readListen, watchdogDefaults } from "./schema.ts";
import { blocksAt, entryPath, isBlock, type Path, type Source } from "./source.ts";
import { warnOfTime } from "./speed.ts";

type AccountDraft = NonNullable<Draft["accounts"]>[string];
type RouteDraft = NonNullable<Draft["routes"]>[number];

export function checkTogether(check: Check): void {
  checkAccounts(check);
  checkReadings(check);
  checkRules(check);
  checkStaleness(check);
  checkRoutes(check);
  checkListen(check);
}

// ---------------------------------------------------------------- accounts

function checkAccounts(check: Check): void {
  const { draft, source, report } = check;
  const owners = new Map<string, string>();
  for (const [name, account] of blocksAt(source, "accounts", draft.accounts)) {
    const path = ["accounts", name];
    checkCredential(account, path, source, report);
    checkPoll(account.poll, [...path, "poll"], source, report);
    checkPoll(account.pollWhenFiring, [...path, "pollWhenFiring"], source, report);
    warnOfSlowness(account, path, check);
    checkOwner(account, name, owners, report);
    if (account.cross === false && account.isolated === "none") {
      report.add(path, "watches nothing, expected cross: true or isolated pairs", { part: "key" });
    }
  }
}

/** Requests are paced by key: two accounts with one key would come too fast. */
function checkOwner({ apiKey }: AccountDraft, name: string, owners: Map<string, string>, report: Report): void {
  if (apiKey === undefined) return;
  const owner = owners.get(apiKey.reveal());
  if (owner === undefined) owners.set(apiKey.reveal(), name);
  else report.add(["accounts", name, "apiKey"], `the same key as accounts.${owner}, expected one account for each key`);
}

function checkCredential(account: AccountDraft, path: Path, source: Source, report: Report): void {
  const secretPath = [...path, "apiSecret"];
  const keyPath = [...path, "privateKey"];
  if (source.has(secretPath) && source.has(keyPath)) {
    report.add(keyPath, "apiSecret and privateKey in one account, expected only one of them", { part: "key" });
  } else if (!source.has(secretPath) && !source.has(keyPath)) {
    report.add(path, "needs apiSecret (HMAC key) or privateKey (Ed25519 or RSA key)", { part: "key" });
  } else if (account.apiSecret?.reveal().includes("-----BEGIN")) {
    report.add(secretPath, "a PEM key belongs into privateKey, expected the secret of an HMAC key");
  }
}

function checkPoll(poll: string | undefined, path: Path, source: Source, report: Report): void {
  if (poll === undefined) return;
  const mistake = cronMistake(poll, { show: !source.isInterpolated(path) });
  if (mistake !== undefined) report.add(path, mistake);
}

/** It runs beside `poll`, so that nothing is lost; but what was meant to be fast is not. */
function warnOfSlowness({ poll, pollWhenFiring }: AccountDraft, path: Path, { report, nowMs }: Check): void {
  const fastPath = [...path, "pollWhenFiring"];
  if (poll === undefined || pollWhenFiring === undefined) return;
  if (report.isWrong([...path, "poll"]) || report.isWrong(fastPath)) return;
  const [fastMs, usualMs] = [longestGapMs(pollWhenFiring, nowMs), longestGapMs(poll, nowMs)];
  if (fastMs <= usualMs) return;
  const text = `slower than poll: up to ${durationText(fastMs)} between two, and poll leaves ${durationText(usualMs)} at most`;
  report.warn(fastPath, text);
}

/** A watchdog that waits no longer than the polls are apart would bark between them. */
function checkStaleness({ draft, source, report, nowMs }: Check): void {
  const stalePath = ["watchdog", "staleAfter"];
  if (report.isWrong(stalePath)) return;
  const staleAfterMs = draft.watchdog?.staleAfter ?? watchdogDefaults().staleAfter;
  for (const [name, { poll }] of blocksAt(source, "accounts", draft.accounts)) {
    const pollPath = ["accounts", name, "poll"];
    if (poll === undefined || report.isWrong(pollPath)) continue;
    const gapMs = longestGapMs(poll, nowMs);
    if (gapMs < staleAfterMs) continue;
    const gap = `the longest gap between polls of ${name}, ${durationText(gapMs)}: it would alert between polls`;
    if (source.has(stalePath)) report.add(stalePath, `must be longer than ${gap}`);
    else report.add(pollPath, `watchdog.staleAfter, ${durationText(staleAfterMs)}, must be longer than ${gap}`);
  }
}

// ---------------------------------------------------------------- rules

function checkRules(check: Check): void {
  const { draft, source, report } = check;
  const rules = blocksAt(source, "rules", draft.rules);
  for (const [id, rule] of rules) {
    const path = ["rules", id];
    if (OWN_RULES.some((own) => own === id)) {
      report.add(path, "margind uses this name itself, expected another", { part: "key" });
    }
    if (isEventDraft(rule, path, source)) checkEventRule(rule, path, source, report);
    else checkRule(rule, path, source, report);
    warnOfTime(check, rule, path);
    if (isEventSubject(rule.on)) warnUnread(check, rule.on, [...path, "on"]);
    const on = isEventSubject(rule.on) ? rule.on : "isolated";
    if (Array.isArray(rule.symbols)) warnUnwatched(check, rule.symbols, [...path, "symbols"], [on]);
  }
  if (rules.length > 0 && rules.every(([id, rule]) => isEventDraft(rule, ["rules", id], source))) {
    report.warn(["rules"], ONLY_EVENTS, { part: "key" });
  }
}

const ONLY_EVENTS =
  "no rule watches a margin level, and this block replaces the built-in set: nothing is told before a liquidation. " +
  "Copy the rules of config.example.yaml beside yours";

type PairSubject = "isolated" | "flow" | "transfer";

/** Undefined when an account watches all pairs, or when it is not known. */
function watchedSymbols(draft: Draft, subjects: readonly PairSubject[]): ReadonlySet<string> | undefined {
  const accounts = Object.values(draft.accounts ?? {});
  const lists = accounts.flatMap((account) => subjects.map((on) => pairsSeen(account, draft, on)));
  if (lists.some((list) => list === undefined || list === "all")) return undefined;
  return new Set(lists.flatMap((list) => (Array.isArray(list) ? list : [])));
}

function warnUnwatched(
  { draft, source, report }: Check,
  symbols: readonly string[],
  path: Path,
  subjects: readonly PairSubject[],
): void {
  const watched = watchedSymbols(draft, subjects);
  if (watched === undefined) return;
  for (const [index, symbol] of symbols.entries()) {
    const symbolPath = entryPath(source, path, index);
    const shown = source.isInterpolated(symbolPath) ? "this pair" : symbol;
    if (!watched.has(symbol)) report.warn(symbolPath, `no account watches ${shown}, so this never holds`);
  }
}

// ---------------------------------------------------------------- routes

function checkRoutes(check: Check): void {
  const { draft, source, report } = check;
  const names = {
    notifier: keysAt(source, "notifiers"),
    account: keysAt(source, "accounts"),
    rule: [...(draft.rules ? keysAt(source, "rules") : builtinRules.map(({ id }) => id)), ...OWN_RULES],
  };
  const routes = draft.routes ?? [];
  for (const [index, route] of routes.entries()) {
    const path = ["routes", index];
    checkNames(check, route.notify, [...path, "notify"], "notifier", names.notifier);
    checkNames(check, route.match?.account, [...path, "match", "account"], "account", names.account);
    checkNames(check, route.match?.rule, [...path, "match", "rule"], "rule", names.rule);
    warnUnwatched(check, route.match?.symbol ?? [], [...path, "match", "symbol"], ["isolated", "flow", "transfer"]);
  }
  const last = routes.findIndex((route, index) => takesAll(route, ["routes", index], report));
  if (last >= 0 && last < routes.length - 1) {
    report.add(["routes", last + 1], `never reached: routes[${last}] above takes everything`);
  }
}

const takesAll = ({ match }: RouteDraft, path: Path, report: Report): boolean =>
  Object.keys(match ?? {}).length === 0 && !report.isWrong(path);

/** The names as they stand in the file: one with a mistake inside is a name all the same. */
function keysAt(source: Source, block: string): readonly string[] {
  const found = source.valueAt([block]);
  return isBlock(found) ? Object.keys(found) : [];
}

function checkNames(
  { source, report }: Check,
  given: readonly string[] | undefined,
  path: Path,
  kind: string,
  known: readonly string[],
): void {
  for (const [index, name] of (given ?? []).entries()) {
    if (known.includes(name)) continue;
    const namePath = entryPath(source, path, index);
    const hidden = source.isInterpolated(namePath);
    const suggestion = (hidden ? "" : didYouMean(name, known)) || `, expected one of ${known.join(", ")}`;
    report.add(namePath, `no ${kind} has ${hidden ? "this name" : `the name ${name}`}${suggestion}`);
  }
}

// ---------------------------------------------------------------- http

function checkListen({ draft, source, report }: Check): void {
  const path = ["http", "listen"];
  const listen = draft.http?.listen;
  if (listen === undefined || source.has(["http", "token"]) || isLoopback(readListen(listen).host)) return;
  report.add(
    path,
    "other machines can reach this address: expected http.token beside it, or a loopback address such as 127.0.0.1:9464",
  );
}
