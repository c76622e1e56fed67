// What the exchange has in its books beside the account itself: rows of the histories, what liquidations left to be paid back, announced
// delistings and restrictions, flags that it flips. Drawn once for the whole run, so that the exchange and the invariants look at the
// same truth. All times are the exchange's clock, which is ahead of true time by AHEAD_MS.
import { FLOW_TYPES } from "../../src/core/flow-types.ts";
import type { HistoryKind } from "../../src/core/history.ts";
import type { Random } from "./random.ts";
import { BEGIN_MS, DAY, HOUR, MINUTE, SECOND } from "./time.ts";

/** The exchange's clock is not the world's. */
export const AHEAD_MS = 137;
export const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"] as const;
/** Where a transfer out may go. */
export const ALLOWED = ["SPOT"] as const;

/** One row, as the exchange has it. */
export interface BookedRow {
  readonly account: string;
  readonly kind: HistoryKind;
  /** The isolated pair; undefined for the cross account. */
  readonly symbol: string | undefined;
  /** Beyond 2^53: neighbours are the same number to whoever reads it as a double. */
  readonly id: string;
  readonly atMs: number;
  /** Before this nobody can read it. */
  readonly visibleMs: number;
  /** Of a forced order: its side. */
  readonly type: string;
  readonly asset: string;
  readonly amount: string;
  /** The other end of a transfer, where the exchange names it. */
  readonly end: string | undefined;
  readonly status: string;
}

/** Something that lasts. */
export interface Spell<T> {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly what: T;
}

export interface Delisted {
  readonly atMs: number;
  readonly assets: readonly string[];
  readonly symbols: readonly string[];
}

export interface Restricted {
  readonly openLong: readonly string[];
  readonly maxCollateral: readonly string[];
}

export interface Loaned {
  readonly asset: string;
  readonly remaining: string;
}

export interface Books {
  /** Oldest first. */
  rows(account: string, kind: HistoryKind, symbol: string | undefined): readonly BookedRow[];
  row(account: string, kind: HistoryKind, id: string): BookedRow | undefined;
  readonly all: readonly BookedRow[];
  loan(account: string, atMs: number): Loaned | undefined;
  delistings(atMs: number): readonly Delisted[];
  restrictions(atMs: number): Restricted;
  /** Flags that the exchange has switched off. `subject`: "main cross", "main BTCUSDT". */
  flagsOff(subject: string, atMs: number): ReadonlySet<string>;
}

/** The quirks of the exchange in one run: what its documents leave open. */
export interface Quirks {
  readonly isNewestFirst: boolean;
  readonly stampsInSeconds: boolean;
  /** An answer about forced orders of the cross account holds those of pairs, too. */
  readonly isMixed: boolean;
  readonly noLoan: "" | "{}" | "[]" | "null";
}

export function drawQuirks(random: Random): Quirks {
  return {
    isNewestFirst: random.chance(0.5),
    stampsInSeconds: random.chance(0.4),
    isMixed: random.chance(0.3),
    noLoan: random.pick(["", "{}", "[]", "null"]),
  };
}

export interface BooksParts {
  readonly accounts: readonly string[];
  readonly calmMs: number;
  readonly endMs: number;
  randomFor(what: string): Random;
}

/** Before the program ever ran: nobody may be told of these. */
const BEFORE_MS = 2 * DAY;
const LATEST_MS = 30 * MINUTE;
const CROWD_CHANCE = 0.01;
/** More than one answer holds. */
const CROWD = 1100;

