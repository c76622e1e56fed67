// The histories of one key: what was written in the journal, numbered and stamped. The one thing to know: ids are bigints beyond
// 2^53, one apart, so that two of them are one and the same number to a client that reads them as doubles.
import type { Entry, FlowEntry, OrderEntry, Place, TransferEntry } from "./journal.ts";

/** One row of one history. */
export interface Row<E extends Entry = Entry> {
  readonly id: bigint;
  /** The same for all rows of one transaction. */
  readonly tranId: bigint;
  /** The server's time, ms since the epoch. */
  readonly atMs: number;
  readonly entry: E;
}

export interface History {
  /** One transaction. */
  post(entries: readonly Entry[], atMs: number): void;
  /** Of the cross account or of one pair, oldest first. */
  flows(place: Place): readonly Row<FlowEntry>[];
  transfers(place: Place): readonly Row<TransferEntry>[];
  orders(place: Place): readonly Row<OrderEntry>[];
}

/** Rows of each kind that are kept; the oldest go first. */
export const ROWS_MAX = 20_000;

// Of the size of documented samples. Keys are far enough apart that their ids never meet.
const FIRST_FLOW_ID = 1_352_286_576_452_864_727n;
const FIRST_TRAN_ID = 2_351_637_150_141_315_861n;
const FIRST_ORDER_ID = 3_180_015_097_263_411_905n;
const IDS_PER_KEY = 10_000_000n;
/** Room for a hundred keys between the starts of two runs. */
const IDS_PER_S = 1_000_000_000n;
/** The clock that most tests stand at: their ids are those of the samples. */
const EPOCH_MS = 1_700_000_000_000;

/**
 * `keyIndex` tells the histories of several keys apart, `startMs` (the server's time of the start) those of one run from the next: to who
 * keeps what it has read, the same id would be the same row.
 */
export function createHistory(keyIndex: number, startMs: number): History {
  const offset =
    BigInt(keyIndex) * IDS_PER_KEY + BigInt(Math.max(0, Math.floor((startMs - EPOCH_MS) / 1000))) * IDS_PER_S;
  const flows = createRows<FlowEntry>(FIRST_FLOW_ID + offset);
  const orders = createRows<OrderEntry>(FIRST_ORDER_ID + offset);
  const transfers = createRows<TransferEntry>(0n);
  let nextTranId = FIRST_TRAN_ID + offset;
  return {
    post(entries, atMs) {
      const tranId = nextTranId;
      nextTranId += 1n;
      for (const entry of entries) {
        if (entry.kind === "flow") flows.add(entry, tranId, atMs);
        if (entry.kind === "transfer") transfers.add(entry, tranId, atMs);
        if (entry.kind === "order") orders.add(entry, tranId, atMs);
      }
    },
    flows: flows.at,
    transfers: transfers.at,
    orders: orders.at,
  };
}

function createRows<E extends FlowEntry | TransferEntry | OrderEntry>(firstId: bigint) {
  const rows: Row<E>[] = [];
  let nextId = firstId;
  return {
    add(entry: E, tranId: bigint, atMs: number): void {
      rows.push({ id: nextId, tranId, atMs, entry });
      nextId += 1n;
      if (rows.length > ROWS_MAX) rows.shift();
    },
    at: (place: Place): readonly Row<E>[] => rows.filter(({ entry }) => entry.place === place),
  };
}
