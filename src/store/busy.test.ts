// Another program that keeps the database locked: an operator's sqlite3, a backup. The watch must go on beside it, and begin beside it.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import { keyOf } from "../../test/support/messages.ts";
import {
  changes,
  delivered,
  failed,
  keysOf,
  memory,
  NOW_MS,
  newRow,
  nothing,
  snapshot,
} from "../../test/support/store-contract.ts";
import { systemClock } from "../lib/clock.ts";
import { DATABASE_FILE } from "./folder.ts";
import { openStore } from "./sqlite.ts";

const LOCKED = "locked by another program";

function start(stateDir: string) {
  const said: string[] = [];
  const opened = openStore(stateDir, {
    clock: { wallMs: () => NOW_MS },
    onUnreadable: (row) => said.push(row),
    onDisk: (what) => said.push(what.replace(stateDir, "DIR")),
  });
  return { ...opened, said, kind: () => opened.trouble()?.kind };
}

/** An open store with the rows a and b, and a program that can lock its database. */
function open() {
  const folder = tempFolder();
  const opened = start(folder.path);
  opened.store.commit({ alerts: changes, rows: [newRow("a"), newRow("b")], snapshot });
  const other = new DatabaseSync(join(folder.path, DATABASE_FILE));
  return {
    ...opened,
    path: folder.path,
    lock: () => other.exec("BEGIN IMMEDIATE"),
    unlock: () => other.exec("ROLLBACK"),
    attempts: (name: string) => opened.store.pending(0).find(({ key }) => key === keyOf(name))?.attempts,
    [Symbol.dispose]() {
      other.close();
      opened.store.close();
      folder[Symbol.dispose]();
    },
  };
}

function elapsedMs(work: () => void): number {
  const fromMs = systemClock.monoMs();
  work();
  return systemClock.monoMs() - fromMs;
}

// ---------------------------------------------------------------- while it runs

test("H9: a lock of another program is waited for a moment, once; then every write is refused at once until one succeeds", () => {
  using files = open();
  const refused = () => expect(() => files.store.setFact("x", "y")).toThrow(LOCKED);
  for (let round = 0; round < 2; round++) {
    files.lock();
    const firstMs = elapsedMs(refused);
    expect(firstMs).toBeGreaterThan(150);
    expect(firstMs).toBeLessThan(1000);
    const laterMs = elapsedMs(() => {
      for (let count = 0; count < 20; count++) refused();
    });
    expect(laterMs).toBeLessThan(1000); // 20 waits of 250 ms would be 5 s
    expect(files.store.alerts()).toHaveLength(2);
    files.unlock();
    files.store.setFact("x", "y");
  }
});

// ---------------------------------------------------------------- what is owed

test.each([
  [
    "with the next attempt to store it",
    (files: ReturnType<typeof open>) => files.store.settle(keyOf("a"), failed("4")),
  ],
  ["when the disk is looked after", (files: ReturnType<typeof open>) => files.mend()],
])("an outcome that was refused again and again is stored once, as it was last told: %s", (_, pay) => {
  using files = open();
  files.lock();
  for (const error of ["1", "2", "4"]) expect(() => files.store.settle(keyOf("a"), failed(error))).toThrow(LOCKED);
  expect(() => files.store.settle(keyOf("b"), failed("b"))).toThrow(LOCKED);
  for (const value of ["1", "2"]) expect(() => files.store.setFact("ban", value)).toThrow(LOCKED);
  files.unlock();
  pay(files);
  expect(files.store.pending(0)).toMatchObject([
    { key: keyOf("a"), attempts: 1, error: "4" },
    { key: keyOf("b"), attempts: 1, error: "b" },
  ]);
  expect([files.store.fact("ban"), files.kind()]).toEqual(["2", undefined]);
  files.mend();
  expect(files.attempts("a")).toBe(1);
});

test("an attempt that failed and the one that succeeded after it are both owed", () => {
  using files = open();
  files.lock();
  for (const settlement of [failed("timeout", true), delivered("9")])
    expect(() => files.store.settle(keyOf("a"), settlement)).toThrow(LOCKED);
  files.unlock();
  files.mend();
  expect([files.store.receipt(keyOf("a")), keysOf(files.store.pending(0))]).toEqual([{ ts: "9" }, [keyOf("b")]]);
});

