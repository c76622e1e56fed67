// Rows of the exchange's history that the store holds, for who asks what moved an account. The one thing to know: the history is read
// every few minutes, so the last rows may be missing; a kind of which there is no row at all counts as not read.
import type { Between } from "./core/cause-changes.ts";
import type { FlowRow, TransferRow } from "./core/history.ts";
import { symbolOf } from "./core/observe.ts";
import { StoreError, type Subject } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";

/** Rows of one subject later than `fromMs` and not later than `toMs`, wall ms. */
export type RowsOf = (subject: Subject, fromMs: number, toMs: number) => Between;

export function rowsOf(account: string, store: Pick<Store, "events">, log: Log): RowsOf {
  return (subject, fromMs, toMs) => {
    const symbol = symbolOf(subject) || undefined;
    const flow: FlowRow[] = [];
    const transfer: TransferRow[] = [];
    for (const { stream, row } of stored(fromMs)) {
      if (stream.symbol !== symbol || row.atMs <= fromMs || row.atMs > toMs) continue;
      if (row.kind === "flow") flow.push(row);
      if (row.kind === "transfer") transfer.push(row);
    }
    return { ...(flow.length > 0 && { flow }), ...(transfer.length > 0 && { transfer }) };
  };

  function stored(sinceMs: number) {
    try {
      return store.events(account, sinceMs);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      log.warn({ account, error }, "the stored history cannot be read: causes are told without it");
      return [];
    }
  }
}