export function drawBooks(parts: BooksParts): Books {
  const { accounts, calmMs, endMs, randomFor } = parts;
  const untilMs = Math.min(calmMs, endMs);
  const places = accounts.flatMap((account) => [undefined, ...SYMBOLS].map((symbol) => ({ account, symbol })));
  const drafts = places.flatMap(({ account, symbol }) => {
    const random = randomFor(`rows ${account} ${symbol ?? "cross"}`);
    return drawRows(untilMs, random).map((draft) => ({ ...draft, account, symbol }));
  });
  const all = numbered(drafts);
  const streams = Map.groupBy(all, ({ account, kind, symbol }) => `${account}|${kind}|${symbol ?? ""}`);
  const byId = new Map(all.map((row) => [`${row.account}|${row.kind}|${row.id}`, row]));
  const loans = new Map(accounts.map((account) => [account, drawLoans(untilMs, randomFor(`loans ${account}`))]));
  const schedule = drawDelistings(untilMs, randomFor("delistings"));
  const restricted = drawRestrictions(untilMs, randomFor("restrictions"));
  const flags = new Map(
    places.map(({ account, symbol }) => {
      const subject = `${account} ${symbol ?? "cross"}`;
      return [subject, drawFlags(symbol === undefined, untilMs, randomFor(`flags ${subject}`))];
    }),
  );
  return {
    all,
    rows: (account, kind, symbol) => streams.get(`${account}|${kind}|${symbol ?? ""}`) ?? [],
    row: (account, kind, id) => byId.get(`${account}|${kind}|${id}`),
    loan: (account, atMs) => during(loans.get(account) ?? [], atMs)[0],
    delistings: (atMs) => during(schedule, atMs).filter((entry) => entry.atMs > atMs),
    restrictions: (atMs) => during(restricted, atMs).at(-1) ?? { openLong: [], maxCollateral: [] },
    flagsOff: (subject, atMs) => new Set(during(flags.get(subject) ?? [], atMs)),
  };
}

const during = <T>(spells: readonly Spell<T>[], atMs: number): readonly T[] =>
  spells.filter(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs).map(({ what }) => what);

// ---------------------------------------------------------------- rows

type Draft = Omit<BookedRow, "id" | "account" | "symbol">;

function drawRows(untilMs: number, random: Random): readonly Draft[] {
  const beganMs = BEGIN_MS - BEFORE_MS;
  const found: Draft[] = [];
  const at = () => Math.floor(random.between(beganMs, untilMs));
  const days = (untilMs - beganMs) / DAY;
  const some = (perDay: number) => Array.from({ length: random.whole(0, Math.ceil(2 * perDay * days)) }, at);
  for (const atMs of some(3)) found.push(flow(atMs, random.pick(["BORROW", "REPAY", ...ordinary]), random));
  for (const atMs of some(0.3)) found.push(flow(atMs, random.pick(["AIRDROP_V2", "INSURANCE_CLAWBACK"]), random));
  for (const atMs of some(1.5)) found.push(transfer(atMs, random));
  for (const atMs of some(0.4)) found.push(...liquidation(atMs, random));
  if (random.chance(CROWD_CHANCE)) {
    const atMs = at();
    for (let i = 0; i < CROWD; i++)
      found.push({ ...flow(atMs, "OTHER_LIQUIDATION", random), visibleMs: atMs + SECOND });
  }
  return found;
}

const ordinary = FLOW_TYPES.filter((type) => !type.includes("LIQUIDATION"));
const isForced = (type: string) => type.includes("LIQUIDATION");
const [forced = "", ...others] = FLOW_TYPES.filter(isForced);

/** Most are there at once; some only after a while. */
const visibleFrom = (atMs: number, random: Random): number =>
  Math.floor(atMs + (random.chance(0.25) ? random.magnitude(SECOND, LATEST_MS) : random.between(0, 2 * SECOND)));

function common(atMs: number, random: Random) {
  const amount = random.magnitude(0.001, 90_000).toFixed(8);
  return { atMs, visibleMs: visibleFrom(atMs, random), asset: random.pick(["USDT", "BTC", "ETH"]), amount };
}

const flow = (atMs: number, type: string, random: Random): Draft => ({
  ...{ kind: "flow", type, end: undefined, status: "" },
  ...common(atMs, random),
});

const transfer = (atMs: number, random: Random): Draft => ({
  ...{ kind: "transfer", type: random.pick(["ROLL_IN", "ROLL_IN", "ROLL_OUT", "ROLL_OUT", "ROLL_OUT", "ROLL_OVER"]) },
  end: random.pick(["SPOT", "SPOT", "SPOT", "FUNDING", "ISOLATED_MARGIN", undefined]),
  status: random.chance(0.95) ? "CONFIRMED" : "FAILED",
  ...common(atMs, random),
});

