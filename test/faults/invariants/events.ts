// From what the exchange has in its books to what people were told of it: every row that trips a rule is stored and told, once, in order,
// in the transaction that keeps it, and nothing from before the watch began. Which rows trip is worked out anew from the documents.
import { FLOW_TYPES } from "../../../src/core/flow-types.ts";
import { type StoredEvent, streamName } from "../../../src/core/history.ts";
import type { Severity } from "../../../src/core/ports.ts";
import type { WatchedAccount } from "../../../src/watch.ts";
import { AHEAD_MS, ALLOWED, type BookedRow } from "../books.ts";
import type { Happening } from "../history.ts";
import type { Config } from "../scenario.ts";
import { MINUTE, SECOND } from "../time.ts";
import { listenersOf } from "./alerts.ts";
import { minutes, type Oracle, type OracleParts } from "./scene.ts";

/** A clock that was not read at the exchange yet may be this wrong, and requests are taken all the same. */
const CLOCK_MS = 5 * SECOND;
/** Transfers may be stamped in whole seconds. */
const STAMP_MS = SECOND;
/** What a run may take, from its first request to its commit. */
const RUN_MS = 20 * MINUTE;

/** A silence whose length nobody stated may be kept for longer, and after it the account is read alone for a while. */
const AFTER_SILENCE_MS = 15 * MINUTE;

interface Mark {
  /** Exchange time at which the program first said that it reads this stream. */
  readonly atMs: number;
}

/** A row that was committed as told. */
interface Told {
  readonly process: number;
  isStored: boolean;
}

interface Trip {
  readonly rule: string;
  readonly severity: Severity;
}

