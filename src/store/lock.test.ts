// The lock between real processes: a child takes it and holds it until it is killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
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

async function contend(stateDir: string, ...flags: string[]): Promise<Contender> {
  const args = [...flags, "--input-type=module", "-e", SCRIPT, stateDir];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
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
      child.kill("SIGKILL");
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
  await using holder = await contend(folder.path, "--expose-gc");
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
