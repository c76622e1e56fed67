// The end-to-end tests: the program as it is installed, in processes of its own, with a real mail server and the real systemd
// tools. Needs root and Debian's opensmtpd, systemd, strace, faketime, buildah and debootstrap; .ci/run installs them. One line per
// check, at the end the count. `npm run e2e -- --every-write` kills at every single write; `npm run e2e -- host kill` runs these only.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Bench, createTally, describe, type Suite, SuiteEnded } from "./harness.ts";
import { commands } from "./suites/commands.ts";
import { demo } from "./suites/demo.ts";
import { host } from "./suites/host.ts";
import { image } from "./suites/image.ts";
import { installation } from "./suites/installation.ts";
import { kill } from "./suites/kill.ts";
import { systemd } from "./suites/systemd.ts";
import { watch } from "./suites/watch.ts";

const ALL = { commands, demo, host, image, kill, systemd, watch } as const;
const { values, positionals } = parseArgs({
  options: { "every-write": { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(ALL, name));
if (unknown.length > 0) throw new Error(`no suite ${unknown.join(", ")}; there are ${Object.keys(ALL).join(", ")}`);

const print = (line: string) => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), "margind-e2e-"));
chmodSync(folder, 0o755);
const bench: Bench = {
  folder,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  main: join(folder, "package", "dist", "main.js"),
  isThorough: values["every-write"],
};

const tally = createTally(print);
try {
  await run(installation);
  if (tally.failed() === 0) {
    // These mostly wait, so the image is built beside them, at low priority.
    await Promise.all([inTurn("host"), inTurn("demo"), inTurn("commands", "systemd", "watch"), inTurn("image")]);
    await inTurn("kill"); // by itself: it keeps every core busy, and the demo and the watch look at the clock
  }
} catch (error) {
  print(`✘ the end-to-end tests broke: ${describe(error)}`);
  process.exitCode = 1;
}
try {
  rmSync(folder, { recursive: true, force: true });
} catch (error) {
  print(`${folder} could not be removed: ${describe(error)}`);
}
if (tally.failed() > 0) process.exitCode = 1;
print(tally.summary());

async function inTurn(...names: readonly (keyof typeof ALL)[]): Promise<void> {
  for (const name of names) {
    if (positionals.length === 0 || positionals.includes(name)) await run(ALL[name]);
  }
}

async function run(suite: Suite): Promise<void> {
  await suite(tally.check, bench).catch((error: unknown) => {
    if (!(error instanceof SuiteEnded)) throw error;
  });
}
