// What one seed stands for: the settings of the daemon, and what will go wrong, when, at which port. Each seed enables its own few
// kinds of faults, so that some runs see one kind alone and some see many at once. Everything is drawn here or from streams that
// are named here.

import type { EventRule, Route, RuleConfig } from "../../src/core/rules/types.ts";
import type { WatchedAccount } from "../../src/watch.ts";
import { ALLOWED, drawQuirks, type Quirks, SYMBOLS } from "./books.ts";
import { BESIDE_PATHS } from "./pages.ts";
import { PRICE_LIES, type PricedPlan, withPriced } from "./priced.ts";
import { createRandom, type Random } from "./random.ts";
import { BEGIN_MS, DAY, HOUR, MINUTE, SECOND } from "./time.ts";

export const EXCHANGE_FAULTS = [
  "rate", // 429, with and without Retry-After; -1003
  "server", // 5xx with a page or an error number
  "page", // 200 with HTML
  "cut", // 200 with half of the JSON
  "field", // missing, renamed or malformed fields
  "hang",
  "refuse",
  "reset",
  "redirect",
  "clock", // -1021
  "signature", // -1022
  "key", // -2015
  "busy", // -21003, -1008, -3044
  "absent", // -3003, -11001, a row left out
  "status", // a status that nobody knows
  "weight", // the budget of the address is used
  "slow",
] as const;
export type ExchangeFault = (typeof EXCHANGE_FAULTS)[number];

export const CHANNEL_FAULTS = [
  "limited", // 429 with retryAfter
  "unreachable",
  "lost", // accepted, and the answer lost
  "maybe", // ambiguous and not accepted
  "refused",
  "payload",
  "hang",
  "slow",
  "broken", // the adapter throws something else
] as const;
export type ChannelFault = (typeof CHANNEL_FAULTS)[number];

/** A time in which a fault meets this share of what is done. */
export interface Episode<Kind> {
  readonly kind: Kind;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly share: number;
}

export interface FaultPlan<Kind> {
  /** Kinds that may meet anything at any time, and how probable that is. */
  readonly kinds: readonly Kind[];
  readonly rate: number;
  readonly episodes: readonly Episode<Kind>[];
}

export interface ChannelPlan extends FaultPlan<ChannelFault> {
  readonly name: string;
  readonly recipients: readonly string[];
  readonly isLiving: boolean;
}

/** The exchange bans or walls off this address: once, at this time. */
export interface BanPlan {
  readonly atMs: number;
  readonly lastsMs: number;
  readonly how: "header" | "text" | "unstated" | "firewall";
}

export type DiskFault = "full" | "slow";
export interface DiskPlan extends FaultPlan<DiskFault> {
  /** Single writes that fail, and may have reached the disk. */
  readonly errorsAtMs: readonly number[];
}

/** Where in its work a process dies. */
export const DEATHS = [
  "anywhere",
  "after request",
  "before commit",
  "after commit",
  "after accepted",
  "before settle",
  "after settle",
] as const;
export type Death = (typeof DEATHS)[number];

export type Mishap =
  | { readonly kind: "kill"; readonly atMs: number; readonly where: Death; readonly downMs: number }
  | { readonly kind: "stop"; readonly atMs: number; readonly downMs: number; readonly settings: number }
  | { readonly kind: "reload"; readonly atMs: number; readonly isAfterRequest: boolean; readonly settings: number }
  | { readonly kind: "step" | "suspend" | "stall" | "drift"; readonly atMs: number; readonly ms: number };

/** One configuration. */
export interface Config {
  readonly accounts: readonly WatchedAccount[];
  readonly rules: readonly RuleConfig[];
  readonly eventRules: readonly EventRule[];
  readonly routes: readonly Route[];
  readonly channels: readonly { readonly name: string; readonly recipients: readonly string[] }[];
  readonly repeatEveryMs: number;
  readonly prices?: { readonly everyMs: number } | undefined;
}

/** How the streams behave: each session does a few of these. */
export const PUSH_HABITS = ["flood", "call", "lie", "soothe", "die", "retire"] as const;
export type PushHabit = (typeof PUSH_HABITS)[number];

