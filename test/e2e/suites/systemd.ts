// The unit, judged by systemd itself. systemd-analyze ends with 0 on a key that it does not know, so silence is what counts.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Check, expect, indent } from "../harness.ts";
import { run } from "../programs.ts";

/** systemd's exposure level times ten, from 0 (closed) to 100: the network that the watch needs costs about 10. */
const EXPOSURE_MAX = 20;

export async function systemd(check: Check, bench: Bench): Promise<void> {
  const unit = installUnit(bench);

  await check("systemd-analyze verify has nothing to say about the unit", async () => {
    const { stdout, stderr } = await run("systemd-analyze", ["verify", unit]);
    expect(stdout + stderr === "", `it says:${indent(stdout + stderr)}`);
    return undefined;
  });

  await check(`systemd-analyze security finds an exposure of at most ${EXPOSURE_MAX / 10}`, async () => {
    const options = ["--no-pager", "--offline=true", `--threshold=${EXPOSURE_MAX}`];
    const { stdout } = await run("systemd-analyze", ["security", ...options, unit]);
    const level = /exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1];
    expect(level !== undefined, `no level:${indent(stdout)}`);
    return level;
  });
}

/** The unit as installed: `verify` wants the command to exist, and here it is not in /usr/local/bin. */
function installUnit({ root, folder, main }: Bench): string {
  const text = readFileSync(join(root, "systemd", "margind.service"), "utf8");
  const installed = text.replace(/^ExecStart=margind /m, `ExecStart=${process.execPath} ${main} `);
  expect(installed !== text, "the unit has no ExecStart=margind");
  const unit = join(folder, "units", "margind.service");
  mkdirSync(join(folder, "units"));
  writeFileSync(unit, installed);
  return unit;
}
