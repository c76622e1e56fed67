// Both programs as JavaScript: margind as packages and images carry it, and the bare poller, whose floor would otherwise include
// Node's type stripping (60 ms and 16 MB). Built anew in every run, once.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Built {
  /** Of this run alone, so that two at a time do not take each other's programs away; gone when it ends. */
  readonly folder: string;
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
  // In node_modules, where git does not look and packages are found.
  const parent = join(ROOT, "node_modules/.cache/margind-bench");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "run-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  const dist = join(folder, "dist");
  compile("-p", "tsconfig.build.json", "--outDir", dist);
  const like = ["--module", "nodenext", "--target", "es2024", "--types", "node", "--skipLibCheck"];
  compile("--ignoreConfig", ...like, "--outDir", folder, "bench/bare.ts");
  return { folder, main: join(dist, "main.js"), bare: join(folder, "bare.js") };
}

function compile(...options: readonly string[]): void {
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), options, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
}