export function events({ scenario, books, time, disk, scene, violate }: OracleParts): Oracle {
  const marks = new Map<string, Mark>();
  /** When a family of streams was first run, by the name of its fact. */
  const families = new Map<string, Mark>();
  const told = new Map<string, Told>();
  /** Of each stream: the newest row that was told, and when. */
  const newest = new Map<string, { readonly rowMs: number; readonly toldMs: number }>();
  const incidents = new Set<string>();
  /** Rows that may trip and are not told, oldest first. */
  let due: readonly BookedRow[] = books.all.filter((row) => tripOf(row, true) !== undefined);
  /** Since then nothing of this account's histories failed, and the watch ran. By account. */
  const troubledMs = new Map<string, number>();
  /** Pairs that owed, by account and symbol, as valid answers to this watch showed: when first. */
  const owed = new Map<string, number>();

  const nowMs = () => time.nowMs() + AHEAD_MS;
  const nameOf = (account: string, row: Pick<BookedRow, "kind" | "symbol">) => `${account}|${streamName(row)}`;
  const watched = (account: string) => scene.config?.accounts.find(({ name }) => name === account);

  // ---------------------------------------------------------------- what counts from when

  function onFacts(facts: readonly { readonly name: string }[]): void {
    for (const { name } of facts) {
      const [kind = "", account = "", ...rest] = name.split(".");
      const place = `${account}|${rest.join(".")}`;
      if (kind === "cursor" && !marks.has(place)) marks.set(place, { atMs: nowMs() });
      if (kind === "history" && !families.has(place)) families.set(place, { atMs: nowMs() });
    }
  }

  /** Nothing stamped before may be told. */
  function earliestMs(row: BookedRow): number {
    const { account, kind, symbol } = row;
    const own = marks.get(nameOf(account, row))?.atMs ?? Number.POSITIVE_INFINITY;
    const family = families.get(`${account}|${kind === "transfer" ? "transfers" : "flows"}`)?.atMs;
    const mixed = kind === "liquidation" ? marks.get(`${account}|liquidation`)?.atMs : undefined;
    // Of a pair that began to owe, what was before the first run that saw it counts, too.
    const looked = symbol === undefined ? own : (family ?? own);
    return Math.min(own, looked, mixed ?? own) - CLOCK_MS - STAMP_MS;
  }

  /** A new process knows what the disk holds. */
  function forget(): void {
    for (const names of [marks, families]) {
      for (const place of [...names.keys()]) {
        const [account = "", rest = ""] = place.split("|");
        const fact = `${names === marks ? "cursor" : "history"}.${account}.${rest}`;
        if (!disk.content.facts.has(fact)) names.delete(place);
      }
    }
    for (const [key, row] of told) row.isStored &&= disk.content.events.has(key);
    owed.clear();
  }

  // ---------------------------------------------------------------- what was committed

  function onCommit(happening: Happening & { readonly kind: "commit" }): void {
    const { change, process, isStored, added } = happening;
    const { config } = scene;
    if (config === undefined) return;
    onFacts(change.facts ?? []);
    const all = (change.events ?? []).map((event) => ({ event, row: bookedOf(event) }));
    const fresh: BookedRow[] = [];
    for (const { event, row } of all) {
      if (row === undefined || !event.isTold) continue;
      const key = diskKeyOf(row);
      const before = told.get(key);
      if (before === undefined || before.process !== process) {
        expectAllowed(row, config);
        if (before?.isStored === true) violate("events", `told again, though it was stored as told: ${wordsOf(row)}`);
        fresh.push(row);
      }
      told.set(key, { process, isStored: isStored || before?.isStored === true });
    }
    expectMessages(fresh, happening, config);
    expectRows(happening);
    expectOrder(fresh);
    if (fresh.length > 0) due = due.filter((row) => !told.has(diskKeyOf(row)));
    if (added === undefined) for (const { name } of config.accounts) trouble(name);
  }

  const diskKeyOf = (row: BookedRow) => `${row.account}|${streamName(row)}|${row.id}`;

  /** What was stored must be a row that the exchange has, with every digit. */
  function bookedOf({ account, stream, row, isTold }: StoredEvent): BookedRow | undefined {
    const booked = books.row(account, row.kind, row.id);
    const amount = row.kind === "liquidation" ? row.executedQty : row.amount;
    const isSame =
      booked !== undefined &&
      booked.symbol === stream.symbol &&
      booked.kind === stream.kind &&
      amount === Number(booked.amount) &&
      Math.abs(row.atMs - booked.atMs) < STAMP_MS;
    if (!isSame) violate("events", `a row is stored that the exchange does not have: ${JSON.stringify(row)}`);
    else if (isTold && booked.visibleMs > nowMs()) violate("events", `told before anybody could see it: ${row.id}`);
    return booked;
  }

  function expectAllowed(row: BookedRow, { eventRules }: Config): void {
    if (tripOf(row, eventRules.length > 0) === undefined)
      violate("events", `told, and no rule says so: ${wordsOf(row)}`);
    const leastMs = earliestMs(row);
    if (row.atMs < leastMs)
      violate(
        "watermark",
        `it was ${minutes(leastMs - row.atMs)} before the watch began, and is told: ${wordsOf(row)}`,
      );
  }

  /** In the same transaction a message to everybody who is to hear of it. */
  function expectMessages(
    rows: readonly BookedRow[],
    { change }: Happening & { readonly kind: "commit" },
    config: Config,
  ): void {
    const said = new Map<string, Trip & { readonly account: string }>();
    for (const row of rows) {
      const trip = tripOf(row, config.eventRules.length > 0);
      const { account, kind, symbol } = row;
      const subject = `${kind === "transfer" ? "transfer" : "flow"}${symbol === undefined ? "" : ` ${symbol}`}`;
      if (trip !== undefined) said.set(`${account}|${subject}|${trip.rule}@`, { ...trip, account });
    }
    for (const [incident, { account, rule, severity }] of said) {
      for (const name of listenersOf({ account, rule, severity }, config)) {
        const recipients = config.channels.find((channel) => channel.name === name)?.recipients ?? [];
        for (const recipient of recipients) {
          const isTold = change.rows.some(
            (row) =>
              row.notifier === name &&
              row.recipient === recipient &&
              row.incidents.some((each) => each.startsWith(incident)),
          );
          if (!isTold) violate("events", `${incident} is kept as told, and there is no message for ${recipient}`);
        }
      }
    }
  }

  /** And no message of rows that are not kept with it. */
  function expectRows({ change }: Happening & { readonly kind: "commit" }): void {
    for (const incident of change.rows.flatMap((row) => row.incidents)) {
      const [account = "", subject = "", rest = ""] = incident.split("|");
      if (!/^(flow|transfer)/.test(subject) || rest.startsWith("undelivered") || incidents.has(incident)) continue;
      incidents.add(incident);
      const isKept = (change.events ?? []).some(({ isTold, row, account: name }) => {
        const about = `${row.kind === "transfer" ? "transfer" : "flow"}${row.symbol === undefined ? "" : ` ${row.symbol}`}`;
        return isTold && name === account && about === subject;
      });
      if (!isKept) violate("events", `${incident} is told, and none of its rows is kept with it`);
    }
  }

  function expectOrder(rows: readonly BookedRow[]): void {
    for (const [stream, group] of Map.groupBy(rows, (row) => nameOf(row.account, row))) {
      const last = newest.get(stream);
      const isMixed = scenario.beside?.quirks.isMixed === true && stream.includes("liquidation ");
      const overtaken = group.find(
        ({ atMs, visibleMs }) =>
          last !== undefined && atMs < last.rowMs - STAMP_MS && visibleMs < last.toldMs - RUN_MS && !isMixed,
      );
      if (overtaken !== undefined && marks.has(stream))
        violate("events", `told after a later row of its stream: ${wordsOf(overtaken)}`);
      newest.set(stream, { rowMs: Math.max(...group.map(({ atMs }) => atMs)), toldMs: nowMs() });
    }
  }

  // ---------------------------------------------------------------- what must be told

  const trouble = (account: string, untilMs = time.nowMs()) =>
    void troubledMs.set(account, Math.max(untilMs, troubledMs.get(account) ?? 0));

  function isRead(row: BookedRow, { flows, transfers, cross }: WatchedAccount): boolean {
    const family = row.kind === "transfer" ? transfers : flows;
    if (family === undefined) return false;
    if (row.symbol === undefined) return cross;
    if (family.isolated === "none") return false;
    if (family.isolated !== "all") return family.isolated.includes(row.symbol);
    // Known to owe for long enough that a run has looked since.
    const sinceMs = owed.get(`${row.account} ${row.symbol}`) ?? Number.POSITIVE_INFINITY;
    return time.nowMs() - sinceMs > 3 * Number(family.poll);
  }

  /** Told by now: it could be read since `sinceMs`, nothing was in the way, and runs came by. */
  function expectTold(): void {
    if (scene.config === undefined || time.nowMs() < time.frozenUntilMs()) return;
    const undisturbedMs = Math.max(scene.watchingSinceMs, scene.disturbedMs, scene.diskFailedMs);
    for (const row of due) {
      if (row.visibleMs > nowMs()) continue;
      const account = watched(row.account);
      const mark = marks.get(nameOf(row.account, row));
      if (account === undefined || mark === undefined || row.atMs < mark.atMs || !isRead(row, account)) continue;
      if (tripOf(row, scene.config.eventRules.length > 0) === undefined) continue;
      const sinceMs = Math.max(row.visibleMs, undisturbedMs, troubledMs.get(row.account) ?? 0);
      const poll = Number((row.kind === "transfer" ? account.transfers : account.flows)?.poll);
      if (time.nowMs() - sinceMs < 2 * poll + RUN_MS) continue;
      violate(
        "events",
        `nothing is in the way for ${minutes(time.nowMs() - sinceMs)}, and nobody was told: ${wordsOf(row)}`,
      );
    }
  }

  function onReply({ account, reply, watch }: Happening & { readonly kind: "reply" }): void {
    if (reply.kind === "silence")
      for (const { name } of scene.config?.accounts ?? []) trouble(name, reply.untilMs + AFTER_SILENCE_MS);
    if (reply.kind === "failure") trouble(account === "nobody" ? (scene.config?.accounts[0]?.name ?? "") : account);
    if (reply.kind !== "answer" || watch !== scene.watch) return;
    for (const { subject, isValid, hasDebt } of reply.seen) {
      const place = `${account} ${subject.replace("isolated ", "")}`;
      if (isValid && hasDebt && !owed.has(place)) owed.set(place, time.nowMs());
    }
  }

  return {
    look: expectTold,
    end: expectTold,
    see(happening) {
      switch (happening.kind) {
        case "commit":
          return onCommit(happening);
        case "reply":
          return onReply(happening);
        case "watching":
          return forget();
        default:
          return;
      }
    },
  };
}

