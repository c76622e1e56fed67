// A modelled exchange that holds history rows and answers as the API pages say, with what they leave open to choose: which rows of a full
// answer are missing, whether bounds are inclusive, how rows are ordered and stamped. It refuses what the exchange refuses.
import type { Asker } from "../../src/binance/ask.ts";
import { complaintError } from "../../src/binance/errors.ts";
import type { Params } from "../../src/binance/sign.ts";

export const DAY_MS = 86_400_000;

export interface ModelRow {
  readonly id: bigint;
  /** When it happened. */
  readonly atMs: number;
  /** The pair that it belongs to; undefined for the cross account. */
  readonly pair?: string;
}

export interface Manners {
  /** Which rows a full answer of the capital flow gives when it is not asked by ids. */
  readonly keeps: "newest" | "oldest";
  readonly bounds: "both" | "start" | "end";
  readonly order: "up" | "down" | "mixed";
  /** Stamped in whole seconds, rounded down; asked for by the stamp or by the true time. */
  readonly stamps: "ms" | "seconds" | "seconds of ms";
  readonly total: "given" | "missing";
  /** The most rows of a page, whatever was asked for. */
  readonly pageMax: number;
  readonly pastTheEnd: "empty" | "last page";
  /** Parameters that it does not follow. */
  readonly ignores: readonly string[];
}

export const PLAIN: Manners = {
  keeps: "newest",
  bounds: "both",
  order: "down",
  stamps: "ms",
  total: "given",
  pageMax: 100,
  pastTheEnd: "empty",
  ignores: [],
};

export interface HistoryModel extends Pick<Asker, "askLater"> {
  rows: readonly ModelRow[];
  nowMs: number;
  /** Thrown instead of the answer to the request with this number, from 1. */
  fails(request: number): Error | undefined;
  readonly asked: { readonly path: string; readonly params: Readonly<Record<string, string>> }[];
}

export function createHistoryModel(manners: Manners): HistoryModel {
  const model: HistoryModel = {
    rows: [],
    nowMs: 0,
    fails: () => undefined,
    asked: [],
    async askLater(path: string, params: Params) {
      const all = Object.fromEntries(params);
      model.asked.push({ path, params: all });
      const failure = model.fails(model.asked.length) ?? refusal(path, all, model.nowMs);
      if (failure !== undefined) throw failure;
      const followed = Object.fromEntries(params.filter(([name]) => !manners.ignores.includes(name)));
      return path.endsWith("/capital-flow")
        ? flows(model.rows, followed, manners)
        : page(model.rows, followed, manners, path.endsWith("/transfer") ? transferBody : liquidationBody);
    },
  };
  return model;
}

/** -4047 and the like, as a failure of the test's own: a right reader never provokes it. */
function refusal(path: string, { startTime, endTime, size, limit }: Readonly<Record<string, string>>, nowMs: number) {
  const [from, to] = [Number(startTime), Number(endTime)];
  const spanMax = path.endsWith("/transfer") ? 30 * DAY_MS : 7 * DAY_MS;
  const isRight = from < to && to - from < spanMax && from > nowMs - 90 * DAY_MS && to <= nowMs;
  const isSized = Number(size ?? 1) <= 100 && Number(limit ?? 1) <= 1000;
  return isRight && isSized ? undefined : complaintError({ code: -4047, msg: "" });
}

type Asked = Readonly<Record<string, string>>;

const stampOf = (row: ModelRow, { stamps }: Manners): number =>
  stamps === "ms" ? row.atMs : Math.floor(row.atMs / 1000) * 1000;

function isAsked(row: ModelRow, { startTime, endTime, symbol, isolatedSymbol }: Asked, manners: Manners): boolean {
  const atMs = manners.stamps === "seconds" ? stampOf(row, manners) : row.atMs;
  const [from, to] = [Number(startTime ?? 0), Number(endTime ?? Number.MAX_SAFE_INTEGER)];
  const isAfter = manners.bounds === "end" ? atMs > from : atMs >= from;
  const isBefore = manners.bounds === "start" ? atMs < to : atMs <= to;
  const isPair = manners.ignores.some((name) => name === "symbol") || row.pair === (symbol ?? isolatedSymbol);
  return isAfter && isBefore && isPair;
}

const byTime = (a: ModelRow, b: ModelRow): number => a.atMs - b.atMs || Number(a.id - b.id);

function flows(rows: readonly ModelRow[], asked: Asked, manners: Manners): unknown {
  const fromId = asked["fromId"];
  const found = rows.filter((row) => isAsked(row, asked, manners)).filter(({ id }) => id > BigInt(fromId ?? -1));
  found.sort(fromId === undefined ? byTime : (a, b) => Number(a.id - b.id));
  const limit = Number(asked["limit"] ?? 500);
  const isOldest = fromId !== undefined || manners.keeps === "oldest";
  const kept = isOldest ? found.slice(0, limit) : found.slice(Math.max(0, found.length - limit));
  return ordered(kept, manners).map((row) => ({
    id: `${row.id}`,
    timestamp: stampText(row, manners),
    asset: "USDT",
    symbol: row.pair ?? "",
    type: "BORROW",
    amount: "1",
  }));
}

function page(rows: readonly ModelRow[], asked: Asked, manners: Manners, body: typeof transferBody): unknown {
  const found = rows
    .filter((row) => isAsked(row, asked, manners))
    .sort(byTime)
    .reverse();
  const size = Math.min(Number(asked["size"] ?? 10), manners.pageMax);
  const last = Math.max(1, Math.ceil(found.length / size));
  const current = Number(asked["current"] ?? 1);
  const shown = manners.pastTheEnd === "empty" ? current : Math.min(current, last);
  const kept = found.slice((shown - 1) * size, shown * size);
  const total = manners.total === "given" ? { total: `${found.length}` } : {};
  return { rows: ordered(kept, manners).map((row) => body(row, stampText(row, manners))), ...total };
}

const transferBody = (row: ModelRow, timestamp: string): object => ({
  txId: `${row.id}`,
  timestamp,
  asset: "USDT",
  type: "ROLL_IN",
  amount: "1",
  status: "CONFIRMED",
  ...(row.pair !== undefined && { toSymbol: row.pair }),
});

const liquidationBody = (row: ModelRow, updatedTime: string): object => ({
  orderId: `${row.id}`,
  updatedTime,
  symbol: row.pair ?? "BTCUSDT",
  side: "SELL",
  isIsolated: row.pair !== undefined,
});

const stampText = (row: ModelRow, manners: Manners): string =>
  manners.stamps === "ms" ? `${row.atMs}` : `${Math.floor(row.atMs / 1000)}`;

/** The order within one answer. "mixed": every second row first, so that neither end is where one would look for it. */
function ordered(rows: readonly ModelRow[], { order }: Manners): readonly ModelRow[] {
  const up = rows.toSorted(byTime);
  if (order === "mixed")
    return [...up.filter((_, index) => index % 2 === 1), ...up.filter((_, index) => index % 2 === 0)];
  return order === "up" ? up : up.reverse();
}
