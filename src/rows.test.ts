import { expect, test } from "vitest";
import type { FlowRow, HistoryRow, HistoryStream, StoredEvent, TransferRow } from "./core/history.ts";
import { StoreError } from "./core/ports.ts";
import { silentLog } from "./lib/log.ts";
import { rowsOf } from "./rows.ts";

const flow = (id: string, atMs: number): FlowRow => ({
  kind: "flow",
  id,
  atMs,
  symbol: undefined,
  type: "BORROW",
  asset: "USDT",
  amount: 1,
});
const transfer = (id: string, atMs: number): TransferRow => ({
  kind: "transfer",
  id,
  atMs,
  symbol: undefined,
  type: "ROLL_OUT",
  asset: "USDT",
  amount: 1,
  from: undefined,
  to: undefined,
  fromSymbol: undefined,
  toSymbol: undefined,
  status: "CONFIRMED",
});
const event = (kind: HistoryStream["kind"], symbol: string | undefined, row: HistoryRow): StoredEvent => ({
  account: "main",
  stream: { kind, symbol },
  row,
  isTold: false,
});

test("rows of the subject alone, later than the first look and not later than the second", () => {
  const events = [
    event("flow", undefined, flow("at the begin", 100)),
    event("flow", undefined, flow("inside", 101)),
    event("flow", undefined, flow("at the end", 200)),
    event("flow", undefined, flow("after it", 201)),
    event("flow", "BTCUSDT", flow("of a pair", 150)),
    event("transfer", "BTCUSDT", transfer("moved", 150)),
  ];
  const rows = rowsOf("main", { events: () => events }, silentLog);
  expect(rows("cross", 100, 200).flow?.map(({ id }) => id)).toEqual(["inside", "at the end"]);
  expect(rows("cross", 100, 200)).not.toHaveProperty("transfer");
  expect(rows("isolated BTCUSDT", 100, 200).transfer?.map(({ id }) => id)).toEqual(["moved"]);
  expect(rows("isolated ETHUSDT", 100, 200)).toEqual({});
});

test("a disk that fails costs the rows, not the message", () => {
  const events = () => {
    throw new StoreError("disk I/O error");
  };
  expect(rowsOf("main", { events }, silentLog)("cross", 0, 1)).toEqual({});
});
