// The end-to-end tests: the program as it is installed, in processes of its own, with a real mail server and the real systemd
// tools. Needs root and Debian's opensmtpd and systemd; .ci/run installs them. One line per check, at the end the count.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, createTally, describe, type Suite, SuiteEnded } from "./harness.ts";
import { commands } from "./suites/commands.ts";
import { demo } from "./suites/demo.ts";
import { installation } from "./suites/installation.ts";
import { systemd } from "./suites/systemd.ts";
import { watch } from "./suites/watch.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), "margind-e2e-"));
chmodSync(folder, 0o755);
const bench: Bench = {
  folder,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  main: join(folder, "package", "dist", "main.js"),
};

const tally = createTally(print);
try {
  await inTurn(installation);
  if (tally.failed() === 0) await Promise.all([inTurn(demo), inTurn(commands, systemd, watch)]);
} catch (error) {
  print(`✘ the end-to-end tests broke: ${describe(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (tally.failed() > 0) process.exitCode = 1;
print(`${tally.passed()} passed, ${tally.failed()} failed`);

async function inTurn(...suites: readonly Suite[]): Promise<void> {
  for (const suite of suites) {
    await suite(tally.check, bench).catch((error: unknown) => {
      if (!(error instanceof SuiteEnded)) throw error;
    });
  }
}
