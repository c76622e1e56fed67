import { expect, test } from "vitest";
import { createHistory, ROWS_MAX } from "./history.ts";
import { flow, rolled } from "./journal.ts";

test("ids ascend one by one, beyond what a double can tell apart", () => {
  const history = createHistory(0, 0);
  history.post([flow("cross", "BORROW", "USDT", 1), flow("cross", "REPAY", "USDT", 1)], 1_000);
  history.post([flow("cross", "BORROW", "USDT", 2)], 2_000);
  const [first, second, third] = history.flows("cross");
  expect([second?.id, third?.id]).toEqual([(first?.id ?? 0n) + 1n, (first?.id ?? 0n) + 2n]);
  expect(Number(first?.id)).toBe(Number(second?.id));
  expect([first?.atMs, second?.atMs, third?.atMs]).toEqual([1_000, 1_000, 2_000]);
});

test("one transaction has one number, in every history", () => {
  const history = createHistory(0, 0);
  history.post(rolled("ROLL_IN", "cross", "USDT", 1, "SPOT"), 0);
  history.post(rolled("ROLL_IN", "cross", "USDT", 1, "SPOT"), 0);
  const numbers = history.transfers("cross").map(({ tranId }) => tranId);
  expect(new Set(numbers).size).toBe(2);
  expect(history.flows("cross").map(({ tranId }) => tranId)).toEqual(numbers);
});

test("two keys have no id in common, the same key the same ids in every run", () => {
  const idOf = (keyIndex: number) => {
    const history = createHistory(keyIndex, 0);
    history.post([flow("cross", "BORROW", "USDT", 1)], 0);
    return history.flows("cross")[0]?.id;
  };
  expect(idOf(0)).toBe(idOf(0));
  expect(idOf(0)).not.toBe(idOf(1));
});

test("each place has its own rows, and a margin call has none", () => {
  const history = createHistory(0, 0);
  history.post([flow("BTCUSDT", "BORROW", "USDT", 1), { kind: "margin-call", level: 1.3 }], 0);
  expect([history.flows("cross"), history.flows("ETHUSDT"), history.flows("BTCUSDT").length]).toEqual([[], [], 1]);
});

test("the oldest rows go when there are too many", () => {
  const history = createHistory(0, 0);
  for (let index = 0; index <= ROWS_MAX; index++) history.post([flow("cross", "BORROW", "USDT", index)], index);
  const rows = history.flows("cross");
  expect([rows.length, rows[0]?.atMs, rows.at(-1)?.atMs]).toEqual([ROWS_MAX, 1, ROWS_MAX]);
});

test("ids of a later run are others: to who has read the first run, the same id would be the same row", () => {
  const first = (startMs: number) => {
    const history = createHistory(0, startMs);
    history.post([flow("cross", "BORROW", "USDT", 1)], startMs);
    return history.flows("cross")[0]?.id ?? 0n;
  };
  const startMs = 1_795_291_200_000;
  expect(first(startMs + 1000)).toBeGreaterThan(first(startMs) + 20_000n);
  expect(first(startMs)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
  expect(first(startMs)).toBeLessThan(2n ** 63n);
});
