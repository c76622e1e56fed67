// The store on a real disk that is full, or read-only, or damaged, at the worst moment.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { mountDisk, type SmallDisk, testWith } from "../../test/support/disk.ts";
import { tempFolder } from "../../test/support/folder.ts";
import { keyOf } from "../../test/support/messages.ts";
import {
  changes,
  delivered,
  keysOf,
  memory,
  NOW_MS,
  newRow,
  nothing,
  snapshot,
} from "../../test/support/store-contract.ts";
import { StoreError } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { DATABASE_FILE } from "./folder.ts";
import { RESERVE_BYTES } from "./reserve.ts";
import { openStore, openStoreBeside } from "./sqlite.ts";

const RESERVE = "margind.reserve";

function start(stateDir: string) {
  const said: string[] = [];
  const opened = openStore(stateDir, {
    clock: { wallMs: () => NOW_MS },
    onUnreadable: (row) => said.push(row),
    onDisk: (what) => said.push(what.replace(stateDir, "DIR")),
  });
  return { ...opened, said, kind: () => opened.trouble()?.kind };
}

const commit = (store: Store, name: string) => store.commit({ ...nothing, rows: [newRow(name)] });

/** Commits until the disk refuses. Yields how many it took and what it said. */
function commitUntilFull(store: Store): { readonly names: readonly string[]; readonly refusal: unknown } {
  const names: string[] = [];
  for (let count = 0; count < 5000; count++) {
    try {
      commit(store, `filling ${count}`);
      names.push(`filling ${count}`);
    } catch (refusal) {
      return { names, refusal };
    }
  }
  throw new Error("the disk took everything");
}

/** What a disk or a database of before has remembered, beside the alerts. */
const REMEMBERED = [memory("before", "1"), memory("track", "1"), memory("untouched", "1")];

/** A store that crashed, with its journal, on a disk of its own; with its index (-shm) or without. */
function crashed(disk: SmallDisk, suffixes: readonly string[]): void {
  using folder = tempFolder();
  const { store } = start(folder.path);
  store.commit({ alerts: changes, rows: [newRow("a"), newRow("b")], snapshot, memories: REMEMBERED });
  store.settle(keyOf("a"), delivered("1"));
  for (const name of ["margind.begun", ...suffixes.map((suffix) => DATABASE_FILE + suffix)])
    copyFileSync(join(folder.path, name), join(disk.path, name));
  store.close();
}

// ---------------------------------------------------------------- the reserve

test("H3: the reserve is made of real bytes, for its owner alone, once there is time, and only once", () => {
  using folder = tempFolder();
  const { store, mend, kind } = start(folder.path);
  const file = join(folder.path, RESERVE);
  expect(existsSync(file)).toBe(false);
  mend();
  const { size, blocks, mode, mtimeMs } = statSync(file);
  expect([size, blocks * 512 >= RESERVE_BYTES, mode & 0o777]).toEqual([RESERVE_BYTES, true, 0o600]);
  mend();
  expect(statSync(file).mtimeMs).toBe(mtimeMs);
  expect([kind(), readdirSync(folder.path).filter((name) => name.endsWith(".partial"))]).toEqual([undefined, []]);
  store.close();
});

testWith(
  "a disk of its own",
  "H3: a disk that gets full takes the next commits from the reserve, and people hear of it",
  () => {
    using disk = mountDisk("8m");
    const { store, mend, trouble, said } = start(disk.path);
    mend();
    commit(store, "before");
    disk.fill();
    const { names, refusal } = commitUntilFull(store);
    expect(names.length).toBeGreaterThan(150);
    expect(existsSync(join(disk.path, RESERVE))).toBe(false);
    expect(trouble()).toEqual({ kind: "reserve", reason: `the state in ${disk.path}: the disk is full or nearly so` });
    expect(said).toEqual(["the state in DIR: the disk is full, and the reserve is freed"]);
    expect(refusal).toEqual(new StoreError(`the state in ${disk.path}: the disk is full`));
    expect(keysOf(store.pending(0))).toEqual(["before", ...names].map(keyOf));
    mend();
    expect([trouble()?.kind, existsSync(join(disk.path, RESERVE))]).toEqual(["reserve", false]);

    disk.free();
    commit(store, "after");
    mend();
    expect([trouble(), statSync(join(disk.path, RESERVE)).size]).toEqual([undefined, RESERVE_BYTES]);
    expect(said.at(-1)).toBe("the state in DIR: there is room on the disk again");
    store.close();
    const again = start(disk.path);
    expect(keysOf(again.store.pending(0))).toEqual(["before", ...names, "after"].map(keyOf));
    again.store.close();
  },
);

