// Small durable facts: the installation's id, a ban that must outlive a restart, the bars that were read last. One that cannot be read
// counts as never stored: the bars are asked for anew, and the exchange says again that it bans.
import { randomUUID } from "node:crypto";
import { type Bars, StoreError } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { parseJson } from "../lib/json.ts";

/** Stable id of this installation, part of every idempotency key and Message-ID. */
export function instanceOf(store: Store): string {
  const known = store.fact("instance");
  if (known !== undefined) return known;
  const made = randomUUID().slice(0, 8);
  try {
    store.setFact("instance", made);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error; // the store writes it when the disk works again: no reason not to watch
  }
  return made;
}

/** Begin and end of a pause, wall ms. One per store: limits are per IP address, and so is a daemon. */
interface StoredPause {
  readonly beginMs: number;
  readonly untilMs: number;
  readonly kind?: PauseKind;
}
const PAUSE_KINDS = ["rate", "firewall", "ban"] as const;
type PauseKind = (typeof PAUSE_KINDS)[number];

/** The fact has the name of the gravest kind: older versions wrote no other. */
export function banOf(store: Store, name = "ban") {
  return {
    load(): StoredPause | undefined {
      const parsed = parseJson(store.fact(name) ?? "");
      if (typeof parsed !== "object" || parsed === null || !("beginMs" in parsed) || !("untilMs" in parsed))
        return undefined;
      const { beginMs, untilMs } = parsed;
      if (typeof beginMs !== "number" || typeof untilMs !== "number") return undefined;
      const kind = PAUSE_KINDS.find((each) => "kind" in parsed && parsed.kind === each);
      return { beginMs, untilMs, ...(kind !== undefined && { kind }) };
    },
    save: (pause: StoredPause): void => store.setFact(name, JSON.stringify(pause)),
    clear: (): void => store.setFact(name, ""),
  };
}

export function barsOf(store: Store) {
  return {
    load(account: string): { bars: Bars; atMs: number } | undefined {
      const parsed = parseJson(store.fact(`bars.${account}`) ?? "");
      if (typeof parsed !== "object" || parsed === null || !("atMs" in parsed) || !("bars" in parsed)) return undefined;
      const { atMs, bars } = parsed;
      return typeof atMs === "number" && isBars(bars) ? { bars, atMs } : undefined;
    },
    save: (account: string, bars: Bars, atMs: number): void =>
      store.setFact(`bars.${account}`, JSON.stringify({ bars, atMs: Math.round(atMs) })),
  };
}

function isBars(value: unknown): value is Bars {
  if (typeof value !== "object" || value === null) return false;
  const names = ["normalBar", "marginCallBar", "forceLiquidationBar"];
  const fields = new Map(Object.entries(value));
  return names.every((name) => typeof fields.get(name) === "number");
}