// ---------------------------------------------------------------- the start

test("H3: a database that another program has locked at the start is read, kept in memory, and written when it is free", () => {
  using files = open();
  files.store.settle(keyOf("a"), delivered("1"));
  files.store.close();
  files.lock();
  const { store, lost, said, mend, trouble, kind } = start(files.path);
  expect(trouble()).toEqual({ kind: "memory", reason: `the state in ${files.path}: ${LOCKED}` });
  expect([lost, said]).toEqual([
    undefined,
    [`the state in DIR: ${LOCKED}: everything is kept in memory, and a restart loses it`],
  ]);
  expect([store.alerts(), store.snapshots(), keysOf(store.pending(0))]).toEqual([changes, [snapshot], [keyOf("b")]]);
  store.commit({ alerts: [], rows: [newRow("new")], snapshot: undefined });
  store.settle(keyOf("b"), delivered("2"));
  mend();
  expect(kind()).toBe("memory");
  files.unlock();
  mend();
  expect([kind(), said.at(-1)]).toEqual([
    undefined,
    "the state in DIR: it can be written again, what was kept in memory is stored",
  ]);
  store.close();
  const again = start(files.path);
  expect([keysOf(again.store.pending(0)), again.lost, again.said]).toEqual([[keyOf("new")], undefined, []]);
  expect(["a", "b"].map((name) => again.store.receipt(keyOf(name))?.["ts"])).toEqual(["1", "2"]);
  again.store.close();
});

test("H3: a database that another program lets nobody even read at the start is no reason not to watch, and loses nothing", () => {
  using files = open();
  files.store.close();
  const other = new DatabaseSync(join(files.path, DATABASE_FILE));
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
  const { store, lost, mend, kind } = start(files.path);
  expect([kind(), lost?.kind]).toEqual(["memory", "unreadable"]);
  store.commit({ alerts: [], rows: [newRow("new")], snapshot: undefined });
  mend();
  expect(kind()).toBe("memory");
  other.close();
  mend();
  expect([kind(), keysOf(store.pending(0))]).toEqual([undefined, ["a", "b", "new"].map(keyOf)]);
  store.close();
});

test("a cursor that began anew because the disk could not be read does not take the place of the one on it", () => {
  using files = open();
  const begun = ["cursor.main.flow", "history.main.flows", "flags.main", "delistings.main", "push.main.risk"];
  const facts = (value: string, ...names: readonly string[]) => names.map((name) => ({ name, value }));
  files.store.commit({ alerts: [], rows: [], snapshot: undefined, facts: facts("old", ...begun, "bars.main") });
  files.store.close();
  const other = new DatabaseSync(join(files.path, DATABASE_FILE));
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
  const { store, mend } = start(files.path);
  const news = facts("new", ...begun, "cursor.main.transfer", "bars.main");
  store.commit({ alerts: [], rows: [], snapshot: undefined, facts: news });
  other.close();
  mend();
  expect(begun.map((name) => store.fact(name))).toEqual(begun.map(() => "old"));
  expect([store.fact("cursor.main.transfer"), store.fact("bars.main")]).toEqual(["new", "new"]);
  store.close();
});

test("what is remembered goes with its alerts: where the disk could not be read, memory's holds, and what memory does not know stays", () => {
  using files = open();
  files.store.commit({ ...nothing, memories: [memory("before", "old"), memory("track", "old")] });
  files.store.close();
  const other = new DatabaseSync(join(files.path, DATABASE_FILE));
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
  const { store, mend } = start(files.path);
  store.commit({ ...nothing, memories: [memory("before", "new")] });
  other.close();
  mend();
  expect(store.memories("main")).toEqual([memory("before", "new"), memory("track", "old")]);
  store.close();
});

test("one that could be read goes on in memory, and what memory says of it holds", () => {
  using files = open();
  const commit = (store: typeof files.store, value: string) =>
    store.commit({ alerts: [], rows: [], snapshot: undefined, facts: [{ name: "cursor.main.flow", value }] });
  commit(files.store, "old");
  files.store.close();
  files.lock();
  const { store, mend } = start(files.path);
  expect(store.fact("cursor.main.flow")).toBe("old");
  commit(store, "newer");
  files.unlock();
  mend();
  expect(store.fact("cursor.main.flow")).toBe("newer");
  store.close();
});