/** What is read beside the polls; undefined in a scenario that reads nothing of it. */
export interface BesidePlan {
  /** The exchange has taken these paths away (-1016, -1020) for a time. */
  readonly gone: readonly Episode<string>[];
  readonly quirks: Quirks;
  readonly habits: readonly PushHabit[];
}

export interface Scenario {
  readonly seed: number;
  readonly beside: BesidePlan | undefined;
  /** Undefined in a scenario that reads no prices and watches no speed. */
  readonly priced: PricedPlan | undefined;
  readonly endMs: number;
  /** From here on nothing goes wrong any more and nothing moves. Beyond the end without --liveness. */
  readonly calmMs: number;
  readonly isFaultFree: boolean;
  readonly pollMs: number;
  readonly tickMs: number;
  readonly staleAfterMs: number;
  readonly beatMs: number;
  readonly minSpacingMs: number;
  readonly timeoutMs: number;
  /** The first is in force at the start; the others come by restart or reload. */
  readonly configs: readonly [Config, ...Config[]];
  readonly isRestless: boolean;
  readonly exchange: FaultPlan<ExchangeFault> & { readonly bans: readonly BanPlan[]; readonly latencyMs: number };
  readonly channels: readonly ChannelPlan[];
  readonly disk: DiskPlan;
  readonly mishaps: readonly Mishap[];
}

export interface Options {
  readonly days: number;
  readonly isLive: boolean;
}

/** Long enough for every pause, back-off and probe to come to its end. */
const CALM_MS = 5 * HOUR;

export function drawScenario(seed: number, { days, isLive }: Options): Scenario {
  const random = createRandom(seed, "scenario");
  const endMs = BEGIN_MS + days * DAY;
  const calmMs = isLive ? endMs - CALM_MS : endMs + DAY;
  const span: Span = { fromMs: BEGIN_MS, untilMs: Math.min(calmMs, endMs) };
  const isFaultFree = random.chance(0.06);
  const pollMs = random.whole(14, 28) * MINUTE;
  const timing = {
    pollMs,
    tickMs: random.whole(60, 120) * SECOND,
    staleAfterMs: Math.round(pollMs * random.between(2.1, 3.2)),
    beatMs: random.chance(0.05) ? 30 * DAY : random.whole(10, 30) * MINUTE,
    minSpacingMs: random.chance(0.8) ? 500 : 1000,
    timeoutMs: 10 * SECOND,
  };
  const polled = drawConfigs(pollMs, random);
  const nothing = { kinds: [], rate: 0, episodes: [] };
  // A stream of its own: what is drawn here moves nothing of the rest.
  const more = createRandom(seed, "beside");
  const isBeside = more.chance(BESIDE_SHARE);
  const read = isBeside ? withBeside(polled, more) : polled;
  const about = createRandom(seed, "priced");
  const isPriced = about.chance(PRICED_SHARE);
  const configs = isPriced ? withPriced(read, about) : read;
  const priced = isPriced ? drawPriced(span, isFaultFree, about) : undefined;
  const beside = isBeside ? drawBeside(span, isFaultFree, more) : undefined;
  const parts = isFaultFree
    ? {
        exchange: { ...nothing, bans: [], latencyMs: 150 },
        channels: configs[0].channels.map((channel) => ({ ...channel, ...nothing, isLiving: true })),
        disk: { ...nothing, errorsAtMs: [] },
        mishaps: [],
      }
    : {
        exchange: drawExchange(span, isLive, random),
        channels: configs[0].channels.map((channel) => drawChannel(channel, span, random)),
        disk: drawDisk(span, random),
        mishaps: drawMishaps(span, configs.length, random),
      };
  return {
    seed,
    endMs,
    calmMs,
    isFaultFree,
    beside,
    priced,
    ...timing,
    configs,
    isRestless: random.chance(0.5),
    ...parts,
  };
}

/** Each of these runs costs as much as two others. */
const BESIDE_SHARE = 0.22;
/** And each of these as much as three. */
const PRICED_SHARE = 0.16;

