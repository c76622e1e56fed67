// The store in a process of its own that is killed at a system call, or whose system calls fail. Whatever was acknowledged before
// must be there afterwards, and nothing half.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { runTraced, testWith } from "../../test/support/disk.ts";
import { tempFolder } from "../../test/support/folder.ts";
import { keyOf } from "../../test/support/messages.ts";
import { changes, keysOf, memory, NOW_MS, newRow, snapshot } from "../../test/support/store-contract.ts";
import { DATABASE_FILE } from "./folder.ts";
import { openStore } from "./sqlite.ts";

const MODULE = JSON.stringify(new URL("./sqlite.ts", import.meta.url).href);
const ROUNDS = 4;
const [alert] = changes;
if (alert?.state?.phase !== "firing") throw new Error("no alert fires");
const seq = (count: number) => ({ id: alert.id, state: { ...alert.state, seq: count } });

/** Goes with each commit: one is replaced every time, one forgotten every other time. */
const remembered = (count: number) => [
  memory("before", count % 2 === 0 ? null : `${count}`),
  memory("track", `${count}`),
];

/** What the script commits, ready to be told to it: after each round the alert's number is that of the last row. */
const COMMITS = Array.from({ length: ROUNDS }, (_, index) => ({
  alerts: [seq(index + 1)],
  rows: [newRow(`row ${index + 1}`)],
  snapshot: { ...snapshot, pairs: index + 1 },
  memories: remembered(index + 1),
}));

/**
 * Says what was stored only after it was. When the disk refuses, it goes on as the daemon does: what was not stored is stored with the
 * next commit, and mend() is called now and then.
 */
const SCRIPT = `
  import { writeSync } from "node:fs";
  const { openStore } = await import(${MODULE});
  const say = (line) => writeSync(1, line + "\\n");
  const { store, mend, lost } = openStore(process.argv[1], {
    clock: { wallMs: () => ${NOW_MS} }, onUnreadable: (row) => say("unreadable " + row), onDisk: (what) => say("disk: " + what),
  });
  if (lost) say("lost " + lost.kind);
  const attempt = (name, work) => {
    try {
      work();
      say("done " + name);
      return true;
    } catch (error) {
      if (error.name !== "StoreError") throw error;
      say("refused " + name + ": " + error.message);
      return false;
    }
  };
  attempt("reading", () => say("data version " + store.dataVersion()));
  let rows = [];
  const changes = ${JSON.stringify(COMMITS)};
  for (const change of changes) {
    rows.push(...change.rows);
    const count = change.alerts[0].state.seq;
    const isStored = attempt("commit " + count, () => store.commit({ ...change, rows }));
    if (count === 2) mend();
    if (!isStored) continue;
    rows = [];
    attempt("settle " + count, () => store.settle(change.rows[0].key, { kind: "delivered", atMs: ${NOW_MS}, receipt: { ts: "1" } }));
  }
  mend();
  if (rows.length > 0) attempt("commit ${ROUNDS}", () => store.commit({ ...changes.at(-1), rows }));
  attempt("reading", () => say("data version " + store.dataVersion()));
  say("end");
  store.close();
`;

const start = (stateDir: string) =>
  openStore(stateDir, { clock: { wallMs: () => NOW_MS }, onUnreadable: () => {}, onDisk: () => {} });

/** After a restart: all that was acknowledged, at most one commit more, and state and rows of the same commit. */
function checkPromise(stateDir: string, out: string): void {
  const numbers = (what: string) =>
    [...out.matchAll(new RegExp(`^done ${what} (\\d+)$`, "gm"))].map(([, n]) => Number(n));
  const committed = Math.max(0, ...numbers("commit"));
  const { store, lost } = start(stateDir);
  expect(lost).toBeUndefined();
  const [found] = store.alerts();
  const stored = found?.state?.phase === "firing" ? found.state.seq : 0;
  expect([committed, committed + 1], out).toContain(stored);
  expect(store.snapshots().map(({ pairs }) => pairs)).toEqual(stored === 0 ? [] : [stored]);
  expect(store.memories("main"), out).toEqual(
    stored === 0 ? [] : remembered(stored).filter(({ body }) => body !== null),
  );
  const isThere = (count: number) => {
    const key = keyOf(`row ${count}`);
    return store.receipt(key) !== undefined || keysOf(store.pending(0)).includes(key);
  };
  const there = Array.from({ length: ROUNDS }, (_, index) => index + 1).filter(isThere);
  expect(there, out).toEqual(Array.from({ length: stored }, (_, index) => index + 1));
  for (const count of numbers("settle").filter((n) => n <= committed))
    expect(store.receipt(keyOf(`row ${count}`))).toEqual({ ts: "1" });
  store.close();
  const db = new DatabaseSync(join(stateDir, DATABASE_FILE));
  expect(db.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  db.close();
}

/** Strace's flags for one fault, and all of them at once on every core that there is. */
async function sweep(faults: readonly string[], run: (fault: string) => Promise<void>): Promise<void> {
  const waiting = [...faults];
  const worker = async () => {
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) await run(fault);
  };
  await Promise.all([worker(), worker()]);
}

