// What a reload has to decide: why a new configuration is not put in force, though there is no mistake in it, and what has to change.
import { type KeyReader, keyRefusal } from "./core/key-rights.ts";
import type { Running } from "./daemon.ts";
import type { Secret } from "./lib/secret.ts";

/** A good configuration that cannot be put in force without a restart, or not now. */
export class ReloadError extends Error {
  override readonly name = "ReloadError";
}

/** What only memory holds would be lost. */
export function refuseOnDisk({ ledger }: Running): void {
  const trouble = ledger.storeTrouble();
  if (trouble === undefined) return;
  throw new ReloadError(`nothing can be changed while the state cannot be written (${trouble})`);
}

export function reloadError(error: unknown): ReloadError {
  if (error instanceof ReloadError) return error;
  return new ReloadError(error instanceof Error ? error.message : String(error), { cause: error });
}

/** A reload waits no longer than this to hear what a key may do. */
const KEY_CHECK_MAX_MS = 10_000;

/** Throws ReloadError for a key that may do more than read. What cannot be read now is no reason: the watch asks again later. */
export async function checkKey(account: string, { rights }: KeyReader): Promise<void> {
  const read = await rights(AbortSignal.timeout(KEY_CHECK_MAX_MS));
  const reason = read.ok ? keyRefusal(account, read.rights) : undefined;
  if (reason !== undefined) throw new ReloadError(reason);
}

type Http = { readonly host: string; readonly port: number; readonly token: Secret | undefined } | undefined;

/** The server need not be opened anew. */
export function isSameHttp(a: Http, b: Http): boolean {
  return a?.host === b?.host && a?.port === b?.port && a?.token?.reveal() === b?.token?.reveal();
}

/** Runs work in the order in which it was asked for. Its caller hears of a failure; the next one starts all the same. */
export function oneAtATime<T>(work: (of: T) => Promise<void>) {
  let last: Promise<void> = Promise.resolve();
  return {
    run(of: T): Promise<void> {
      const turn = last.then(() => work(of));
      last = turn.catch(() => undefined);
      return turn;
    },
    /** Resolves when nothing is under way. */
    idle: (): Promise<void> => last,
  };
}