/** Prices may lie where nothing else is wrong: they are nobody's evidence. */
function drawPriced(span: Span, isFaultFree: boolean, random: Random): PricedPlan {
  const lies = drawEpisodes(random.some(PRICE_LIES, random.pick([0.2, 0.7])), 8, 8 * HOUR, span, random);
  const isTight = !isFaultFree && random.chance(0.3);
  return { lies, tight: isTight ? drawEpisodes(["tight"] as const, 3, 6 * HOUR, span, random) : [] };
}

function drawBeside(span: Span, isFaultFree: boolean, random: Random): BesidePlan {
  const isTakenAway = !isFaultFree && random.chance(0.3);
  return {
    gone: isTakenAway ? drawEpisodes(Object.values(BESIDE_PATHS), 2, 8 * HOUR, span, random) : [],
    quirks: drawQuirks(random),
    habits: isFaultFree ? ["call"] : random.some(PUSH_HABITS, 0.5),
  };
}

/** What an operator may have read beside the polls, and that he may change his mind. */
function withBeside(
  [first, ...others]: readonly [Config, ...Config[]],
  random: Random,
): readonly [Config, ...Config[]] {
  const pollMs = (): string => `${random.chance(0.15) ? 5 * MINUTE : random.whole(20, 90) * MINUTE}`;
  const slowly = () => ({
    poll: pollMs(),
    isolated: random.pick<"all" | "none" | readonly string[]>(["all", "none", random.some(SYMBOLS, 0.6)]),
  });
  const drawn = () => ({
    flows: random.chance(0.85) ? slowly() : undefined,
    transfers: random.chance(0.7) ? { ...slowly(), allow: ALLOWED } : undefined,
    delistings: random.chance(0.6) ? { poll: pollMs() } : undefined,
    stream: random.chance(0.7),
  });
  const read = drawn();
  const eventRules: readonly EventRule[] = random.chance(0.4) ? [BIG_LOAN] : [];
  const fill = (config: Config, beside: ReturnType<typeof drawn>): Config => {
    const accounts = config.accounts.map((account) => ({ ...account, ...beside }));
    return { ...config, eventRules, accounts };
  };
  return [fill(first, read), ...others.map((config) => fill(config, random.chance(0.5) ? read : drawn()))];
}

const BIG_LOAN: EventRule = {
  id: "big-loan",
  on: "flow",
  types: ["BORROW"],
  assets: "all",
  symbols: "all",
  direction: "in",
  amountAbove: 50,
  allow: [],
  severity: "warning",
};

/** In force now, for what is done now. */
export function faultAt<Kind>(plan: FaultPlan<Kind>, atMs: number, calmMs: number, random: Random): Kind | undefined {
  if (atMs >= calmMs) return undefined;
  for (const { kind, fromMs, untilMs, share } of plan.episodes) {
    if (atMs >= fromMs && atMs < untilMs && random.chance(share)) return kind;
  }
  const [first, ...others] = plan.kinds;
  return first !== undefined && random.chance(plan.rate) ? random.pick([first, ...others]) : undefined;
}

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

const moment = ({ fromMs, untilMs }: Span, random: Random): number => random.between(fromMs, untilMs);
const times = (count: number): readonly number[] => Array.from({ length: Math.max(0, count) }, (_, i) => i);

function drawEpisodes<Kind>(
  kinds: readonly Kind[],
  max: number,
  longestMs: number,
  span: Span,
  random: Random,
): readonly Episode<Kind>[] {
  const [first, ...others] = kinds;
  if (first === undefined) return [];
  return times(random.whole(0, max)).map(() => {
    const fromMs = moment(span, random);
    const untilMs = Math.min(span.untilMs, fromMs + random.magnitude(MINUTE, longestMs));
    return { kind: random.pick([first, ...others]), fromMs, untilMs, share: random.pick([1, 1, 0.5]) };
  });
}

// ---------------------------------------------------------------- settings