/** "pwrite64:signal=KILL:when=1", and so on up to the last one, some left out. */
const at = (calls: string, last: number, step: number, persistent = ""): string[] =>
  Array.from({ length: Math.ceil(last / step) }, (_, index) => `${calls}:when=${index * step + 1}${persistent}`);

const TIMEOUT_MS = 120_000;

// ---------------------------------------------------------------- kill -9

// A whole run makes 142 pwrite64, 26 fsync, 3 unlink, 2 rename, 2 ftruncate. With a step of 1 every one of them is tried; that takes
// some minutes.
const KILLS = [
  ...at("pwrite64:signal=KILL", 142, 17),
  ...at("fsync:signal=KILL", 26, 5),
  ...at("unlink:signal=KILL", 3, 1),
  ...at("rename:signal=KILL", 2, 1),
  ...at("ftruncate:signal=KILL", 2, 1),
];

testWith(
  "strace",
  "H1: a kill -9 at any write loses nothing that was acknowledged, and leaves no half commit",
  async () => {
    await sweep(KILLS, async (kill) => {
      using folder = tempFolder();
      const { exitCode, out } = await runTraced(["-e", `inject=${kill}`], SCRIPT, folder.path);
      expect(exitCode, `${kill} was never reached\n${out}`).not.toBe(0);
      checkPromise(folder.path, out);
    });
  },
  TIMEOUT_MS,
);

testWith(
  "strace",
  "H5: a kill -9 while a damaged database is moved aside: the loss is told all the same",
  async () => {
    const kills = [
      ...at("rename:signal=KILL", 2, 1),
      ...at("fsync:signal=KILL", 9, 3),
      ...at("pwrite64:signal=KILL", 12, 11),
    ];
    await sweep(kills, async (kill) => {
      using folder = tempFolder();
      start(folder.path).store.close();
      writeFileSync(join(folder.path, DATABASE_FILE), "garbage".repeat(2000));
      const { exitCode } = await runTraced(["-e", `inject=${kill}`], SCRIPT, folder.path);
      expect(exitCode, `${kill} was never reached`).not.toBe(0);
      const { store, lost } = start(folder.path);
      expect(["damaged", "vanished"], kill).toContain(lost?.kind);
      store.close();
      expect(readdirSync(folder.path).filter((name) => name.includes("corrupt"))).not.toEqual([]);
    });
  },
  TIMEOUT_MS,
);

// ---------------------------------------------------------------- failing calls

const FAILURES = [
  ...at("fsync:error=EIO", 26, 5),
  ...at("fsync:error=EIO", 26, 11, "+"),
  ...at("pwrite64:error=EIO", 142, 41),
  ...at("pwrite64:error=EIO", 142, 61, "+"),
  ...at("pwrite64:error=ENOSPC", 142, 61),
  ...at("pwrite64:error=ENOSPC", 142, 61, "+"),
];

testWith(
  "strace",
  "H4: a write or fsync that fails, once or from then on, is a StoreError at most; nothing that was acknowledged is lost",
  async () => {
    await sweep(FAILURES, async (failure) => {
      using folder = tempFolder();
      const { exitCode, out } = await runTraced(["-e", `inject=${failure}`], SCRIPT, folder.path);
      expect(exitCode, `${failure}\n${out}`).toBe(0);
      expect(out).toMatch(/^end$/m);
      const isInMemory = out.includes("kept in memory, and") && !out.includes("kept in memory is stored");
      if (!isInMemory) checkPromise(folder.path, `${failure}\n${out}`);
      if (failure.includes("+")) return;
      const { store } = start(folder.path);
      expect(store.snapshots()[0]?.pairs, `${failure}\n${out}`).toBe(ROUNDS);
      store.close();
    });
  },
  TIMEOUT_MS,
);