testWith(
  "a disk of its own",
  "H3: on a full disk megabytes of memories that are refused time and again leave the reserve to the alerts",
  () => {
    using disk = mountDisk("12m");
    const { store, mend, kind } = start(disk.path);
    const tracks = (size: number, body: string) =>
      Array.from({ length: size }, (_, index) => memory(`track ${index}`, body.repeat(4000)));
    store.commit({ ...nothing, memories: tracks(100, "1") });
    mend();
    disk.fill();
    expect(() => store.commit({ ...nothing, memories: tracks(400, "2") })).toThrow("the disk is full");
    const names = Array.from({ length: 400 }, (_, index) => `alert ${index}`);
    for (const name of names) {
      commit(store, name);
      expect(() => store.commit({ ...nothing, memories: tracks(400, "2") })).toThrow("the disk is full or nearly so");
    }
    expect([kind(), existsSync(join(disk.path, RESERVE))]).toEqual(["reserve", false]);
    expect(store.memories("main")).toEqual(expect.arrayContaining(tracks(100, "1")));
    disk.free();
    mend();
    store.commit({ ...nothing, memories: tracks(400, "2") });
    store.close();
    const again = start(disk.path);
    expect(keysOf(again.store.pending(0))).toEqual(names.map(keyOf));
    expect([again.store.memories("main").length, again.lost]).toEqual([400, undefined]);
    again.store.close();
  },
);

testWith("a disk of its own", "H3: the reserve does not take the last room that somebody has just freed", () => {
  using disk = mountDisk("3m");
  const { store, mend, kind, said } = start(disk.path);
  mend();
  mend();
  expect([kind(), existsSync(join(disk.path, RESERVE))]).toEqual(["reserve", false]);
  expect(said).toEqual(["the state in DIR: less than 4 MiB are free on the disk"]);
  store.close();
});

testWith("a disk of its own", "H3: what was delivered while the disk was full is not delivered again after it", () => {
  using disk = mountDisk("2m");
  const { store, mend, kind } = start(disk.path);
  for (const name of ["a", "b"]) commit(store, name);
  disk.fill();
  commitUntilFull(store);
  expect(() => store.settle(keyOf("a"), delivered("9"))).toThrow(StoreError);
  expect(() => store.settle(keyOf("b"), { kind: "failed", error: "timeout", isAmbiguous: true })).toThrow(StoreError);
  expect(() => store.setFact("ban", "5")).toThrow(StoreError);
  expect([store.fact("ban"), kind()]).toEqual(["5", "reserve"]);
  disk.free();
  mend();
  expect(store.receipt(keyOf("a"))).toEqual({ ts: "9" });
  store.close();
  const again = start(disk.path).store;
  expect(again.pending(0)[0]).toMatchObject({ key: keyOf("b"), attempts: 1, isAmbiguous: true });
  expect([again.receipt(keyOf("a")), again.fact("ban")]).toEqual([{ ts: "9" }, "5"]);
  again.close();
});

// ---------------------------------------------------------------- the start

const PLACES: readonly (readonly [string, readonly string[]])[] = [
  ["that ended cleanly", [""]],
  ["that crashed", ["", "-wal", "-shm"]],
  ["that crashed, without its index", ["", "-wal"]],
];

