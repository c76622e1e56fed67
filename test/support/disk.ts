// Real faults for tests: a small disk that can be full or read-only, and programs run under strace with failing or deadly system
// calls. Both need more than a plain user's machine gives; where it is missing the test is skipped and says why; .ci/run
// installs what they need and sets REAL_FAULTS=required, and then none may be skipped.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { spareFile } from "../../src/store/lock.ts";
import { tempFolder } from "./folder.ts";

type Need = "a disk of its own" | "strace";

const TRIALS: Readonly<Record<Need, readonly [string, ...string[]]>> = {
  "a disk of its own": ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
  strace: ["strace", "-f", "-qq", "-e", "inject=fsync:error=EIO", "true"],
};
const HINTS: Readonly<Record<Need, string>> = {
  "a disk of its own": "mounting a tmpfs needs root",
  strace: "strace is not installed, or may not trace here",
};

const found = new Map<Need, boolean>();
function isMet(need: Need): boolean {
  const known = found.get(need);
  if (known !== undefined) return known;
  const [command, ...args] = TRIALS[need];
  const isThere = spawnSync(command, args, { stdio: "ignore" }).status === 0;
  if (!isThere) console.warn(`Tests of real faults are skipped: ${HINTS[need]}.`);
  found.set(need, isThere);
  return isThere;
}

/** A test that needs it. Without it: skipped with the reason, or failed where it is required. */
export function testWith(need: Need, name: string, run: () => void | Promise<void>, timeoutMs = 30_000): void {
  test(name, { timeout: timeoutMs }, async (context) => {
    if (!isMet(need) && process.env["REAL_FAULTS"] !== "required") context.skip(HINTS[need]);
    await run();
  });
}

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Gives back what fill() took. */
  free(): void;
  setReadOnly(isReadOnly: boolean): void;
}

/** @param size as tmpfs takes it: "8m". */
export function mountDisk(size: string): SmallDisk {
  const folder = tempFolder();
  const mount = join(folder.path, "disk");
  mkdirSync(mount);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", mount]);
  const filler = join(mount, "filler");
  return {
    path: mount,
    fill() {
      const file = openSync(filler, "a");
      const bytes = Buffer.alloc(4096, 1);
      try {
        for (;;) writeSync(file, bytes);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    setReadOnly: (isReadOnly) => void execFileSync("mount", ["-o", `remount,${isReadOnly ? "ro" : "rw"}`, mount]),
    [Symbol.dispose]() {
      for (const suffix of ["", ".json"]) rmSync(spareFile(mount) + suffix, { force: true });
      execFileSync("umount", ["-l", mount]);
      folder[Symbol.dispose]();
    },
  };
}

export interface Traced {
  /** Undefined when it was killed. */
  readonly exitCode: number | undefined;
  readonly out: string;
  /** What strace wrote: the calls that it was told to trace. */
  readonly trace: string;
}

/** Runs a module's text under strace, with the folder as its argument. @param flags of strace: what to trace, what to inject. */
export async function runTraced(flags: readonly string[], script: string, folder: string): Promise<Traced> {
  using scratch = tempFolder();
  const trace = join(scratch.path, "trace");
  const program = [process.execPath, "--input-type=module", "-e", script, folder];
  const child = spawn("strace", ["-f", "-qq", "-y", "-s", "64", "-o", trace, ...flags, ...program], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (out += String(chunk)));
  const [code] = await once(child, "close");
  return { exitCode: typeof code === "number" ? code : undefined, out, trace: readFileSync(trace, "utf8") };
}
