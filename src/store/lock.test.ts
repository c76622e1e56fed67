// The lock between real processes: a child takes it and holds it until it is killed.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { mountDisk, testWith } from "../../test/support/disk.ts";
import { tempFolder } from "../../test/support/folder.ts";
import { untilTrue } from "../../test/support/server.ts";
import { lockHolder, takeLock } from "./lock.ts";

const MODULE = new URL("./lock.ts", import.meta.url).href;

/** Takes the lock, forgets the handle, lets the garbage collector run if it can, says what it got, and stays. */
const SCRIPT = `
  const { takeLock } = await import(${JSON.stringify(MODULE)});
  const { ok, holder } = takeLock(process.argv[1], process.pid, 1583960000000);
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(JSON.stringify({ ok, holder }));
  setInterval(() => {}, 1000);
`;

interface Contender extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it said: { ok, holder }. */
  readonly answer: unknown;
}

interface Ways {
  readonly flags?: readonly string[];
  /** A command that runs it. */
  readonly under?: readonly string[];
}

async function contend(stateDir: string, { flags = [], under = [] }: Ways = {}): Promise<Contender> {
  const [command = "", ...args] = [...under, process.execPath, ...flags, "--input-type=module", "-e", SCRIPT, stateDir];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const exited = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    exited.then(([code]) => {
      throw new Error(`the child ended with ${code}`);
    }),
  ]);
  return {
    child,
    answer: JSON.parse(String(line)),
    async [Symbol.asyncDispose]() {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL"); // its group: what runs it, and it
      await exited;
    },
  };
}

test("a second process is refused and told who holds it; a kill -9 of the holder frees it at once", async () => {
  using folder = tempFolder();
  {
    await using holder = await contend(folder.path);
    const who = { pid: holder.child.pid, host: hostname(), sinceMs: 1_583_960_000_000 };
    expect(holder.answer).toEqual({ ok: true });
    expect(takeLock(folder.path, process.pid, 0)).toEqual({ ok: false, holder: who });
    expect(lockHolder(folder.path)).toEqual(who);
  }
  expect(lockHolder(folder.path)).toBeUndefined();
  const lock = takeLock(folder.path, process.pid, 5);
  expect(lock.ok).toBe(true);
  await using second = await contend(folder.path);
  expect(second.answer).toEqual({ ok: false, holder: { pid: process.pid, host: hostname(), sinceMs: 5 } });
  if (lock.ok) lock.release();
});

test("looking for the holder does not disturb it, from within or from without", async () => {
  using folder = tempFolder();
  const lock = takeLock(folder.path, process.pid, 5);
  for (let look = 0; look < 3; look++) expect(lockHolder(folder.path)?.pid).toBe(process.pid);
  await using other = await contend(folder.path);
  expect(other.answer).toMatchObject({ ok: false });
  if (lock.ok) lock.release();
});

test("the garbage collector does not take the lock away", async () => {
  using folder = tempFolder();
  await using holder = await contend(folder.path, { flags: ["--expose-gc"] });
  expect(holder.answer).toEqual({ ok: true });
  expect(takeLock(folder.path, process.pid, 0)).toMatchObject({ ok: false });
});

test("a holder that is stopped still holds it", async () => {
  using folder = tempFolder();
  await using holder = await contend(folder.path);
  holder.child.kill("SIGSTOP");
  expect(takeLock(folder.path, process.pid, 0)).toMatchObject({ ok: false, holder: { pid: holder.child.pid } });
});

test("what was released can be taken again, by the same process too", () => {
  using folder = tempFolder();
  for (const sinceMs of [1, 2]) {
    const lock = takeLock(folder.path, process.pid, sinceMs);
    expect(lock.ok).toBe(true);
    expect(takeLock(folder.path, process.pid, 9)).toMatchObject({ ok: false, holder: { sinceMs } });
    if (lock.ok) lock.release();
  }
  expect(lockHolder(folder.path)).toBeUndefined();
});

test("where no lock was ever taken nobody holds one, and none is made", () => {
  using folder = tempFolder();
  expect(lockHolder(folder.path)).toBeUndefined();
  expect(lockHolder(join(folder.path, "nowhere"))).toBeUndefined();
});

test("a side file that cannot be read leaves the refusal without a name", () => {
  using folder = tempFolder();
  const lock = takeLock(folder.path, process.pid, 5);
  for (const text of ["", "{", "5", '{"pid":"1","host":"h","sinceMs":1}', '{"pid":1}']) {
    writeFileSync(join(folder.path, "lock.json"), text);
    expect(lockHolder(folder.path)).toEqual({ pid: 0, host: "unknown", sinceMs: 0 });
  }
  expect(takeLock(folder.path, process.pid, 6)).toEqual({ ok: false, holder: undefined });
  if (lock.ok) lock.release();
});

test("a folder that is not there is told in plain words", () => {
  using folder = tempFolder();
  expect(() => takeLock(join(folder.path, "nowhere"), 1, 0)).toThrow("cannot be opened (check that the folder exists");
});

// ---------------------------------------------------------------- a disk that fails

