// A host's addresses, asked for once at a time. The one thing to know: the system's resolver holds one of the process's four pool threads
// until it answers, so a DNS that hangs, asked again by every try, would take all four, and with them everything else that needs one.
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { promisify } from "node:util";
import type { Clock } from "../core/ports.ts";

/** Every address of a name. Rejects as node:dns does. */
export type Resolve = (hostname: string, options: LookupOptions & { readonly all: true }) => Promise<LookupAddress[]>;

export interface LookupParts {
  /** How long one caller waits. The question itself goes on, and later callers wait for the same one. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly resolve?: Resolve;
}

/** For the `lookup` option of net.connect and tls.connect. */
export function createLookup({ timeoutMs, clock, resolve = promisify(systemLookup) }: LookupParts): LookupFunction {
  const asking = new Map<string, Promise<LookupAddress[]>>();

  function ask(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    const key = JSON.stringify([hostname, options.family, options.hints]);
    const before = asking.get(key);
    if (before !== undefined) return before;
    const question = resolve(hostname, { ...options, all: true }).finally(() => asking.delete(key));
    asking.set(key, question);
    return question;
  }

  async function inTime(hostname: string, options: LookupOptions): Promise<[LookupAddress, ...LookupAddress[]]> {
    const patience = new AbortController();
    const late = clock.sleep(timeoutMs, patience.signal).then(() => {
      throw failure("EAI_AGAIN", "the resolver does not answer");
    });
    try {
      const [first, ...others] = await Promise.race([ask(hostname, options), late]);
      if (first === undefined) throw failure("ENOTFOUND", "the resolver knows no address");
      return [first, ...others];
    } finally {
      late.catch(() => undefined); // the sleep is cut short here, and nobody waits for it any more
      patience.abort();
    }
  }

  return (hostname, options, callback) => {
    inTime(hostname, options).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : failure("ENOTFOUND", "the resolver failed"), []),
    );
  };
}

const failure = (code: string, text: string): NodeJS.ErrnoException => Object.assign(new Error(text), { code });
