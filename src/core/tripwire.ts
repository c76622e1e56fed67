// Which rows of the history are told, and how bad they are: margind's own rules, always, and those of the user. A row is one line for
// people, however many rules it trips: the worst tells it. Rows that one rule tells of together are one notice.
import { type Advance, notice, type Rulebook, type Scene } from "./advance.ts";
import { type Direction, flowDirection, isFlowType, isLiquidation } from "./flow-types.ts";
import type { FlowRow, HistoryRow, TransferRow } from "./history.ts";
import { rank } from "./lifecycle.ts";
import type { Severity, Subject } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { EventRule, OwnRule } from "./rules/types.ts";

export interface Tripwires {
  readonly rules: readonly EventRule[];
  /** Other ends to which a transfer out is nobody's business: SPOT, FUNDING … */
  readonly allow: readonly string[];
}

export interface Trip {
  readonly rule: string;
  readonly severity: Severity;
}

/** Worst first; at equal severity margind's own before the user's, these in their order. */
export function tripped(row: HistoryRow, { rules, allow }: Tripwires): readonly Trip[] {
  if (row.kind === "transfer" && same(row.status, "FAILED")) return [];
  const own = ownTrips(row, allow);
  const theirs = rules.filter((rule) => matches(rule, row)).map(({ id, severity }) => ({ rule: id, severity }));
  return [...own, ...theirs].sort((a, b) => rank(b.severity) - rank(a.severity));
}

function ownTrips(row: HistoryRow, allow: readonly string[]): readonly Trip[] {
  const trip = (rule: OwnRule, severity: Severity): readonly Trip[] => [{ rule, severity }];
  switch (row.kind) {
    case "liquidation":
      return trip("forced-liquidation", "critical");
    case "flow": {
      const type = row.type.toUpperCase();
      if (isLiquidation(type)) return trip("flow-liquidation", "critical");
      return isFlowType(type) ? [] : trip("flow-unknown-type", "warning");
    }
    case "transfer":
      if (transferDirection(row) === "in" || isOneOf(allow, otherEnd(row))) return [];
      return trip("transfer-not-allowed", "critical");
  }
}

/** A type that is not known counts as out: the worse of the two. */
export const transferDirection = ({ type }: Pick<TransferRow, "type">): Direction =>
  type.toUpperCase().startsWith("ROLL_IN") ? "in" : "out";

/** Where it went to or came from; undefined where the exchange does not say. */
export const otherEnd = (row: TransferRow): string | undefined => (transferDirection(row) === "in" ? row.from : row.to);

function matches(rule: EventRule, row: HistoryRow): boolean {
  if (row.kind !== rule.on) return false;
  const direction = row.kind === "flow" ? flowDirection(row.type.toUpperCase()) : transferDirection(row);
  return (
    covers(rule.types, row.type) &&
    covers(rule.assets, row.asset) &&
    covers(rule.symbols, row.symbol) &&
    (rule.direction === undefined || rule.direction === direction) &&
    isAbove(row, rule.amountAbove) &&
    !(row.kind === "transfer" && isOneOf(rule.allow, otherEnd(row)))
  );
}

// The documents do not say whether what goes out has a sign.
const isAbove = ({ amount }: FlowRow | TransferRow, limit: number | undefined): boolean =>
  limit === undefined || Math.abs(amount) > limit;

const covers = (some: "all" | readonly string[], name: string | undefined): boolean =>
  some === "all" || isOneOf(some, name);

const isOneOf = (names: readonly string[], name: string | undefined): boolean =>
  name !== undefined && names.some((each) => same(each, name));

const same = (a: string, b: string): boolean => a.trim().toUpperCase() === b.trim().toUpperCase();

// ---------------------------------------------------------------- notices

/** Forced orders belong to the flow of their account or pair. */
export function subjectOf({ kind, symbol }: HistoryRow): Subject {
  const about = kind === "transfer" ? "transfer" : "flow";
  return symbol === undefined ? about : `${about} ${symbol}`;
}

/**
 * By notifier, the worst trip of those that are routed to it: a row is one line for each, and a rule that is told to nobody hides none
 * that is. Empty: nobody hears of the row.
 * @param trips worst first.
 */
export function reached(
  row: HistoryRow,
  trips: readonly Trip[],
  account: string,
  { routes, notifiers }: Pick<Rulebook, "routes" | "notifiers">,
): ReadonlyMap<string, Trip> {
  const subject = subjectOf(row);
  const told = trips.map((trip) => {
    return { trip, notify: routeOf(routes, notifiers, { account, subject, rule: trip.rule }, trip.severity).notify };
  });
  return new Map(
    notifiers.flatMap((notifier) => {
      const trip = told.find(({ notify }) => notify.includes(notifier))?.trip;
      return trip === undefined ? [] : [[notifier, trip] as const];
    }),
  );
}

/**
 * One notice for each subject and rule, its rows oldest first. `nowMs` is part of what tells two notices of one alert apart, so the
 * caller uses none twice.
 */
export function notices(
  rows: readonly { readonly row: HistoryRow; readonly trip: Trip }[],
  account: string,
  scene: Pick<Scene, "book" | "nowMs">,
): readonly Advance[] {
  const groups = Map.groupBy(rows, ({ row, trip }) => `${subjectOf(row)}|${trip.rule}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const id = { account, subject: subjectOf(first.row), rule: first.trip.rule };
    const oldestFirst = group.map(({ row }) => row).sort((a, b) => a.atMs - b.atMs);
    return [notice(id, first.trip.severity, { about: "history", rows: oldestFirst }, scene)];
  });
}