/** Orders and what they cost, within half a minute; sometimes many in one moment. */
function liquidation(atMs: number, random: Random): readonly Draft[] {
  const isAtOnce = random.chance(0.2);
  return Array.from({ length: Math.round(random.magnitude(1, 30)) }, () => {
    const eachMs = isAtOnce ? atMs : atMs + random.whole(0, 30_000);
    if (random.chance(0.7)) return flow(eachMs, random.pick([forced, ...others]), random);
    const end = undefined;
    return {
      ...common(eachMs, random),
      kind: "liquidation",
      type: random.pick(["BUY", "SELL"]),
      end,
      status: "FILLED",
    };
  });
}

const FIRST_ID = 2n ** 60n + 1n;

/** In the order in which they happened. */
function numbered(drafts: readonly Omit<BookedRow, "id">[]): readonly BookedRow[] {
  return [...drafts]
    .sort((a, b) => a.atMs - b.atMs)
    .map((draft, index) => ({ ...draft, id: `${FIRST_ID + BigInt(index)}` }));
}

// ---------------------------------------------------------------- what lasts

function drawLoans(untilMs: number, random: Random): readonly Spell<Loaned>[] {
  if (random.chance(0.6)) return [];
  const fromMs = random.between(BEGIN_MS, untilMs);
  const endMs = random.chance(0.3) ? Number.POSITIVE_INFINITY : fromMs + random.magnitude(20 * MINUTE, DAY);
  const what = { asset: random.pick(["USDT", "BTC"]), remaining: random.magnitude(0.01, 9000).toFixed(4) };
  return [{ fromMs, untilMs: endMs < untilMs ? endMs : Number.POSITIVE_INFINITY, what }];
}

/** A spell that would end in the calm lasts for ever: nothing moves there. */
function spell<T>(what: T, untilMs: number, random: Random): Spell<T> {
  const fromMs = random.chance(0.4) ? Number.NEGATIVE_INFINITY : random.between(BEGIN_MS, untilMs);
  const endMs = Math.max(fromMs, BEGIN_MS) + random.magnitude(HOUR, 9 * DAY);
  return { fromMs, untilMs: endMs < untilMs ? endMs : Number.POSITIVE_INFINITY, what };
}

function drawDelistings(untilMs: number, random: Random): readonly Spell<Delisted>[] {
  return Array.from({ length: random.whole(0, 3) }, () => {
    const assets = random.some(["BTC", "USDT", "DOGE"], 0.35);
    const symbols = random.some(SYMBOLS, 0.3);
    return spell({ atMs: Math.floor(BEGIN_MS + random.between(-DAY, 11 * DAY)), assets, symbols }, untilMs, random);
  });
}

function drawRestrictions(untilMs: number, random: Random): readonly Spell<Restricted>[] {
  return Array.from({ length: random.whole(0, 2) }, () => {
    const [openLong, maxCollateral] = [random.some(["BTC", "USDT", "ETH"], 0.4), random.some(["BTC", "USDT"], 0.4)];
    return spell({ openLong, maxCollateral }, untilMs, random);
  });
}

function drawFlags(isCross: boolean, untilMs: number, random: Random): readonly Spell<string>[] {
  const names = isCross
    ? (["tradeEnabled", "borrowEnabled", "transferInEnabled"] as const)
    : (["enabled", "tradeEnabled"] as const);
  if (random.chance(0.5)) return [];
  const found: Spell<string>[] = [];
  const off = (name: string, fromMs: number, lastsMs: number) =>
    found.push({
      fromMs,
      untilMs: fromMs + lastsMs < untilMs ? fromMs + lastsMs : Number.POSITIVE_INFINITY,
      what: name,
    });
  for (let i = random.whole(0, 4); i > 0; i--)
    off(random.pick(names), random.between(BEGIN_MS, untilMs), random.magnitude(5 * MINUTE, DAY));
  if (random.chance(0.3)) {
    const name = random.pick(names);
    const fromMs = random.between(BEGIN_MS, untilMs - 6 * HOUR);
    for (let i = 0; i < 8; i++) off(name, fromMs + i * 40 * MINUTE, 20 * MINUTE);
  }
  return found;
}
