// What is checked when the daemon starts. Whatever the network does, it starts and says loudly what does not work; it only gives
// up when nobody could ever be told (every notifier refused for good) or nothing ever be seen (every key refused for good).
import { refusesKey } from "./core/failure.ts";
import { type Finding, findingLine } from "./core/finding.ts";
import { type Clock, type Notifier, NotifyError, type ReadResult } from "./core/ports.ts";
import type { Deliveries } from "./deliver.ts";
import type { Log } from "./lib/log.ts";

const VERIFY_TIMEOUT_MS = 20_000;
/** How often a channel that refused is looked at again: somebody may have mended it. */
const RECHECK_MS = 60_000;

export interface VerifyParts {
  readonly notifiers: readonly Notifier[];
  readonly deliveries: Pick<Deliveries, "note">;
  readonly clock: Clock;
  readonly log: Log;
}

type Verdict = "good" | "refused" | "unknown";

/**
 * Checks every notifier without sending anything; resolves with a reason when all of them are refused. Otherwise it goes on looking
 * at those of which nobody knows yet that they work, once a minute, until they do or the signal aborts.
 */
export async function watchNotifiers(parts: VerifyParts, signal: AbortSignal): Promise<string | undefined> {
  const said = new Map<string, string>();
  const look = async (notifiers: readonly Notifier[]) => {
    const verdicts = await Promise.all(notifiers.map((notifier) => verify(notifier, parts, said, signal)));
    return notifiers.map((notifier, index) => ({ notifier, verdict: verdicts[index] ?? "unknown" }));
  };
  let looks = await look(parts.notifiers);
  if (looks.every(({ verdict }) => verdict === "refused") && !signal.aborted) {
    return "Every notifier is refused for good: see the messages above. Nobody could be told.";
  }
  for (;;) {
    const open = looks.filter(({ verdict }) => verdict !== "good").map(({ notifier }) => notifier);
    if (open.length === 0 || signal.aborted) return undefined;
    await parts.clock.sleep(RECHECK_MS, signal);
    looks = await look(open);
  }
}

async function verify(
  notifier: Notifier,
  { deliveries, clock, log }: VerifyParts,
  said: Map<string, string>,
  signal: AbortSignal,
): Promise<Verdict> {
  const about = { notifier: notifier.name };
  const sayOnce = (text: string) => {
    if (said.get(notifier.name) !== text) log.error(about, text);
    said.set(notifier.name, text);
  };
  try {
    const remark = (finding: Finding) => void (finding.status !== "good" && log.warn(about, findingLine(finding)));
    await withDeadline((cut) => notifier.verify(cut, remark), clock, signal);
    log.info(about, "the notifier works");
    deliveries.note(notifier.name, undefined);
    return "good";
  } catch (error) {
    if (signal.aborted) return "unknown";
    const text = error instanceof Error ? error.message : String(error);
    const isRefused = error instanceof NotifyError && error.kind === "refused";
    if (!isRefused) {
      sayOnce(`the notifier does not work now, margind keeps trying: ${text}`);
      return "unknown";
    }
    sayOnce(`the notifier does not work: ${text}`);
    deliveries.note(notifier.name, text);
    return "refused";
  }
}

/** Also when the adapter does not heed its signal. */
async function withDeadline(
  work: (cut: AbortSignal) => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const [late, done] = [new AbortController(), new AbortController()];
  const timeout = clock.sleep(VERIFY_TIMEOUT_MS, AbortSignal.any([signal, done.signal])).then(() => {
    const error = new Error(`no answer within ${VERIFY_TIMEOUT_MS / 1000} s`);
    late.abort(error);
    throw error;
  });
  try {
    await Promise.race([work(AbortSignal.any([signal, late.signal])), timeout]);
  } finally {
    done.abort();
    timeout.catch(() => undefined); // it lost the race
  }
}

/** A key that will not be accepted until somebody mends it. */
export function isKeyRefusal(result: ReadResult): boolean {
  return !result.ok && refusesKey(result.failure);
}
