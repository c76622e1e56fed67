// What an API key may do beside reading, and what a watch that only reads makes of it. Pure: binance/permissions.ts reads the rights.
import { type Finding, failed, good, warning } from "./finding.ts";
import type { Failure } from "./ports.ts";

/** Worst first. */
export const DEEDS = ["withdraw", "transfer", "trade", "borrow"] as const;
export type Deed = (typeof DEEDS)[number];

/** The names are those that the exchange gives its rights. */
export interface KeyRights {
  /** Rights that are on and allow more than reading. */
  readonly granted: readonly { readonly name: string; readonly deed: Deed }[];
  /** Rights that are on and that nobody here has heard of. */
  readonly unknown: readonly string[];
  /** What the answer should say and does not. */
  readonly unsaid: readonly string[];
  /** Undefined when the answer does not say. */
  readonly mayRead: boolean | undefined;
  /** Only listed addresses may use the key. Undefined when the answer does not say. */
  readonly isAddressBound: boolean | undefined;
}

export type RightsRead =
  | { readonly ok: true; readonly rights: KeyRights }
  | { readonly ok: false; readonly failure: Failure };

/** One API key, asked about itself. */
export interface KeyReader {
  readonly account: string;
  /** Waits its turn in the key's lane. Never rejects. */
  rights(signal: AbortSignal): Promise<RightsRead>;
}

const READ_ONLY = "at Binance, API Management, leave only “Enable Reading” on";
const BIND = "restrict it there to this machine's IP address";

export function judgeKey(rights: KeyRights, { mustBeReadOnly }: { readonly mustBeReadOnly: boolean }): Finding {
  const { granted, unknown, unsaid, mayRead, isAddressBound } = rights;
  if (mayRead === false) {
    return failed(
      "the key may not even read (enableReading)",
      "at Binance, API Management, switch “Enable Reading” on",
    );
  }
  const parts = [
    granted.length === 0 ? "" : `the key ${mayDo(rights)} (${granted.map(({ name }) => name).join(", ")})`,
    isAddressBound === false ? `${granted.length === 0 ? "the key" : "it"} WORKS FROM ANY ADDRESS` : "",
    unknown.length === 0 ? "" : `it has a right that margind does not know (${unknown.join(", ")})`,
    unsaid.length === 0 ? "" : `Binance does not say all of it (${unsaid.join(", ")})`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return good("the key may only read, and only from listed addresses");
  const isTooMuch = granted.length + unknown.length > 0;
  const todo = [isTooMuch || unsaid.length > 0 ? READ_ONLY : "", isAddressBound === false ? BIND : ""];
  const text = parts.join("; ");
  const line = todo.filter((part) => part !== "").join(", and ");
  if (mustBeReadOnly && granted.length > 0) return failed(`${text}; requireReadOnlyKey forbids it`, line);
  return warning(text, line);
}

/** Why margind must not run with this key; undefined when it may. A right that nobody knows is told and is no reason. */
export function keyRefusal(account: string, rights: KeyRights): string | undefined {
  if (rights.granted.length === 0) return undefined;
  const names = rights.granted.map(({ name }) => name).join(", ");
  return `requireReadOnlyKey is set, but the API key of ${account} ${mayDo(rights)} (${names}). Give margind a key that may only read, or take requireReadOnlyKey out of the configuration.`;
}

/** "MAY WITHDRAW, TRANSFER AND TRADE": in capitals, because it is the one thing in a table that must not be read over. */
function mayDo({ granted }: KeyRights): string {
  const deeds = DEEDS.filter((deed) => granted.some((right) => right.deed === deed)).map((deed) => deed.toUpperCase());
  const last = deeds.at(-1) ?? "";
  return `MAY ${deeds.length < 2 ? last : `${deeds.slice(0, -1).join(", ")} AND ${last}`}`;
}
