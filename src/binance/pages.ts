// Asks for windows of the histories that come in pages: transfers and forced liquidations. The one thing to know: `total` is believed
// when it says that rows are missing, and a full page is never the last one.
import type { LiquidationRow, TransferRow } from "../core/history.ts";
import { badResponse } from "./errors.ts";
import type { Get } from "./flows.ts";
import { liquidationRow, type PageAnswer, parsePage, transferRow } from "./history-parse.ts";
import { isFromBefore, type TooMany, tooMany, type Window, type WindowReader } from "./windows.ts";

const DAY_MS = 86_400_000;
/** "The max interval between startTime and endTime is 30 days"; how the ends are counted is not documented. */
const TRANSFERS_SPAN_MAX_MS = 30 * DAY_MS - 60_000;
/** Not documented: what every history allows. */
const LIQUIDATIONS_SPAN_MAX_MS = 7 * DAY_MS - 60_000;
const SIZE = 100; // "Max:100"
/** A window with more is read in shorter ones, so that a failure at a late page does not cost all pages before it. */
const PAGES_MAX = 10;

interface Pages<R> {
  readonly spanMaxMs: number;
  parse(body: unknown): PageAnswer<R>;
  /** Does the row belong to what was asked for? */
  isOurs(row: R, window: Window): boolean;
}

export function createTransfersReader(symbol: string | undefined, get: Get): WindowReader<TransferRow> {
  return createPagesReader(symbol, get, {
    spanMaxMs: TRANSFERS_SPAN_MAX_MS,
    parse: (body) => parsePage(body, symbol, transferRow),
    isOurs: (row, window) => isOfPair(row, symbol) && row.atMs <= window.endMs,
  });
}

export function createLiquidationsReader(symbol: string | undefined, get: Get): WindowReader<LiquidationRow> {
  return createPagesReader(symbol, get, {
    spanMaxMs: LIQUIDATIONS_SPAN_MAX_MS,
    parse: (body) => parsePage(body, symbol, liquidationRow),
    // Also one stamped later than asked: the stamp is the order's last change, and the times asked for may be those of its start.
    isOurs: ({ pair }) => symbol === undefined || pair === symbol,
  });
}

/** Most rows name no pair. A row that does must name ours at either end. */
function isOfPair({ fromSymbol, toSymbol }: TransferRow, symbol: string | undefined): boolean {
  const isSilent = fromSymbol === undefined && toSymbol === undefined;
  return symbol === undefined || isSilent || fromSymbol === symbol || toSymbol === symbol;
}

function createPagesReader<R extends { readonly id: string; readonly atMs: number }>(
  symbol: string | undefined,
  get: Get,
  { spanMaxMs, parse, isOurs }: Pages<R>,
): WindowReader<R> {
  /** The end stays the same for all pages, or new rows would push old ones from page to page. */
  async function ask({ startMs, endMs }: Window, current: number): Promise<PageAnswer<R>> {
    const body = await get([
      ...(symbol === undefined ? [] : [["isolatedSymbol", symbol] as const]),
      ["startTime", `${startMs}`],
      ["endTime", `${endMs}`],
      ["current", `${current}`],
      ["size", `${SIZE}`],
    ]);
    return parse(body);
  }

  async function readPages(window: Window, pagesMax: number): Promise<readonly R[] | TooMany> {
    const rows = new Map<string, R>();
    let count = 0;
    for (let current = 1; current <= pagesMax; current++) {
      const page = await ask(window, current);
      const size = page.rows.length;
      const hasNew = page.rows.some(({ id }) => !rows.has(id));
      if (hasNew) count += size;
      for (const row of page.rows) rows.set(row.id, row);
      const isWhole = page.total === undefined ? size < SIZE : count >= page.total;
      if (size === 0 && !isWhole) throw badResponse(`rows is empty after ${count} of ${page.total}`);
      if (isWhole && (size < SIZE || !hasNew)) return believed(rows, window);
      if (!hasNew) break; // `current` is not followed
      // The times were not followed, so a shorter window would hold no less.
      if (size >= SIZE && page.rows.some((row) => isFromBefore(row, window)))
        throw badResponse("rows is full of rows of another time");
    }
    return tooMany([...rows.values()]);
  }

  const believed = (rows: ReadonlyMap<string, R>, window: Window): readonly R[] =>
    [...rows.values()].filter((row) => !isFromBefore(row, window) && isOurs(row, window));

  return {
    spanMaxMs,
    read: (window) => readPages(window, PAGES_MAX),
    async readSmallest(window) {
      const rows = await readPages(window, Number.POSITIVE_INFINITY);
      if ("middle" in rows) throw badResponse("rows has the same rows on every page, and some are missing");
      return rows;
    },
  };
}
