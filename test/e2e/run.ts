// The end-to-end tests: the program as it is installed, in processes of its own, with a real mail server and the real systemd
// tools. Needs root and Debian's opensmtpd, systemd, strace, faketime, buildah and debootstrap; .ci/run installs them. One line per check, at the end the count.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, createTally, describe, type Suite, SuiteEnded } from "./harness.ts";
import { commands } from "./suites/commands.ts";
import { demo } from "./suites/demo.ts";
import { host } from "./suites/host.ts";
import { image } from "./suites/image.ts";
import { installation } from "./suites/installation.ts";
import { kill } from "./suites/kill.ts";
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
  if (tally.failed() === 0) {
    await Promise.all([inTurn(demo, host), inTurn(commands, systemd, watch)]);
    await inTurn(kill, image); // by themselves: they keep every core busy, and the demo and the watch look at the clock
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

async function inTurn(...suites: readonly Suite[]): Promise<void> {
  for (const suite of suites) {
    await suite(tally.check, bench).catch((error: unknown) => {
      if (!(error instanceof SuiteEnded)) throw error;
    });
  }
}
