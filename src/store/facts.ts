// Small durable facts: the installation's id, a ban that must outlive a restart, the bars that were read last.
import { randomUUID } from "node:crypto";
import type { Bars } from "../core/ports.ts";
import type { Store } from "../core/store.ts";

/** Stable id of this installation, part of every idempotency key and Message-ID. */
export function instanceOf(store: Store): string {
  const known = store.fact("instance");
  if (known !== undefined) return known;
  const made = randomUUID().slice(0, 8);
  store.setFact("instance", made);
  return made;
}

/** Begin and end of a ban, wall ms. One per store: bans are per IP address, and so is a daemon. */
export function banOf(store: Store) {
  return {
    load(): { beginMs: number; untilMs: number } | undefined {
      const parsed = parse(store.fact("ban"));
      if (typeof parsed !== "object" || parsed === null || !("beginMs" in parsed) || !("untilMs" in parsed))
        return undefined;
      const { beginMs, untilMs } = parsed;
      return typeof beginMs === "number" && typeof untilMs === "number" ? { beginMs, untilMs } : undefined;
    },
    save: (beginMs: number, untilMs: number): void =>
      store.setFact("ban", JSON.stringify({ beginMs: Math.round(beginMs), untilMs: Math.round(untilMs) })),
    clear: (): void => store.setFact("ban", ""),
  };
}

export function barsOf(store: Store) {
  return {
    load(account: string): { bars: Bars; atMs: number } | undefined {
      const parsed = parse(store.fact(`bars.${account}`));
      if (typeof parsed !== "object" || parsed === null || !("atMs" in parsed) || !("bars" in parsed)) return undefined;
      const { atMs, bars } = parsed;
      return typeof atMs === "number" && isBars(bars) ? { bars, atMs } : undefined;
    },
    save: (account: string, bars: Bars, atMs: number): void =>
      store.setFact(`bars.${account}`, JSON.stringify({ bars, atMs: Math.round(atMs) })),
  };
}

/** Unreadable counts as never stored: the bars are asked for anew, and the exchange says again that it bans. */
function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
}

function isBars(value: unknown): value is Bars {
  if (typeof value !== "object" || value === null) return false;
  const names = ["normalBar", "marginCallBar", "forceLiquidationBar"];
  const fields = new Map(Object.entries(value));
  return names.every((name) => typeof fields.get(name) === "number");
}
