// Answers of the histories and of the market, as Binance gives them: windows, limits, pages, and what it refuses. Text and not objects,
// because ids exceed what a number of JavaScript holds.
import type { BookedRow, Books, Quirks } from "./books.ts";
import { DAY } from "./time.ts";

export const BESIDE_PATHS = {
  flow: "/sapi/v1/margin/capital-flow",
  transfer: "/sapi/v1/margin/transfer",
  liquidation: "/sapi/v1/margin/forceLiquidationRec",
  loan: "/sapi/v1/margin/liquidation-loan",
  delistings: "/sapi/v1/margin/delist-schedule",
  restrictions: "/sapi/v1/margin/restricted-asset",
  prices: "/api/v3/ticker/price",
} as const;

const ALL: ReadonlySet<string> = new Set(Object.values(BESIDE_PATHS));
export const isBeside = (path: string): boolean => ALL.has(path);
/** These want the key, and no signature. */
const UNSIGNED: ReadonlySet<string> = new Set([
  BESIDE_PATHS.delistings,
  BESIDE_PATHS.restrictions,
  BESIDE_PATHS.prices,
]);
export const isUnsigned = (path: string): boolean => UNSIGNED.has(path);

/** A body that may be changed before it is sent, or the number of a complaint. */
export type Page = { readonly body: unknown } | { readonly code: number };

export interface PageParts {
  readonly account: string;
  readonly path: string;
  readonly params: URLSearchParams;
  readonly books: Books;
  readonly quirks: Quirks;
  readonly serverMs: number;
}

const TOO_LONG = -4047;
const ILLEGAL = -1128;
const FLOW_SPAN_MS = 7 * DAY;
const TRANSFER_SPAN_MS = 30 * DAY;
const OLDEST_MS = 90 * DAY;

export function pageOf(parts: PageParts): Page {
  const { account, path, books, quirks, serverMs } = parts;
  switch (path) {
    case BESIDE_PATHS.flow:
      return flows(parts);
    case BESIDE_PATHS.transfer:
      return pages(parts, "transfer");
    case BESIDE_PATHS.liquidation:
      return pages(parts, "liquidation");
    case BESIDE_PATHS.loan: {
      const loan = books.loan(account, serverMs);
      if (loan !== undefined) return { body: { asset: loan.asset, remainingAmount: loan.remaining } };
      return { body: quirks.noLoan === "" ? undefined : JSON.parse(quirks.noLoan) };
    }
    case BESIDE_PATHS.delistings:
      return {
        body: books.delistings(serverMs).map(({ atMs, assets, symbols }) => ({
          ...{ delistTime: atMs, crossMarginAssets: assets, isolatedMarginSymbols: symbols },
        })),
      };
    case BESIDE_PATHS.restrictions: {
      const { openLong, maxCollateral } = books.restrictions(serverMs);
      return { body: { openLongRestrictedAsset: openLong, maxCollateralExceededAsset: maxCollateral } };
    }
    default:
      return { body: [{ symbol: "BTCUSDT", price: "10000.00" }] };
  }
}

/** What marks a number that JSON.stringify would write as a text. */
const EXACT = "exactly ";
export const exactly = (id: string): string => `${EXACT}${id}`;
export const textOf = (body: unknown): string =>
  body === undefined ? "" : JSON.stringify(body).replace(/"exactly (\d+)"/g, "$1");

interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** Undefined: the exchange takes no such window. */
function spanOf({ params, serverMs }: PageParts, mostMs: number): Span | undefined {
  const [startMs, endMs] = [Number(params.get("startTime")), Number(params.get("endTime"))];
  const isAllowed = startMs > 0 && endMs >= startMs && endMs - startMs <= mostMs && startMs >= serverMs - OLDEST_MS;
  return isAllowed ? { startMs, endMs } : undefined;
}

const isIn =
  ({ startMs, endMs }: Span, serverMs: number) =>
  (row: BookedRow) =>
    row.atMs >= startMs && row.atMs <= endMs && row.visibleMs <= serverMs;

function flows(parts: PageParts): Page {
  const { account, params, books, quirks, serverMs } = parts;
  const limit = Number(params.get("limit") ?? 500);
  const span = spanOf(parts, FLOW_SPAN_MS);
  if (span === undefined) return { code: TOO_LONG };
  if (limit > 1000) return { code: ILLEGAL };
  const fromId = params.get("fromId");
  const found = books
    .rows(account, "flow", params.get("symbol") ?? undefined)
    .filter(isIn(span, serverMs))
    .filter(({ id }) => fromId === null || BigInt(id) > BigInt(fromId));
  const isBackwards = quirks.isNewestFirst && fromId === null;
  const rows = isBackwards ? found.reverse().slice(0, limit) : found.slice(0, limit);
  return {
    body: rows.map(({ id, atMs, symbol, asset, type, amount }) => ({
      ...{ id: exactly(id), tranId: exactly(id), timestamp: atMs, asset, type, amount },
      ...(symbol !== undefined && { symbol }),
    })),
  };
}

function pages(parts: PageParts, kind: "transfer" | "liquidation"): Page {
  const { account, params, books, quirks, serverMs } = parts;
  const [current, size] = [Number(params.get("current")), Number(params.get("size"))];
  const span = spanOf(parts, kind === "transfer" ? TRANSFER_SPAN_MS : FLOW_SPAN_MS);
  if (span === undefined) return { code: TOO_LONG };
  if (size > 100 || current < 1) return { code: ILLEGAL };
  const symbol = params.get("isolatedSymbol") ?? undefined;
  const isMixed = quirks.isMixed && kind === "liquidation" && symbol === undefined;
  const source = isMixed
    ? books.all.filter((row) => row.kind === kind && row.account === account)
    : books.rows(account, kind, symbol);
  const found = source.filter(isIn(span, serverMs)).reverse();
  const rows = found.slice((current - 1) * size, current * size);
  const bodyOf = kind === "transfer" ? transferBody : orderBody;
  return { body: { rows: rows.map((row) => bodyOf(row, quirks)), total: found.length } };
}

function transferBody({ id, atMs, type, asset, amount, end, status, symbol }: BookedRow, quirks: Quirks): object {
  const isIn = type.startsWith("ROLL_IN");
  const own = symbol === undefined ? "CROSS_MARGIN" : "ISOLATED_MARGIN";
  return {
    ...{ amount, asset, status, timestamp: quirks.stampsInSeconds ? Math.floor(atMs / 1000) : atMs },
    ...{
      txId: exactly(id),
      type,
      ...(end !== undefined && { transFrom: isIn ? end : own, transTo: isIn ? own : end }),
    },
    ...(symbol !== undefined && { [isIn ? "toSymbol" : "fromSymbol"]: symbol }),
  };
}

const orderBody = ({ id, atMs, type, amount, symbol }: BookedRow): object => ({
  ...{ avgPrice: "9000.00", executedQty: amount, orderId: exactly(id), price: "9000.00", qty: amount, side: type },
  ...{ symbol: symbol ?? "BTCUSDT", timeInForce: "GTC", isIsolated: symbol !== undefined, updatedTime: atMs },
});
