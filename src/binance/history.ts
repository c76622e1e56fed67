// The HistoryReader port on Binance: capital flow, transfers, forced liquidations, and what a liquidation left to be paid back. Start
// here; windows.ts cuts the time, flows.ts and pages.ts ask for one window.
import type { HistoryReader, HistoryRow, HistoryStream } from "../core/history.ts";
import type { Log } from "../lib/log.ts";
import type { Asker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { PATHS } from "./endpoints.ts";
import { createFlowsReader, type Get } from "./flows.ts";
import { parseLoans } from "./history-parse.ts";
import { createLiquidationsReader, createTransfersReader } from "./pages.ts";
import { failureOf } from "./reads.ts";
import { readWindows, type WindowReader } from "./windows.ts";

/** "Only supports querying the data of the last 90 days"; less a minute, in which the request is on its way. */
const OLDEST_MS = 90 * 86_400_000 - 60_000;
/** Read again before `fromMs`: a row may be visible some time after its stamp, and the exchange's clock was perhaps only believed. */
const AGAIN_MS = 60_000;

export function createHistoryReader(
  account: string,
  asker: Pick<Asker, "askLater">,
  { serverTime, log }: Pick<Shared, "serverTime" | "log">,
): HistoryReader {
  const nowMs = () => Math.floor(serverTime.nowMs());
  return {
    account,
    nowMs,
    async *read(stream, fromMs, signal, toMs = Number.POSITIVE_INFINITY) {
      const atMs = nowMs();
      const endMs = Math.min(atMs, Math.floor(toMs));
      if (fromMs > endMs) return;
      const startMs = Math.max(Math.floor(fromMs) - AGAIN_MS, atMs - OLDEST_MS);
      const get =
        (path: string): Get =>
        (params) =>
          asker.askLater(path, params, signal);
      try {
        for await (const value of readWindows({ startMs, endMs }, readerOf(stream, get, log)))
          yield { ok: true, value };
      } catch (error) {
        yield { ok: false, failure: failureOf(error, signal, log) };
      }
    },
    async loans(signal) {
      try {
        // Without a loan the body is empty: seen live in 2026, documented nowhere.
        return {
          ok: true,
          value: parseLoans(await asker.askLater(PATHS.liquidationLoan, [], signal, { mayBeEmpty: true })),
        };
      } catch (error) {
        return { ok: false, failure: failureOf(error, signal, log) };
      }
    },
  };
}

function readerOf({ kind, symbol }: HistoryStream, get: (path: string) => Get, log: Log): WindowReader<HistoryRow> {
  switch (kind) {
    case "flow":
      return createFlowsReader(symbol, get(PATHS.capitalFlow), log);
    case "transfer":
      return createTransfersReader(symbol, get(PATHS.transfers));
    case "liquidation":
      return createLiquidationsReader(symbol, get(PATHS.forceLiquidations));
  }
}
