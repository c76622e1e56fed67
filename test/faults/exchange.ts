// The exchange behind the real client: it takes the place of the HTTP under it, so pacing, signing, retries, bans and parsing are
// those of the product. It checks key, signature and timestamp, knows what silence it asked for, and answers what is true, unless
// a fault is due.
import { createHmac } from "node:crypto";
import { type ExchangeError, networkError, stopped, timedOut } from "../../src/binance/errors.ts";
import type { Http, Reply as HttpReply, Request } from "../../src/binance/request.ts";
import {
  type Answer,
  type Body,
  crossBody,
  pairBody,
  priceBodies,
  rateBodies,
  seenOf,
  spoilCross,
  spoilPage,
  spoilPair,
} from "./answers.ts";
import { AHEAD_MS, type Books } from "./books.ts";
import type { Deed, Reply, Seen } from "./history.ts";
import { BESIDE_PATHS, isBeside, isUnsigned, pageOf, textOf } from "./pages.ts";
import { liedRows, type PriceLie } from "./priced.ts";
import type { Random } from "./random.ts";
import { type BanPlan, type Config, type ExchangeFault, faultAt, type Scenario } from "./scenario.ts";
import { DAY, HOUR, type Life, MINUTE, SECOND, type Time } from "./time.ts";
import type { Truth } from "./truth.ts";

/** Canaries: none of these may ever be seen anywhere. */
export const KEYS: Readonly<Record<string, { readonly key: string; readonly secret: string }>> = {
  main: {
    key: "canaryKEYmainQ5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh",
    secret: "canarySECRETmainJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H",
  },
  spare: {
    key: "canaryKEYspare8Zr2xWqLmNb7TyUiOp1AsDfGhJkL3ZxCvBnM5QwErTy9UiOpA",
    secret: "canarySECRETspareGh7JkL3ZxCvBnM5QwErTy9UiOpAsDf4GhJkL6ZxCvBnM8Qw",
  },
};

export const PATHS = {
  cross: "/sapi/v1/margin/account",
  isolated: "/sapi/v1/margin/isolated/account",
  bars: "/sapi/v1/margin/tradeCoeff",
  time: "/api/v3/time",
  prices: BESIDE_PATHS.prices,
  rates: "/sapi/v1/margin/next-hourly-interest-rate",
} as const;

/** Who asks for public prices without a key. */
export const PUBLIC = "public";

export interface FakeExchange {
  httpFor(life: Life): Http;
  /** Signatures that were sent lately: they are secret too. */
  readonly signatures: ReadonlySet<string>;
}

export interface ExchangeParts {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly time: Time;
  readonly truth: Truth;
  readonly books: Books;
  config(): Config;
  record(life: Life, deed: Deed): void;
  mayDie(life: Life, where: "after request"): void;
}

interface Asked {
  readonly account: string;
  readonly path: string;
  readonly query: string;
  readonly symbols: readonly string[];
}

/** What comes back, and what it really means. */
interface Sent {
  readonly http: HttpReply | ExchangeError;
  readonly meaning: (atMs: number) => Reply;
}

const RECV_WINDOW_MS = 5000;
const SIGNATURES_KEPT = 64;
const RATE_MOST_MS = 600 * SECOND;
const BAN_MOST_MS = 3 * DAY;
/** How old the prices are that a lie calls new. */
const STALE_MS = 6 * HOUR;
/** Assets in one question for rates. */
const RATED_MOST = 20;

