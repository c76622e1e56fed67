// Runs checks of the world outside, all at once, and waits for none longer than the deadline: what does not end by itself is a finding
// too. `margind doctor` prints what they find; a start says quietly, in its log, what is not good.
import { type Check, type Finding, failed, findingLine } from "./core/finding.ts";
import type { Clock } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";

export interface Checked {
  readonly name: string;
  readonly finding: Finding;
}

export interface Limits {
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** How long a check may still take to say what it had found when its time was over. */
const LAST_WORD_MS = 500;

/** In the order of the checks. Never rejects. */
export async function runChecks(
  checks: readonly Check[],
  { clock, deadlineMs }: Limits,
  signal: AbortSignal,
): Promise<readonly Checked[]> {
  const over = new AbortController();
  const timer = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const late = clock.sleep(deadlineMs, AbortSignal.any([signal, timer.signal])).then(
    async () => {
      over.abort(new Error("the time for the checks is over"));
      await clock.sleep(LAST_WORD_MS);
    },
    () => undefined, // all of them have ended, or nobody waits any more
  );
  const tooLate = late.then(() => failed(`no result within ${Math.round(deadlineMs / 1000)} s`, TOO_LATE));
  const found = checks.map(async (check) => ({
    name: check.name,
    finding: await Promise.race([guarded(check, both), tooLate]),
  }));
  const all = await Promise.all(found);
  timer.abort();
  return all;
}

const TOO_LATE = "see whether something on the way swallows the connection: network, firewall, name server";

async function guarded(check: Check, signal: AbortSignal): Promise<Finding> {
  try {
    return await check.run(signal);
  } catch (error) {
    // Its text was made for nobody to read, and may hold anything.
    const kind = error instanceof Error ? error.name : "unknown";
    return failed(`the check itself failed (${kind})`, "please report this, with what `margind doctor --json` prints");
  }
}

/** One line in the log for everything that is not good. */
export async function sayChecks(
  checks: readonly Check[],
  { log, ...limits }: Limits & { readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  for (const { name, finding } of await runChecks(checks, limits, signal)) {
    if (signal.aborted || finding.status === "good") continue;
    if (finding.status === "failed") log.error({ check: name }, findingLine(finding));
    else log.warn({ check: name }, findingLine(finding));
  }
}
