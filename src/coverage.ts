// What the config still covers: alerts that nobody watches any more end as such at a start or a reload, and people are told.
import { endOrphans, type Rulebook } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import type { Locale } from "./core/format.ts";
import { isAsked } from "./core/observe.ts";
import type { AlertId, OutboxRow, Subject } from "./core/ports.ts";
import { OWN_RULES, type OwnRule } from "./core/rules/types.ts";
import type { Ledger } from "./ledger.ts";
import type { WatchedAccount } from "./watch.ts";

/** Alerts whose rule, account or subject is no longer watched end as such, and people are told. */
export function sayOrphans(
  accounts: readonly WatchedAccount[],
  ledger: Ledger,
  book: Rulebook,
  nowMs: number,
  locale: Locale,
): readonly OutboxRow[] {
  const rules = new Map(book.rules.map((rule) => [rule.id, rule]));
  const isWatched = ({ account, subject, rule }: AlertId): boolean =>
    subject === "daemon" ||
    book.notifiers.some((name) => subject === `notifier ${name}`) ||
    (isWatchedSubject(accounts, account, subject) &&
      (isOwnRule(rule)
        ? isRead(accounts, account, subject, rule)
        : (rules.get(rule)?.coversSubject(subject) ?? false)));
  const { changes, situations } = endOrphans(ledger.alerts(), isWatched, nowMs);
  return ledger.commit(announce(changes, situations, { book, states: ledger.states, nowMs, locale }), undefined, nowMs);
}

type Part = "cross" | "isolated" | "flows" | "transfers" | "delistings" | "interest";

/** What the config must have read for one of our own alerts to go on. Those that are not here are looked after by every poll. */
const PART_OF: Readonly<Partial<Record<OwnRule, Part>>> = {
  "liquidation-loan": "flows",
  "delist-schedule": "delistings",
  "restricted-asset": "delistings",
  "interest-rate": "interest",
};
const PART_OF_SOURCE: Readonly<Record<string, Part>> = {
  "capital flow": "flows",
  "forced liquidations": "flows",
  "liquidation loans": "flows",
  "transfer history": "transfers",
  "delist schedule": "delistings",
  "restricted assets": "delistings",
  "interest rates": "interest",
  "cross account": "cross",
  "isolated pairs": "isolated",
};

const isOwnRule = (rule: string): rule is OwnRule => OWN_RULES.some((own) => own === rule);

/** Would anybody ever notice the end of this alert? */
function isRead(accounts: readonly WatchedAccount[], account: string, subject: Subject, rule: OwnRule): boolean {
  const watched = accounts.find(({ name }) => name === account);
  const part = PART_OF[rule] ?? (subject.startsWith("source ") ? PART_OF_SOURCE[subject.slice(7)] : undefined);
  if (watched === undefined || part === undefined) return true;
  if (part === "cross") return watched.cross;
  const isOfCross =
    (subject.startsWith("asset ") && part !== "interest") ||
    rule === "liquidation-loan" ||
    subject === "source liquidation loans";
  if (isOfCross && !watched.cross) return false;
  return part === "isolated" ? watched.isolated !== "none" : watched[part] !== undefined;
}

/** Does the config cover this subject of this account? `isolated`: any pair; `feed` and the like: the account itself. */
export function isWatchedSubject(
  accounts: readonly WatchedAccount[],
  account: string,
  about: Subject | "isolated",
): boolean {
  const watched = accounts.find(({ name }) => name === account);
  if (watched === undefined) return false;
  const { cross, isolated } = watched;
  if (about === "cross") return cross;
  if (about === "isolated") return isolated !== "none";
  if (!about.startsWith("isolated ")) return true;
  return isolated !== "none" && isAsked(about, isolated);
}