export function createFakeExchange({
  scenario,
  random,
  time,
  truth,
  books,
  config,
  record,
  mayDie,
}: ExchangeParts): FakeExchange {
  const { exchange: plan, beside, priced, calmMs, timeoutMs } = scenario;
  const signatures = new Set<string>();
  const bansDue: BanPlan[] = [...plan.bans].sort((a, b) => a.atMs - b.atMs);
  let ban: { readonly untilMs: number; readonly how: BanPlan["how"] } | undefined;
  let requests = 0;
  let priceReads = 0;

  const serverMs = () => Math.floor(time.nowMs() + AHEAD_MS);

  function answer(
    asked: Asked,
    headers: Request["headers"],
    isSynced: boolean,
  ): { readonly sent: Sent; readonly afterMs: number } {
    const latencyMs = plan.latencyMs * random.between(0.5, 1.5);
    if (ban === undefined && (bansDue[0]?.atMs ?? Number.POSITIVE_INFINITY) <= time.nowMs()) {
      const next = bansDue.shift();
      if (next !== undefined) ban = { untilMs: time.nowMs() + next.lastsMs, how: next.how };
    }
    if (ban !== undefined && (time.nowMs() >= ban.untilMs || time.nowMs() >= calmMs)) ban = undefined;
    if (ban !== undefined) return { sent: refuse(ban, asked, headers, isSynced), afterMs: latencyMs };
    const fault = faultAt(plan, time.nowMs(), calmMs, random);
    if (asked.account === PUBLIC && lieNow() === "hang")
      return { sent: failed(timedOut(timeoutMs), "no answer"), afterMs: timeoutMs };
    if (fault === "hang") return { sent: failed(timedOut(timeoutMs), "no answer"), afterMs: timeoutMs };
    if (fault === "slow")
      return { sent: respond(asked, headers, undefined), afterMs: random.between(1, 0.95 * timeoutMs) };
    return { sent: respond(asked, headers, fault), afterMs: latencyMs };
  }

  function respond(asked: Asked, headers: Request["headers"], fault: ExchangeFault | undefined): Sent {
    const trouble = fault === undefined ? undefined : troubleOf(fault, asked);
    if (trouble !== undefined) return trouble;
    if (asked.path === PATHS.time) return json({ serverTime: serverMs() }, () => ({ kind: "other" }), fault);
    if (asked.account === PUBLIC) return pricesAnswer(asked, fault);
    const flaw = flawOf(asked, headers);
    if (flaw !== undefined) return flaw;
    if (asked.path === PATHS.bars)
      return json(
        { normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1.1" },
        () => ({ kind: "other" }),
        fault,
      );
    if (asked.path === PATHS.prices) return pricesAnswer(asked, fault);
    if (asked.path === PATHS.rates) return ratesAnswer(asked, fault);
    if (isBeside(asked.path)) return besideAnswer(asked, fault);
    if (asked.path === PATHS.cross) return crossAnswer(asked, fault);
    return pairsAnswer(asked, fault);
  }

  // ---------------------------------------------------------------- right answers

  /** `least`: where an empty answer is one, it is not cut down to nothing. */
  function json(body: unknown, meaning: Sent["meaning"], fault?: ExchangeFault, least = 0): Sent {
    const weight = fault === "weight" ? 9000 : 10;
    const text = textOf(body);
    if (fault === "cut" && text.length > least) {
      const cut = text.slice(0, random.whole(least, text.length - 1));
      return { http: { status: 200, headers: standard(), text: cut }, meaning: () => failure("a cut answer") };
    }
    return {
      http: {
        status: 200,
        headers: { ...standard(), "x-sapi-used-ip-weight-1m": `${weight}`, "x-mbx-used-weight-1m": `${weight}` },
        text,
      },
      meaning,
    };
  }

  function crossAnswer({ account }: Asked, fault: ExchangeFault | undefined): Sent {
    const position = truth.at(`${account} cross`, time.nowMs());
    const isAbsent = fault === "absent" || !position.isPresent;
    if (isAbsent && random.chance(0.5))
      return complaint(-3003, 400, () => answered("cross", { body: undefined, seen: [absent("cross")] }));
    const shown = { ...position, isPresent: !isAbsent };
    const off = offOf(`${account} cross`);
    const body = crossBody(shown, off);
    const right = seenOf("cross", shown, off);
    const isLevelUsed = config().rules.some(({ field }) => field === "marginLevel");
    const seen = fault === "field" ? spoilCross(body, right, isLevelUsed, random) : right;
    return json(body, () => answered("cross", { body, seen: [seen] }), fault);
  }

  function pairsAnswer({ account, symbols }: Asked, fault: ExchangeFault | undefined): Sent {
    const all = config().accounts.find(({ name }) => name === account)?.isolated;
    const wanted = symbols.length > 0 ? symbols : ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
    const positions = wanted.map((symbol) => ({ symbol, position: truth.at(`${account} ${symbol}`, time.nowMs()) }));
    const hidden = fault === "absent" ? random.pick([wanted[0] ?? "", ...wanted]) : "";
    const there = positions.filter(({ symbol, position }) => position.isPresent && symbol !== hidden);
    const gone = positions.filter((each) => !there.includes(each)).map(({ symbol }) => absent(`isolated ${symbol}`));
    if (all !== "all" && gone.length > 0)
      return complaint(-11_001, 400, () =>
        symbols.length > 1 ? { kind: "other" } : answered("isolated", { body: undefined, seen: gone }),
      );
    const flags = (symbol: string) => offOf(`${account} ${symbol}`);
    const bodies = there.map(({ symbol, position }) => pairBody(symbol, position, flags(symbol)));
    const right = there.map(({ symbol, position }) => seenOf(`isolated ${symbol}`, position, flags(symbol)));
    const victim = random.whole(0, Math.max(0, bodies.length - 1));
    const seen = right.map((each, i) => {
      const body = bodies[i];
      if (i !== victim || body === undefined) return each;
      if (fault === "field") return spoilPair(body, each, random);
      if (fault !== "status") return each;
      body["marginLevelStatus"] = "SOMETHING_NEW";
      return { ...each, status: "SOMETHING_NEW" };
    });
    return json({ assets: bodies }, () => answered("isolated", { body: bodies, seen: [...seen, ...gone] }), fault);
  }

  const offOf = (subject: string) => books.flagsOff(subject, serverMs());

  const isGone = (path: string): boolean =>
    beside?.gone.some(
      ({ kind, fromMs, untilMs }) => kind === path && time.nowMs() >= fromMs && time.nowMs() < untilMs,
    ) === true;

  /** No answer about prices says anything of a position, so none means anything. */
  function pricesAnswer({ account, path, query }: Asked, fault: ExchangeFault | undefined): Sent {
    if (isGone(path)) return complaint(random.pick([-1016, -1020]), 400);
    const params = new URLSearchParams(query);
    const [one, list] = [params.get("symbol"), params.get("symbols")];
    const traded = pricesNow(account, fault);
    const isUnknown = account === PUBLIC && list !== null && lieNow() === "unknown";
    if (isUnknown) return complaint(-1121, 400);
    const asked: unknown = list === null ? (one ?? traded.map(({ symbol }) => symbol)) : JSON.parse(list);
    const rows = [asked].flat().map((name) => traded.find(({ symbol }) => symbol === name));
    if (rows.includes(undefined)) return complaint(-1121, 400);
    // A key's own read of them takes numbers for decimals.
    const isSpoilt = fault === "field" && account === PUBLIC;
    const { body } = isSpoilt ? spoilPage(rows, random, ["price"]) : { body: rows };
    return json(one !== null && Array.isArray(body) ? body[0] : body, () => ({ kind: "other" }), fault);
  }

  function pricesNow(account: string, fault: ExchangeFault | undefined): readonly Body[] {
    const owner = config().accounts[0]?.name ?? "";
    const all = priceBodies(owner, truth, time.nowMs());
    const traded = fault === "absent" ? all.slice(1) : all;
    const lie = account === PUBLIC ? lieNow() : undefined;
    if (lie === undefined) return traded;
    priceReads += 1;
    return liedRows(traded, lie, priceReads, priceBodies(owner, truth, time.nowMs() - STALE_MS));
  }

  /** In force now, of public prices. */
  const lieNow = (): PriceLie | undefined =>
    priced?.lies.find(({ fromMs, untilMs }) => time.nowMs() >= fromMs && time.nowMs() < untilMs)?.kind;

  function ratesAnswer({ path, query }: Asked, fault: ExchangeFault | undefined): Sent {
    if (isGone(path)) return complaint(random.pick([-1016, -1020]), 400);
    const assets = (new URLSearchParams(query).get("assets") ?? "").split(",");
    if (assets.length > RATED_MOST) return complaint(-1130, 400);
    const rows = rateBodies(fault === "absent" ? assets.slice(1) : assets, time.nowMs(), calmMs);
    const { body, isSpoilt } =
      fault === "field" ? spoilPage(rows, random, ["nextHourlyInterestRate"]) : { body: rows, isSpoilt: false };
    return json(body, () => (isSpoilt ? failure("spoilt rates") : { kind: "other" }), fault);
  }

  /** Of the histories and the market. */
  function besideAnswer(asked: Asked, fault: ExchangeFault | undefined): Sent {
    const { account, path, query } = asked;
    if (isGone(path)) return complaint(random.pick([-1016, -1020]), 400);
    const [atMs, quirks] = [serverMs(), beside?.quirks];
    if (fault === "absent" || quirks === undefined) return complaint(-11_001, 400);
    const page = pageOf({ account, path, params: new URLSearchParams(query), books, quirks, serverMs: atMs });
    if ("code" in page) return complaint(page.code, 400);
    const { body, isSpoilt } =
      fault === "field" && path !== BESIDE_PATHS.loan
        ? spoilPage(page.body, random)
        : { body: page.body, isSpoilt: false };
    if (isSpoilt) return json(body, () => failure("a spoilt history"), fault);
    return json(body, () => meaningOf(account, path, atMs), fault, path === BESIDE_PATHS.loan ? 1 : 0);
  }

  function meaningOf(account: string, path: string, atMs: number): Reply {
    if (path === BESIDE_PATHS.delistings) return { kind: "schedule", entries: books.delistings(atMs) };
    if (path === BESIDE_PATHS.restrictions) return { kind: "restrictions", what: books.restrictions(atMs) };
    if (path === BESIDE_PATHS.loan) return { kind: "loan", loan: books.loan(account, atMs) };
    return { kind: "other" };
  }

  // ---------------------------------------------------------------- faults

  function troubleOf(fault: ExchangeFault, asked: Asked): Sent | undefined {
    const isKeyless = asked.path === PATHS.time || asked.account === PUBLIC;
    switch (fault) {
      case "rate":
        return tooMany();
      case "server":
        return random.chance(0.5)
          ? page(random.pick([500, 502, 503, 504]), "Bad gateway")
          : complaint(random.pick([-1000, -1001, -1004, -1006, -1007, -1008]), random.pick([500, 503, 200]));
      case "page":
        return page(200, `Please log in to this network. You asked for ${asked.path}?${asked.query}`);
      case "redirect":
        return {
          http: { status: 302, headers: { location: "https://elsewhere.example/" }, text: "" },
          meaning: () => failure("a redirect"),
        };
      case "refuse":
        return failed(
          networkError(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
          "connection refused",
        );
      case "reset":
        return failed(
          networkError(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })),
          "connection reset",
        );
      case "clock":
        return asked.account === PUBLIC ? undefined : complaint(-1021, 400);
      case "signature":
        return isKeyless ? undefined : complaint(-1022, 400);
      case "key":
        return isKeyless ? undefined : complaint(random.pick([-2015, -2014]), 401);
      case "busy":
        return complaint(asked.account === PUBLIC ? -1008 : random.pick([-21_003, -1008, -3044, -3037]), 400);
      default:
        return undefined;
    }
  }

  function tooMany(): Sent {
    const now = serverMs();
    const seconds = random.whole(1, 240);
    const date = (atMs: number) => new Date(atMs).toUTCString();
    const [header, leastMs] = random.pick<readonly [string | undefined, number]>([
      [`${seconds}`, seconds * SECOND],
      [`${seconds}`, seconds * SECOND],
      [undefined, SECOND],
      ["-1", SECOND],
      ["0", SECOND],
      [`${30 * 86_400}`, RATE_MOST_MS],
      [date(now + seconds * SECOND), seconds * SECOND],
    ]);
    const headers = { ...standard(), ...(header !== undefined && { "retry-after": header }) };
    const text = random.chance(0.5) ? JSON.stringify({ code: -1003, msg: "Too many requests." }) : "slow down";
    return {
      http: { status: 429, headers, text },
      meaning: (atMs) => ({
        kind: "silence",
        what: `429, retry after ${header ?? "?"}`,
        untilMs: atMs + leastMs,
        isBan: false,
      }),
    };
  }

  /** The answer to everything while the address is banned. */
  function refuse(
    { untilMs, how }: NonNullable<typeof ban>,
    asked: Asked,
    headers: Request["headers"],
    isSynced: boolean,
  ): Sent {
    const leftMs = untilMs - time.nowMs();
    const endMs = Math.ceil(untilMs + AHEAD_MS);
    const silence =
      (what: string, lastsMs: number) =>
      (atMs: number): Reply => ({ kind: "silence", what, untilMs: atMs + lastsMs, isBan: true });
    const banned = {
      code: -1003,
      msg: `Way too much request weight used; IP banned until ${endMs}. Please use WebSocket Streams.`,
    };
    switch (how) {
      case "header": {
        const seconds = Math.ceil(leftMs / SECOND);
        const after = { ...standard(), "retry-after": `${seconds}` };
        return {
          http: { status: 418, headers: after, text: "" },
          meaning: silence("418", Math.min(BAN_MOST_MS, seconds * SECOND)),
        };
      }
      case "text": {
        // Who never read the exchange's clock cannot know how far away that moment is.
        const isKnown = isSynced || Math.abs(time.wallMs() - time.nowMs()) < SECOND;
        const lastsMs = isKnown ? Math.min(BAN_MOST_MS, Math.max(SECOND, leftMs - 2 * SECOND)) : SECOND;
        return {
          http: { status: 418, headers: standard(), text: JSON.stringify(banned) },
          meaning: silence("418 with a text", lastsMs),
        };
      }
      case "unstated":
        return {
          http: { status: 418, headers: standard(), text: "" },
          meaning: silence("418 without an end", 2 * MINUTE),
        };
      case "firewall": {
        // Such pages like to quote the request.
        const quoted = `<html><body><h1>Request blocked</h1> ${asked.path}?${asked.query} of ${headers["X-MBX-APIKEY"]}</body></html>`;
        // It silences what can wait; pacing knows that of the paths that are beside the account.
        const isUnjudged = asked.path === PATHS.rates && !isBeside(asked.path);
        return {
          http: { status: 403, headers: { ...standard(), "content-type": "text/html" }, text: quoted },
          meaning: (atMs) =>
            isUnjudged ? failure("403") : { kind: "silence", what: "403", untilMs: atMs + MINUTE, isBan: false },
        };
      }
    }
  }

  function flawOf(asked: Asked, headers: Request["headers"]): Sent | undefined {
    const { account, query } = asked;
    const keys = KEYS[account];
    if (keys === undefined || headers["X-MBX-APIKEY"] !== keys.key) return complaint(-2015, 401);
    if (isUnsigned(asked.path)) return undefined;
    const [payload = "", signature = ""] = query.split("&signature=");
    signatures.add(signature);
    if (signatures.size > SIGNATURES_KEPT) signatures.delete([...signatures][0] ?? "");
    const isChecked = requests < 10 || requests % 16 === 0; // each costs as much as the rest of the answer
    if (isChecked && signature !== createHmac("sha256", keys.secret).update(payload).digest("hex"))
      return complaint(-1022, 400);
    const timestamp = Number(/(?:^|&)timestamp=(\d+)/.exec(payload)?.[1]);
    const isFresh = timestamp < serverMs() + SECOND && serverMs() - timestamp <= RECV_WINDOW_MS;
    return isFresh ? undefined : complaint(-1021, 400);
  }

  function page(status: number, text: string): Sent {
    const headers = { ...standard(), "content-type": "text/html" };
    return {
      http: { status, headers, text: `<html><body>${text}</body></html>` },
      meaning: () => failure(`HTTP ${status}, a page`),
    };
  }

  function complaint(code: number, status: number, meaning?: Sent["meaning"]): Sent {
    const text = JSON.stringify({ code, msg: "no" });
    const isHopeless = code === -1022 || code === -2015 || code === -2014;
    return { http: { status, headers: standard(), text }, meaning: meaning ?? (() => failure(`${code}`, isHopeless)) };
  }

  const standard = () => ({
    "content-type": "application/json;charset=UTF-8",
    date: new Date(serverMs()).toUTCString(),
  });

  // ---------------------------------------------------------------- the wire

  function httpFor(life: Life): Http {
    const open = new Set<(error: ExchangeError) => void>();
    let isSynced = false;
    let isConnected = false;
    return {
      send(request) {
        if (!life.isAlive) return new Promise(() => undefined);
        time.spin(life);
        if (request.signal.aborted) return Promise.reject(stopped());
        requests += 1;
        const asked = askedBy(request);
        request.onWrite(!isConnected);
        isConnected = true;
        const { account, path, symbols } = asked;
        record(life, { kind: "request", account, path, symbols });
        const { sent, afterMs } = answer(asked, request.headers, isSynced);
        mayDie(life, "after request");
        return new Promise((resolve, reject) => {
          const leave = () => {
            open.delete(fail);
            life.sleeping -= 1;
            request.signal.removeEventListener("abort", onAbort);
          };
          const fail = (error: ExchangeError) => {
            leave();
            reject(error);
          };
          const onAbort = () => fail(stopped());
          open.add(fail);
          life.sleeping += 1;
          request.signal.addEventListener("abort", onAbort);
          time.reach(life, time.nowMs() + afterMs, () => {
            if (!open.has(fail)) return;
            leave();
            const { http, meaning } = sent;
            const reply = meaning(time.nowMs());
            // Prices that cannot be read excuse nothing else.
            const isNothing = account === PUBLIC && reply.kind === "failure";
            record(life, { kind: "reply", account, path, reply: isNothing ? { kind: "other" } : reply });
            if (path === PATHS.time && "status" in http && http.status === 200 && http.text.endsWith("}"))
              isSynced = true;
            if ("status" in http) resolve(http);
            else reject(http);
          });
        });
      },
      async close() {
        for (const fail of [...open]) fail(stopped());
      },
    };
  }

  return { httpFor, signatures };
}

const failed = (error: ExchangeError, what: string): Sent => ({ http: error, meaning: () => failure(what) });
const failure = (what: string, isHopeless = false): Reply => ({ kind: "failure", what, isHopeless });
const absent = (subject: string): Seen => ({
  subject,
  isValid: true,
  isPresent: false,
  hasDebt: false,
  value: 0,
  status: "",
  flags: {},
});

function answered(source: "cross" | "isolated", { seen }: Answer): Reply {
  return { kind: "answer", source, isWhole: seen.every(({ isValid }) => isValid), seen };
}

function askedBy({ path, headers }: Request): Asked {
  const [only = "", query = ""] = path.split("?");
  const key = headers["X-MBX-APIKEY"];
  const keyless = only === PATHS.prices && key === undefined ? PUBLIC : "nobody";
  const account = Object.entries(KEYS).find(([, keys]) => keys.key === key)?.[0] ?? keyless;
  if (only === PATHS.prices) return { account, path: only, query, symbols: [] };
  const symbols = (/(?:^|&)symbols=([^&]*)/.exec(query)?.[1] ?? "").split("%2C").filter((symbol) => symbol !== "");
  return { account, path: only, query, symbols };
}