/** What a start on such a disk must know, do, and bring back to the disk. */
function checkStart(disk: SmallDisk, reason: RegExp, mendDisk: () => void, isEmpty = false): void {
  const { store, trouble, lost, mend, said } = start(disk.path);
  expect([trouble()?.kind, trouble()?.reason, lost]).toEqual(["memory", expect.stringMatching(reason), undefined]);
  expect(said.at(-1)).toContain(": everything is kept in memory, and a restart loses it");
  expect([store.alerts().length, store.snapshots().length, keysOf(store.pending(0))]).toEqual(
    isEmpty ? [0, 0, []] : [2, 1, [keyOf("b")]],
  );
  expect(store.memories("main")).toEqual(isEmpty ? [] : REMEMBERED);
  const [first] = changes;
  if (first === undefined) throw new Error("no change");
  store.commit({
    alerts: [{ ...first, state: undefined }],
    rows: [newRow("new")],
    snapshot: { ...snapshot, pairs: 9 },
    memories: [memory("before", null), memory("track", "2"), memory("new", "2")],
  });
  store.settle(keyOf("b"), delivered("2"));
  store.setFact("ban", "7");
  mend();
  expect(trouble()?.kind).toBe("memory");
  const before = store.dataVersion();

  mendDisk();
  mend();
  expect(trouble()).toBeUndefined();
  expect(said).toContain("the state in DIR: it can be written again, what was kept in memory is stored");
  expect(store.dataVersion()).not.toBe(before);
  commit(store, "newer");
  store.close();
  const again = start(disk.path);
  expect(again.store.alerts()).toEqual(isEmpty ? [] : changes.slice(1));
  expect(again.store.snapshots()).toEqual([{ ...snapshot, pairs: 9 }]);
  const untouched = isEmpty ? [] : [memory("untouched", "1")];
  expect(again.store.memories("main")).toEqual([memory("new", "2"), memory("track", "2"), ...untouched]);
  expect(keysOf(again.store.pending(0))).toEqual(["new", "newer"].map(keyOf));
  expect([again.store.fact("ban"), again.lost, again.said]).toEqual(["7", undefined, []]);
  if (!isEmpty) expect(["a", "b"].map((name) => again.store.receipt(keyOf(name))?.["ts"])).toEqual(["1", "2"]);
  again.store.close();
}

for (const [how, suffixes] of PLACES) {
  testWith(
    "a disk of its own",
    `H3: a full disk at the start of a database ${how}: all is read, kept in memory, brought back`,
    () => {
      using disk = mountDisk("8m");
      if (suffixes.length === 1) closed(disk);
      else crashed(disk, suffixes);
      disk.fill();
      checkStart(disk, /the disk is full$/, () => disk.free());
    },
  );

  testWith(
    "a disk of its own",
    `H4: a read-only disk at the start of a database ${how}: all is read, kept in memory, brought back`,
    () => {
      using disk = mountDisk("8m");
      if (suffixes.length === 1) closed(disk);
      else crashed(disk, suffixes);
      disk.setReadOnly(true);
      checkStart(disk, /the file system is read-only$/, () => disk.setReadOnly(false));
    },
  );
}

function closed(disk: SmallDisk): void {
  const { store } = start(disk.path);
  store.commit({ alerts: changes, rows: [newRow("a"), newRow("b")], snapshot, memories: REMEMBERED });
  store.settle(keyOf("a"), delivered("1"));
  store.close();
}

testWith("a disk of its own", "H3: a full disk at the very first start is no reason not to watch", () => {
  using disk = mountDisk("8m");
  disk.fill();
  checkStart(disk, /the disk is full$/, () => disk.free(), true);
});

testWith(
  "a disk of its own",
  "H3: a full disk at the start with the reserve still there: the store begins on the disk",
  () => {
    using disk = mountDisk("8m");
    const first = start(disk.path);
    first.mend();
    commit(first.store, "a");
    first.store.close();
    disk.fill();
    const { store, kind, said, lost } = start(disk.path);
    expect([kind(), lost, keysOf(store.pending(0))]).toEqual(["reserve", undefined, [keyOf("a")]]);
    expect(said).toEqual(["the state in DIR: the disk is full, and the reserve is freed"]);
    commit(store, "b");
    store.close();
    const again = start(disk.path);
    expect(keysOf(again.store.pending(0))).toEqual(["a", "b"].map(keyOf));
    again.store.close();
  },
);

testWith(
  "a disk of its own",
  "H3: what another process stored meanwhile is still there when the store comes back to the disk",
  () => {
    using disk = mountDisk("8m");
    closed(disk);
    disk.fill();
    const { store, mend } = start(disk.path);
    commit(store, "ours");
    disk.free();
    const other = openStoreBeside(disk.path, () => {});
    commit(other, "theirs");
    other.close();
    mend();
    expect(keysOf(store.pending(0))).toEqual(["b", "theirs", "ours"].map(keyOf));
    store.close();
  },
);

testWith("a disk of its own", "H3: an id is not given twice, in memory and after it", () => {
  using disk = mountDisk("8m");
  const first = start(disk.path).store;
  for (const name of ["a", "b"]) commit(first, name);
  for (const id of [1, 2]) first.drop(id);
  first.close();
  disk.fill();
  const { store, mend } = start(disk.path);
  expect(commit(store, "c")).toMatchObject([{ id: 3 }]);
  disk.free();
  mend();
  expect(commit(store, "d")).toMatchObject([{ id: 4 }]);
  store.close();
});

