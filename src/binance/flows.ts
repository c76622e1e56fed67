// Asks for windows of the capital flow. The one thing to know: an answer holds at most 1000 rows, and which ones are missing from a full
// one is not documented, so a full answer counts as not read.
import type { FlowRow } from "../core/history.ts";
import type { Log } from "../lib/log.ts";
import { badResponse } from "./errors.ts";
import { type FlowsAnswer, parseFlows } from "./history-parse.ts";
import type { Params } from "./sign.ts";
import { isFromBefore, tooMany, type Window, type WindowReader } from "./windows.ts";

/** Above 7 days the exchange answers -4047; how it counts the ends is not documented. */
const SPAN_MAX_MS = 7 * 86_400_000 - 60_000;
const LIMIT = 1000;
/** What the exchange gives when it does not follow `limit`. */
const DEFAULT_LIMIT = 500;

export type Get = (params: Params) => Promise<unknown>;

export function createFlowsReader(symbol: string | undefined, get: Get, log: Log): WindowReader<FlowRow> {
  /** More came than it gives by itself, so that many are not the end of an answer. */
  let followsLimit = false;
  const isFull = ({ count }: FlowsAnswer): boolean => {
    followsLimit ||= count > DEFAULT_LIMIT;
    return count >= LIMIT || (count === DEFAULT_LIMIT && !followsLimit);
  };

  async function ask({ startMs, endMs }: Window, fromId?: bigint): Promise<FlowsAnswer> {
    const body = await get([
      ...(symbol === undefined ? [] : [["symbol", symbol] as const]),
      ["startTime", `${startMs}`],
      ["endTime", `${endMs}`],
      ...(fromId === undefined ? [] : [["fromId", `${fromId}`] as const]),
      ["limit", `${LIMIT}`],
    ]);
    return parseFlows(body, symbol);
  }

  /**
   * More than an answer holds in one moment: on by ids. From zero, as the first answer may hold the newest rows. Source for
   * "id > fromId": the API page; that it may be given together with times is not confirmed.
   */
  async function walk(window: Window): Promise<readonly FlowRow[]> {
    const rows: FlowRow[] = [];
    for (let fromId = 0n; ; ) {
      const answer = await ask(window, fromId);
      const found = answer.rows.filter((row) => isIn(row, window));
      rows.push(...found);
      const lastId = found.reduce((id, row) => (BigInt(row.id) > id ? BigInt(row.id) : id), fromId);
      if (!isFull(answer)) return rows;
      if (lastId === fromId) {
        log.warn(
          { symbol, atMs: window.startMs, rows: rows.length },
          "the exchange gives no more rows of a moment; some may be missing",
        );
        return rows;
      }
      fromId = lastId;
    }
  }

  return {
    spanMaxMs: SPAN_MAX_MS,
    async read(window) {
      const answer = await ask(window);
      const rows = answer.rows.filter((row) => isIn(row, window));
      if (!isFull(answer)) return rows;
      // The times were not followed, so a shorter window would be as full.
      if (rows.length < answer.rows.length) throw badResponse("the capital flow is full of rows of another time");
      // All of it rows of other pairs, where the pair that was asked for is not heeded: then nothing tells where they lie.
      return rows.length === 0 ? { middle: window, count: answer.count } : { ...tooMany(rows), count: answer.count };
    },
    async readSmallest(window) {
      const answer = await ask(window);
      const rows = answer.rows.filter((row) => isIn(row, window));
      return isFull(answer) ? [...rows, ...(await walk(window))] : rows;
    },
  };
}

const isIn = (row: FlowRow, window: Window): boolean => !isFromBefore(row, window) && row.atMs <= window.endMs;