testWith(
  "strace",
  "H4: after a failed fsync the connection is not used any more: the next commit goes through another one",
  async () => {
    using folder = tempFolder();
    const first = await runTraced(["-e", "trace=fsync,write"], SCRIPT, folder.path);
    const lines = first.trace.split("\n");
    const before = lines
      .slice(
        0,
        lines.findIndex((line) => line.includes("done settle 2")),
      )
      .filter((line) => line.includes("fsync("));
    using other = tempFolder();
    const failure = `fsync:error=EIO:when=${before.length + 1}`; // in the third commit
    const { out, trace } = await runTraced(
      ["-e", "trace=fsync,openat,write", "-e", `inject=${failure}`],
      SCRIPT,
      other.path,
    );
    expect(out).toContain("refused commit 3: the state in");
    const versions = [...out.matchAll(/^data version (\d+)$/gm)].map(([, version]) => version);
    expect(new Set(versions).size, "what other processes added meanwhile must be looked for").toBe(2);
    const [before3, after3] = [...out.matchAll(/^data version (\d+)$/gm)].map(([, version]) => version);
    expect(after3, "so that what other processes added meanwhile is looked for").not.toBe(before3);
    const told = out
      .split("\n")
      .filter((line) => line.startsWith("disk: "))
      .map((line) => line.replaceAll(other.path, "DIR"));
    expect(told).toEqual([
      "disk: the state in DIR: disk I/O error: this connection to the database is given up",
      "disk: the state in DIR: the database is open again",
    ]);
    const failed = trace.split("\n").findIndex((line) => line.includes("INJECTED"));
    const after = trace.split("\n").slice(failed);
    expect(after.findIndex((line) => line.includes(`${DATABASE_FILE}", O_RDWR`))).toBeGreaterThan(0);
    checkPromise(other.path, out);
  },
);

// ---------------------------------------------------------------- power loss

testWith("strace", "H2: what is acknowledged was synced before, with the folder that names it", async () => {
  using folder = tempFolder();
  const { trace, out } = await runTraced(["-e", "trace=pwrite64,fsync,write,openat,rename"], SCRIPT, folder.path);
  const calls = trace.split("\n").filter((line) => line.includes(folder.path) || line.includes("done "));
  const isSync = (line: string, path: string) => line.includes("fsync(") && line.includes(`<${path}>`);
  const wal = join(folder.path, `${DATABASE_FILE}-wal`);
  const acknowledged = calls.flatMap((line, index) => (/"done (commit|settle)/.test(line) ? [index] : []));
  expect(acknowledged).toHaveLength(2 * ROUNDS);
  for (const index of acknowledged) {
    const journal = calls.slice(0, index).filter((line) => line.includes(`<${wal}>`));
    expect(journal.at(-1)).toContain("fsync(");
  }
  for (const made of [
    `"${join(folder.path, DATABASE_FILE)}", O_RDWR|O_CREAT`,
    `"${wal}", O_RDWR|O_CREAT`,
    'rename("',
  ]) {
    const index = calls.findIndex((line) => line.includes(made));
    const synced = calls.findIndex((line, place) => place > index && isSync(line, folder.path));
    expect([index >= 0, synced > index && synced < (acknowledged[0] ?? 0)], made).toEqual([true, true]);
  }
  checkPromise(folder.path, out);
});

testWith("strace", "H2: a state folder that was just made is synced into its parent, one by one", async () => {
  using folder = tempFolder();
  const module = JSON.stringify(new URL("./folder.ts", import.meta.url).href);
  const script = `const { makeStateDir } = await import(${module}); makeStateDir(process.argv[1] + "/a/b");`;
  const { trace } = await runTraced(["-e", "trace=mkdir,fsync"], script, folder.path);
  const calls = [...trace.matchAll(/(mkdir|fsync)\((?:"|\d+<)([^">]*)/g)].map(([, call, path]) => [call, path]);
  const [outer, inner] = [join(folder.path, "a"), join(folder.path, "a", "b")];
  expect(calls).toEqual([
    ["mkdir", outer],
    ["fsync", folder.path],
    ["mkdir", inner],
    ["fsync", outer],
  ]);
});