testWith(
  "a disk of its own",
  "H5: a damaged database on a full disk: the watch begins, and it is moved aside when the disk allows",
  () => {
    using disk = mountDisk("8m");
    closed(disk);
    const file = join(disk.path, DATABASE_FILE);
    writeFileSync(file, "garbage".repeat(2000));
    disk.fill();
    const { store, lost, mend, kind } = start(disk.path);
    const movedTo = `${file}.corrupt-2020-03-12T00-00-00-000Z`;
    expect([kind(), lost]).toEqual(["memory", { kind: "damaged", movedTo }]);
    commit(store, "a");
    disk.free();
    mend();
    expect([kind(), readFileSync(movedTo, "utf8").slice(0, 7)]).toEqual([undefined, "garbage"]);
    store.close();
    const again = start(disk.path);
    expect([keysOf(again.store.pending(0)), again.lost]).toEqual([[keyOf("a")], lost]); // nobody was told yet
    again.store.close();
  },
);

testWith(
  "a disk of its own",
  "H5: a damaged database on a read-only disk: the watch begins, and it is moved aside when the disk allows",
  () => {
    using disk = mountDisk("8m");
    closed(disk);
    writeFileSync(join(disk.path, DATABASE_FILE), "garbage".repeat(2000));
    disk.setReadOnly(true);
    const { store, lost, mend, kind } = start(disk.path);
    expect([kind(), lost]).toEqual(["memory", { kind: "damaged", movedTo: undefined }]);
    commit(store, "a");
    disk.setReadOnly(false);
    mend();
    expect(kind()).toBe(undefined);
    expect(readdirSync(disk.path).filter((name) => name.includes("corrupt"))).toHaveLength(1);
    store.close();
    const again = start(disk.path);
    expect([keysOf(again.store.pending(0)), again.lost?.kind]).toEqual([[keyOf("a")], "damaged"]); // nobody was told yet
    again.store.close();
  },
);

// ---------------------------------------------------------------- while it runs

// ---------------------------------------------------------------- while it runs

test("H5: damage that shows while it runs is a StoreError, and told; nothing is moved aside before the next start", () => {
  using folder = tempFolder();
  const { store, trouble, mend, said } = start(folder.path);
  store.commit({ alerts: changes, rows: [newRow("a")], snapshot });
  const file = join(folder.path, DATABASE_FILE);
  const other = new DatabaseSync(file);
  other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  // By another process: a descriptor that this one closed would drop its locks.
  execFileSync("dd", ["if=/dev/urandom", `of=${file}`, "bs=4096", "seek=1", "count=12", "conv=notrunc"], {
    stdio: "ignore",
  });
  other.exec("PRAGMA application_id = 5"); // the store has pages of its own in memory until somebody writes
  other.close();
  expect(() => store.alerts()).toThrow(new StoreError(`the state in ${folder.path}: the database is damaged`));
  for (let round = 0; round < 2; round++) {
    expect(() => commit(store, "b")).toThrow("the database is damaged");
    expect(() => store.settle(keyOf("a"), delivered("1"))).toThrow(StoreError);
    expect(trouble()).toEqual({ kind: "failing", reason: expect.stringContaining("the database is damaged") });
    mend();
  }
  expect(said[0]).toBe("the state in DIR: the database is damaged: this connection to the database is given up");
  expect(readdirSync(folder.path).filter((name) => name.includes("corrupt"))).toEqual([]);
  store.close();
  const again = start(folder.path);
  expect([again.lost?.kind, again.kind(), again.store.alerts()]).toEqual(["damaged", undefined, []]);
  again.store.close();
});

test("H5: a database that is removed while it runs is a loss at the next start", () => {
  using folder = tempFolder();
  const { store, mend, kind } = start(folder.path);
  rmSync(join(folder.path, DATABASE_FILE));
  commit(store, "a");
  mend();
  expect([kind(), keysOf(store.pending(0))]).toEqual([undefined, [keyOf("a")]]);
  store.close();
  const again = start(folder.path);
  expect(again.lost?.kind).toBe("vanished");
  again.store.close();
});

test("a state folder of another owner is a mistake to mend, no fault of the disk to live with", () => {
  using folder = tempFolder();
  mkdirSync(join(folder.path, DATABASE_FILE));
  expect(() => start(folder.path)).toThrow(
    `the state in ${folder.path}: cannot be opened (check that the folder exists and belongs to margind's user)`,
  );
});