function drawConfigs(pollMs: number, random: Random): readonly [Config, ...Config[]] {
  const symbols = random.some(["BTCUSDT", "ETHUSDT", "SOLUSDT"], 0.6);
  const isolated = symbols.length === 0 ? "none" : random.chance(0.6) ? "all" : symbols;
  const main: WatchedAccount = {
    name: "main",
    poll: `${pollMs}`,
    cross: isolated === "none" || random.chance(0.85),
    isolated,
  };
  const spare: WatchedAccount = { name: "spare", poll: `${pollMs}`, cross: true, isolated: "none" };
  const accounts = random.chance(0.2) ? [main, spare] : [main];
  const channels = [
    { name: "desk", recipients: ["#desk"] },
    { name: "mail", recipients: ["ops@example.com", "boss@example.com"] },
    ...(random.chance(0.4) ? [{ name: "hook", recipients: ["hook"] }] : []),
  ];
  const names = channels.map(({ name }) => name);
  const repeatEveryMs = random.whole(3, 12) * HOUR;
  const everyone = { notify: names, repeatEveryMs, match: {} };
  const mild = { notify: ["desk"], repeatEveryMs, match: { severity: ["info" as const] } };
  const routes: readonly Route[] = random.chance(0.3) ? [mild, everyone] : [everyone];
  const rules = drawRules(pollMs, random);
  const first: Config = { accounts, rules, eventRules: [], routes, channels, repeatEveryMs };
  return [first, ...variants(first, random)];
}

function drawRules(pollMs: number, random: Random): readonly RuleConfig[] {
  const number = (value: number) => ({ kind: "number" as const, value });
  const common = () => ({
    symbols: "all" as const,
    hysteresisPct: random.pick([0, 2]),
    forMs: random.pick([0, 0, Math.round(1.5 * pollMs)]),
    clearAfterMs: random.pick([0, 30 * SECOND, Math.round(1.5 * pollMs)]),
  });
  const level: RuleConfig = {
    ...common(),
    id: "cross-level",
    on: "cross",
    field: "marginLevel",
    ladder: { kind: "below", rungs: { info: number(1.5), warning: number(1.365), critical: number(1.3) } },
  };
  const distance: RuleConfig = {
    ...common(),
    id: "pair-distance",
    on: "isolated",
    field: "liquidationDistancePct",
    ladder: { kind: "below", rungs: { info: number(10), warning: number(6), critical: number(3) } },
  };
  const status: RuleConfig = {
    ...common(),
    id: "pair-status",
    on: "isolated",
    field: "marginLevelStatus",
    ladder: {
      kind: "is",
      rungs: { warning: ["MARGIN_CALL"], critical: ["PRE_LIQUIDATION", "FORCE_LIQUIDATION"] },
    },
  };
  const transfer: RuleConfig = {
    ...common(),
    id: "transfer-out",
    on: "cross",
    field: "transferOutEnabled",
    ladder: { kind: "is", rungs: { warning: [false] } },
  };
  return [level, distance, ...(random.chance(0.3) ? [status] : []), ...(random.chance(0.3) ? [transfer] : [])];
}

/** What an operator may change: a threshold, a rule, an address. */
function variants(config: Config, random: Random): readonly Config[] {
  const [level, ...others] = config.rules;
  if (level === undefined || level.ladder.kind === "is" || level.ladder.kind === "drop") return [];
  const rungs = { ...level.ladder.rungs, info: { kind: "number" as const, value: 1.6 } };
  const stricter: Config = { ...config, rules: [{ ...level, ladder: { ...level.ladder, rungs } }, ...others] };
  const without: Config = { ...config, rules: others };
  const moved: Config = {
    ...config,
    channels: config.channels.map((channel) =>
      channel.name === "mail" ? { ...channel, recipients: ["ops@example.com", "new@example.com"] } : channel,
    ),
  };
  return random.some([stricter, without, moved], 0.7);
}

// ---------------------------------------------------------------- what goes wrong

