// The exchange's patience: spacing between two margin requests of a key, weight a minute, 429, and the ban of an address that
// does not listen. Weights are counted per address: /api in one budget, every /sapi path in a budget of its own. A few /sapi paths
// are counted per user instead; who overdraws those is banned by his address all the same.
import { stepMs } from "../lib/backoff.ts";
import { type Reply, refuse } from "./reply.ts";

export interface Limits {
  /** Two keyed margin requests of a key closer than this are refused with -21003. */
  readonly minSpacingMs: number;
  /** Weight a minute and address, for each /sapi path. */
  readonly sapiWeight: number;
  /** Weight a minute and user, for each /sapi path that is counted so. */
  readonly uidWeight: number;
  /** The same for all /api paths together. */
  readonly apiWeight: number;
  /** So many requests answered with 429 in one minute are forgiven; the next one bans the address. */
  readonly forgiven429: number;
}

export const BINANCE_LIMITS: Limits = {
  minSpacingMs: 500,
  sapiWeight: 12_000,
  uidWeight: 180_000,
  apiWeight: 6_000,
  forgiven429: 10,
};

const MINUTE_MS = 60_000;
/** Documented: 2 minutes for the first ban, growing with repetition to 3 days. */
const BAN = { firstMs: 2 * MINUTE_MS, maxMs: 3 * 86_400_000 };

/** Milliseconds since the key's previous keyed margin request; undefined for its first. */
export type Spacing = (apiKey: string, monoMs: number) => number | undefined;

export function createSpacing(): Spacing {
  const lastMs = new Map<string, number>();
  return (apiKey, monoMs) => {
    const previous = lastMs.get(apiKey);
    lastMs.set(apiKey, monoMs);
    return previous === undefined ? undefined : monoMs - previous;
  };
}

export interface Weighed {
  readonly headers: Readonly<Record<string, string>>;
  readonly refusal: Reply | undefined;
}

export interface Weighable {
  readonly address: string;
  readonly path: string;
  readonly weight: number;
  /** The user, on paths that are counted per user: his key. */
  readonly uid?: string | undefined;
}

export interface Scale {
  /** The refusal while the address is banned. */
  banned(address: string, serverMs: number): Reply | undefined;
  /** Counts one request. */
  weigh(request: Weighable, serverMs: number): Weighed;
}

interface Budget {
  minute: number;
  used: number;
  refused: number;
}

interface Visitor {
  readonly budgets: Map<string, Budget>;
  bans: number;
  bannedUntilMs: number;
}

/** Whose budget, of which name, up to what, told in which header. */
function countOf(limits: Limits, { path, uid }: Weighable) {
  if (!path.startsWith("/sapi/")) return { name: "/api", limit: limits.apiWeight, header: "X-MBX-USED-WEIGHT-1M" };
  if (uid === undefined) return { name: path, limit: limits.sapiWeight, header: "X-SAPI-USED-IP-WEIGHT-1M" };
  return { name: path, limit: limits.uidWeight, header: "X-SAPI-USED-UID-WEIGHT-1M" };
}

export function createScale(limits: Limits): Scale {
  const visitors = new Map<string, Visitor>();
  const users = new Map<string, Visitor["budgets"]>();
  const budgetsOf = (uid: string): Visitor["budgets"] => {
    const known = users.get(uid) ?? new Map<string, Budget>();
    users.set(uid, known);
    return known;
  };
  const visitorAt = (address: string): Visitor => {
    const known = visitors.get(address) ?? { budgets: new Map(), bans: 0, bannedUntilMs: 0 };
    visitors.set(address, known);
    return known;
  };
  return {
    banned(address, serverMs) {
      const { bannedUntilMs } = visitorAt(address);
      return serverMs < bannedUntilMs ? banReply(bannedUntilMs, serverMs) : undefined;
    },
    weigh(request, serverMs) {
      const visitor = visitorAt(request.address);
      const { name, limit, header } = countOf(limits, request);
      const budgets = request.uid === undefined ? visitor.budgets : budgetsOf(request.uid);
      const budget = budgetOf(budgets, name, serverMs);
      budget.used += request.weight;
      const headers = { [header]: `${budget.used}` };
      if (budget.used <= limit) return { headers, refusal: undefined };
      budget.refused += 1;
      if (budget.refused <= limits.forgiven429) return { headers, refusal: slowDownReply(limit, serverMs) };
      return { headers, refusal: ban(visitor, serverMs) };
    },
  };
}

/** The budget of the running minute: minutes are those of the server's clock, as on the exchange. */
function budgetOf(budgets: Visitor["budgets"], name: string, serverMs: number): Budget {
  const minute = Math.floor(serverMs / MINUTE_MS);
  const current = budgets.get(name);
  if (current?.minute === minute) return current;
  const fresh: Budget = { minute, used: 0, refused: 0 };
  budgets.set(name, fresh);
  return fresh;
}

function ban(visitor: Visitor, serverMs: number): Reply {
  visitor.bans += 1;
  visitor.bannedUntilMs = serverMs + stepMs(BAN, visitor.bans);
  visitor.budgets.clear();
  return banReply(visitor.bannedUntilMs, serverMs);
}

function slowDownReply(limit: number, serverMs: number): Reply {
  const text = `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`;
  return withRetryAfter(refuse(429, -1003, text), MINUTE_MS - (serverMs % MINUTE_MS));
}

function banReply(untilMs: number, serverMs: number): Reply {
  const text = `Way too much request weight used; IP banned until ${Math.ceil(untilMs)}. Please use WebSocket Streams for live updates to avoid bans.`;
  return withRetryAfter(refuse(418, -1003, text), untilMs - serverMs);
}

const withRetryAfter = (reply: Reply, ms: number): Reply => ({
  ...reply,
  headers: { "Retry-After": `${Math.ceil(ms / 1000)}` },
});