/** Could lock.db itself be taken? */
function isFree(stateDir: string): boolean {
  const db = new DatabaseSync(join(stateDir, "lock.db"));
  try {
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return true;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

const isOk = ({ answer }: Contender) => typeof answer === "object" && answer !== null && "ok" in answer && answer.ok;

testWith("a disk of its own", "H3: on a full disk the lock is taken as on any other, the first time too", async () => {
  using disk = mountDisk("256k");
  disk.fill();
  for (const _ of ["first", "there"]) {
    await using holder = await contend(disk.path);
    expect(holder.answer).toEqual({ ok: true });
    expect(takeLock(disk.path, process.pid, 0).ok).toBe(false);
    expect(isFree(disk.path)).toBe(false);
    expect(lockHolder(disk.path)).toMatchObject({ pid: holder.child.pid });
  }
  expect(lockHolder(disk.path)).toBeUndefined();
});

testWith("a disk of its own", "H3: where not even an empty file can be made, the lock is taken in RAM", async () => {
  using disk = mountDisk("256k,nr_inodes=2");
  writeFileSync(join(disk.path, "the last inode"), "");
  {
    await using holder = await contend(disk.path);
    expect(holder.answer).toEqual({ ok: true });
    expect(existsSync(join(disk.path, "lock.db"))).toBe(false);
    await using second = await contend(disk.path);
    expect(second.answer).toMatchObject({ ok: false, holder: { pid: holder.child.pid } });
  }
  expect(lockHolder(disk.path)).toBeUndefined();
});

for (const [what, begin] of [
  ["that was used before", (path: string) => writeFileSync(join(path, "lock.db"), "")],
  ["that was never used", () => {}],
  ["with a damaged lock.db", (path: string) => writeFileSync(join(path, "lock.db"), "garbage".repeat(1000))],
] as const) {
  testWith(
    "a disk of its own",
    `H4: on a read-only disk ${what} one process holds the lock, and goes on holding it when the disk is well`,
    async () => {
      using disk = mountDisk("256k");
      begin(disk.path);
      disk.setReadOnly(true);
      {
        await using holder = await contend(disk.path);
        expect(holder.answer).toEqual({ ok: true });
        for (const isReadOnly of [true, false]) {
          disk.setReadOnly(isReadOnly);
          await using second = await contend(disk.path);
          expect(second.answer).toMatchObject({ ok: false, holder: { pid: holder.child.pid } });
          expect(lockHolder(disk.path)).toMatchObject({ pid: holder.child.pid });
        }
        // Also for those who cannot see the lock in RAM: the disk may be shared.
        if (what === "that was used before") expect(isFree(disk.path)).toBe(false);
      }
      expect(lockHolder(disk.path)).toBeUndefined();
      await using next = await contend(disk.path);
      expect(next.answer).toEqual({ ok: true });
    },
  );
}

testWith("a disk of its own", "H4: who held the lock when the disk got read-only still holds it", async () => {
  using disk = mountDisk("256k");
  await using holder = await contend(disk.path);
  execFileSync("mount", ["--bind", disk.path, disk.path]);
  execFileSync("mount", ["-o", "remount,bind,ro", disk.path]); // a mount in use cannot be made read-only, one over it can
  try {
    await using second = await contend(disk.path);
    expect([holder.answer, second.answer]).toEqual([{ ok: true }, expect.objectContaining({ ok: false })]);
  } finally {
    execFileSync("umount", [disk.path]);
  }
});

testWith(
  "a disk of its own",
  "a lock.db that may only be read is no lock: it is refused, not shared with the next one",
  () => {
    using disk = mountDisk("256k");
    const file = join(disk.path, "lock.db");
    writeFileSync(file, "");
    execFileSync("mount", ["--bind", file, file]);
    execFileSync("mount", ["-o", "remount,bind,ro", file]);
    try {
      expect(() => takeLock(disk.path, process.pid, 0)).toThrow(
        "read-only (check that its files belong to margind's user)",
      );
    } finally {
      execFileSync("umount", [file]);
    }
  },
);

// ---------------------------------------------------------------- damage

const GARBAGE = "this is no database, and it is longer than a header".repeat(100);

test("H5: a damaged lock.db keeps nobody from starting, and is a lock again", async () => {
  using folder = tempFolder();
  writeFileSync(join(folder.path, "lock.db"), GARBAGE);
  expect(lockHolder(folder.path)).toBeUndefined();
  await using holder = await contend(folder.path);
  await using second = await contend(folder.path);
  expect([holder.answer, second.answer]).toEqual([{ ok: true }, expect.objectContaining({ ok: false })]);
});

test("H5: a lock.db that is damaged while it is held is held all the same", async () => {
  using folder = tempFolder();
  await using holder = await contend(folder.path);
  writeFileSync(join(folder.path, "lock.db"), GARBAGE);
  await using second = await contend(folder.path);
  expect(second.answer).toMatchObject({ ok: false, holder: { pid: holder.child.pid } });
  expect(readFileSync(join(folder.path, "lock.db"), "utf8")).toBe(GARBAGE);
});

test("H5: of many that find a damaged lock.db exactly one holds it", async () => {
  using folder = tempFolder();
  writeFileSync(join(folder.path, "lock.db"), GARBAGE);
  await using stack = new AsyncDisposableStack();
  const contenders = await Promise.all(Array.from({ length: 5 }, () => contend(folder.path)));
  for (const contender of contenders) stack.use(contender);
  expect(contenders.filter(isOk)).toHaveLength(1);
});

testWith(
  "strace",
  "H5: one that found a damaged lock.db and acts on it late takes nothing from the one who holds it by then",
  async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, "lock.db"), GARBAGE);
    const trace = join(folder.path, "trace");
    const calls = "ftruncate,rename,unlink";
    const slowly = ["strace", "-f", "-qq", "-o", trace, "-e", `trace=${calls}`, "-e", `inject=${calls}:delay_enter=2s`];
    const late = contend(folder.path, { under: slowly });
    await untilTrue(() => existsSync(trace) && readFileSync(trace, "utf8").includes("("));
    await using holder = await contend(folder.path);
    await using second = await late;
    await using third = await contend(folder.path);
    expect([holder.answer, second.answer, third.answer]).toEqual([
      { ok: true },
      expect.objectContaining({ ok: false }),
      expect.objectContaining({ ok: false }),
    ]);
  },
);
