// Building blocks for config schemas, shared by the file's own schema and by every notifier's, which stands beside its adapter.
// No text here repeats the value it refuses: the value may be a secret. Defaults belong in `.prefault("30s")`, written as a user
// would write them, so that the JSON Schema for editors shows them.
import { z } from "zod";
import { DURATION_EXPECTED, DURATION_PATTERN, durationText, parseDurationMs } from "./duration.ts";
import { isLoopback } from "./loopback.ts";
import { Secret } from "./secret.ts";

// A configuration is read once: code made for speed (by new Function, too) would cost more time than it saves.
z.config({ jitless: true });

/** Text that must never be seen again. The loader reads `secret: true` to know which literals deserve a warning. */
export function secretText() {
  return z
    .string()
    .refine((text) => text.trim() !== "", "expected a secret, found nothing")
    .transform((text) => new Secret(text))
    .meta({ secret: true });
}

/** "30s" → 30_000. The bounds are in milliseconds, both inclusive. */
export function duration({ minMs = 0, maxMs = Number.POSITIVE_INFINITY }: { minMs?: number; maxMs?: number } = {}) {
  return z
    .string(DURATION_EXPECTED)
    .transform((text, context) => {
      const ms = parseDurationMs(text);
      if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
      context.issues.push({ code: "custom", input: text, message: durationProblem(ms, minMs, maxMs) });
      return z.NEVER;
    })
    .meta({ pattern: DURATION_PATTERN, patternErrorMessage: DURATION_EXPECTED });
}

function durationProblem(ms: number | undefined, minMs: number, maxMs: number): string {
  if (ms === undefined) return DURATION_EXPECTED;
  return ms < minMs ? `must be at least ${durationText(minMs)}` : `must be at most ${durationText(maxMs)}`;
}

/** A number in [min, max]. Also as text, because everything that comes from the environment is text. */
export function number({ min = -Infinity, max = Infinity }: { min?: number; max?: number } = {}) {
  const bounds = Number.isFinite(min) && Number.isFinite(max) ? ` from ${min} to ${max}` : "";
  const expected = `expected a number${bounds}`;
  const inner = z.number(expected);
  const floored = Number.isFinite(min) ? inner.min(min, expected) : inner;
  return z.preprocess(asNumber, Number.isFinite(max) ? floored.max(max, expected) : floored);
}

const NUMBER_SHAPE = /^-?\d+(\.\d+)?$/;
const asNumber = (value: unknown): unknown =>
  typeof value === "string" && NUMBER_SHAPE.test(value) ? Number(value) : value;

/** true or false. Also as text, because everything that comes from the environment is text. */
export function flag() {
  return z.preprocess(
    (value) => (value === "true" ? true : value === "false" ? false : value),
    z.boolean("expected true or false"),
  );
}

/**
 * An http(s) address without user, query or fragment; kept as written, without trailing slashes when `base` is set.
 * `keyed`: requests to it carry a key, so plain http is only allowed to this very machine (a simulator, a sidecar).
 */
export function httpUrl({ keyed = false, base = false }: { keyed?: boolean; base?: boolean } = {}) {
  return z
    .string("expected an address such as https://example.com")
    .transform((text, context) => {
      const problem = urlProblem(text, keyed);
      if (problem === undefined) return base ? text.replace(/\/+$/, "") : text;
      context.issues.push({ code: "custom", input: text, message: problem });
      return z.NEVER;
    })
    .meta({ pattern: "^https?://" });
}

function urlProblem(text: string, keyed: boolean): string | undefined {
  const url = webAddress(text);
  if (url === undefined) return "expected an address such as https://example.com";
  if (url.username !== "" || url.password !== "") return "must not hold a user or password";
  if (/[?#]/.test(text)) return "must not have a query or fragment (? or #)";
  if (keyed && url.protocol === "http:" && !isLoopback(url.hostname)) {
    return "plain http would show the keys to the network: expected https (http only to this machine, such as 127.0.0.1)";
  }
  return undefined;
}

/** An http(s) address that is itself a secret: webhooks and heartbeats carry their key in the path or the query. */
export function secretUrl() {
  return z
    .string("expected an address such as https://example.com/…")
    .refine((text) => webAddress(text) !== undefined, "expected an address such as https://example.com/…")
    .transform((text) => new Secret(text))
    .meta({ secret: true, pattern: "^https?://" });
}

function webAddress(text: string): URL | undefined {
  const url = /^https?:\/\/\S+$/i.test(text) ? URL.parse(text) : null;
  return url ?? undefined;
}
