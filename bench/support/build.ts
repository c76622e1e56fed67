// Both programs as JavaScript: margind as packages and images carry it, and the bare poller, whose floor would otherwise include
// Node's type stripping (60 ms and 16 MB). Built anew in every run, once.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** For what the bench makes; ignored by git as everything in node_modules. */
export const CACHE = join(ROOT, "node_modules/.cache/margind-bench/");

export interface Built {
  /** dist/main.js, beside a package.json as in a package. */
  readonly main: string;
  readonly bare: string;
}

let done: Built | undefined;

export function built(): Built {
  done ??= build();
  return done;
}

function build(): Built {
  rmSync(CACHE, { recursive: true, force: true }); // also what an interrupted run left
  mkdirSync(CACHE, { recursive: true });
  copyFileSync(join(ROOT, "package.json"), join(CACHE, "package.json"));
  const dist = join(CACHE, "dist");
  compile("-p", "tsconfig.build.json", "--outDir", dist);
  const like = ["--module", "nodenext", "--target", "es2024", "--types", "node", "--skipLibCheck"];
  compile("--ignoreConfig", ...like, "--outDir", CACHE, "bench/bare.ts");
  return { main: join(dist, "main.js"), bare: join(CACHE, "bare.js") };
}

function compile(...options: readonly string[]): void {
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), options, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
}