function drawExchange(span: Span, isLive: boolean, random: Random): Scenario["exchange"] {
  const kinds = random.some(EXCHANGE_FAULTS, random.pick([0, 0.15, 0.4]));
  const bans = random.chance(0.4) ? times(random.whole(1, 3)) : [];
  return {
    kinds,
    rate: random.magnitude(0.002, 0.15),
    episodes: drawEpisodes(kinds, 5, 4 * HOUR, span, random),
    bans: bans.map(() => ({
      atMs: moment(span, random),
      lastsMs: isLive || random.chance(0.9) ? random.magnitude(2 * MINUTE, 3 * HOUR) : random.between(DAY, 3 * DAY),
      how: random.pick(["header", "text", "unstated", "firewall"]),
    })),
    latencyMs: random.magnitude(20, 400),
  };
}

function drawChannel(channel: Config["channels"][number], span: Span, random: Random): ChannelPlan {
  const isLiving = channel.name === "desk";
  if (random.chance(0.4)) return { ...channel, isLiving, kinds: [], rate: 0, episodes: [] };
  const kinds = random.some(CHANNEL_FAULTS, 0.35);
  return {
    ...channel,
    isLiving,
    kinds,
    rate: random.magnitude(0.01, 0.4),
    episodes: drawEpisodes(kinds, 4, 6 * HOUR, span, random),
  };
}

function drawDisk(span: Span, random: Random): DiskPlan {
  if (random.chance(0.6)) return { kinds: [], rate: 0, episodes: [], errorsAtMs: [] };
  const kinds = random.some(["full", "slow"] as const, 0.6);
  return {
    kinds: kinds.filter((kind) => kind === "slow"),
    rate: 0.002,
    episodes: drawEpisodes(kinds, 3, 2 * HOUR, span, random).map((episode) => ({
      ...episode,
      share: episode.kind === "slow" ? 0.1 : 1,
    })),
    errorsAtMs: random.chance(0.7) ? times(random.whole(1, 6)).map(() => moment(span, random)) : [],
  };
}

function drawMishaps(span: Span, configs: number, random: Random): readonly Mishap[] {
  const found: Mishap[] = [];
  if (random.chance(0.65)) found.push(...drawDeaths(span, random));
  const change = () => random.whole(0, configs - 1);
  if (random.chance(0.35)) {
    for (const _ of times(random.whole(1, 4))) {
      const atMs = moment(span, random);
      found.push({ kind: "stop", atMs, downMs: random.magnitude(2 * SECOND, HOUR), settings: change() });
    }
  }
  if (random.chance(0.35)) {
    for (const _ of times(random.whole(1, 5)))
      found.push({
        kind: "reload",
        atMs: moment(span, random),
        isAfterRequest: random.chance(0.5),
        settings: change(),
      });
  }
  if (random.chance(0.4)) found.push(...drawClock(span, random));
  return found.sort((a, b) => a.atMs - b.atMs);
}

function drawDeaths(span: Span, random: Random): readonly Mishap[] {
  const kill = (atMs: number, downMs: number): Mishap => ({ kind: "kill", atMs, where: random.pick(DEATHS), downMs });
  const single = times(random.whole(1, 12)).map(() => kill(moment(span, random), random.magnitude(50, 2 * HOUR)));
  if (!random.chance(0.3)) return single;
  const loopMs = moment(span, random);
  const loop = times(random.whole(3, 12)).map((i) =>
    kill(loopMs + i * random.between(2, 40) * SECOND, random.between(1, 8) * SECOND),
  );
  return [...single, ...loop.filter(({ atMs }) => atMs < span.untilMs)];
}

function drawClock(span: Span, random: Random): readonly Mishap[] {
  const kinds = random.some(["step", "suspend", "stall", "drift"] as const, 0.6);
  return kinds.flatMap((kind) =>
    times(random.whole(1, 3)).map((): Mishap => {
      const atMs = moment(span, random);
      if (kind === "step") return { kind, atMs, ms: (random.chance(0.5) ? 1 : -1) * random.magnitude(MINUTE, DAY) };
      if (kind === "suspend") return { kind, atMs, ms: random.magnitude(10 * SECOND, 4 * HOUR) };
      if (kind === "stall") return { kind, atMs, ms: random.magnitude(SECOND, 2 * MINUTE) };
      return { kind, atMs, ms: random.between(-5, 5) * SECOND };
    }),
  );
}