/** The rule that tells of a row; undefined: none. `isLoanRule`: the config has the rule big-loan. */
function tripOf(row: BookedRow, isLoanRule = false): Trip | undefined {
  const { kind, type, end, status, amount } = row;
  if (kind === "liquidation") return { rule: "forced-liquidation", severity: "critical" };
  if (kind === "flow") {
    if (type.endsWith("_LIQUIDATION") || type === "LIQUIDATION_FEE")
      return { rule: "flow-liquidation", severity: "critical" };
    if (!FLOW_TYPES.some((each) => each === type)) return { rule: "flow-unknown-type", severity: "warning" };
    return isLoanRule && type === "BORROW" && Number(amount) > 50
      ? { rule: "big-loan", severity: "warning" }
      : undefined;
  }
  const isAllowed = type === "ROLL_IN" || status === "FAILED" || ALLOWED.some((place) => place === end);
  return isAllowed ? undefined : { rule: "transfer-not-allowed", severity: "critical" };
}

const wordsOf = ({ account, kind, symbol, id, type, atMs, visibleMs }: BookedRow): string =>
  `${account} ${kind} ${symbol ?? "cross"} ${id} ${type} of ${new Date(atMs).toISOString()}, visible after ${Math.round((visibleMs - atMs) / 1000)} s`;
