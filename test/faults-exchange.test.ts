// The exchange's faults, X1 to X21 of the reference, as people feel them: what is told, what keeps firing, what never happens. How the
// client takes each of them is in src/binance/faults-*.test.ts; here its answers meet rules, ledger and watchdog.
import { createServer as createTlsServer } from "node:https";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCross, parsePairs } from "../src/binance/parse.ts";
import { isOfTime } from "../src/core/observe.ts";
import type { Answer, IsolatedAnswer } from "../src/core/ports.ts";
import { builtinRules } from "../src/core/rules/builtin.ts";
import { compile } from "../src/core/rules/compile.ts";
import { FIELDS, type FieldInfo, isFieldName, LEVEL_STATUSES } from "../src/core/rules/fields.ts";
import { BARS_3X, cross, isolated, observe } from "./support/answers.ts";
import { makeCertificate } from "./support/certificate.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./support/client.ts";
import { crossBody, pairRows } from "./support/crash.ts";
import { type DeskOptions, messageText, openDesk } from "./support/desk.ts";
import {
  API_KEY,
  COEFF,
  CROSS,
  complaint,
  type FakeOptions,
  ISOLATED,
  type Answer as Reply,
} from "./support/exchange.ts";
import { listen, untilTrue } from "./support/server.ts";
import { STALE_AFTER_MS, type Watched, watchAccount } from "./support/watched.ts";

/** A cross account at this level, or what stands in its place. */
const account = (level: number, instead: () => Reply | undefined = () => undefined): FakeOptions => ({
  script({ path }) {
    if (path === COEFF) return { body: { normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1.1" } };
    return path === CROSS ? (instead() ?? { body: crossBody(level) }) : undefined;
  },
});

const CRITICAL = "CRITICAL · main · cross margin level 1.24 (below 1.30)";
const headlines = ({ told }: Watched) => told.map((text) => text.split("\n", 1)[0]);

/** Polls every five seconds until this long is over. */
async function pollFor(watched: Watched, ms: number): Promise<void> {
  for (let goneMs = 0; goneMs < ms; goneMs += 5 * SECOND) await watched.poll();
}

// ---------------------------------------------------------------- blind

describe("an exchange that gives no valid answer", () => {
  const page: Reply = { raw: "<html>log in</html>", headers: { "content-type": "text/html" } };
  test.each<readonly [string, Reply, RegExp]>([
    [
      "X1: a 429 for longer than staleAfter",
      { status: 429, raw: "", headers: { "retry-after": "60" } },
      /asks for a pause/,
    ],
    ["X3: the page of a firewall", { ...page, status: 403 }, /asks for a pause/],
    ["X4: HTTP 502", { status: 502, raw: "" }, /in trouble \(HTTP 502\)/],
    ["X5: a cut answer", { raw: '{"created":true,"marginLevel":"1.9"' }, /not readable \(HTTP 200 with a cut/],
    ["X9: a clock that stays wrong", complaint(-1021), /clock differs too much/],
    ["X12: -21003 without end", complaint(-21003), /in trouble \(error -21003/],
    ["X18: an answer without end", { raw: Buffer.alloc(9 * 1024 * 1024, " ") }, /larger than 8 MiB/],
    ["X19: a captive portal", page, /a web page instead of JSON/],
    [
      "X19: a redirect",
      { status: 302, raw: "", headers: { location: "https://elsewhere.example/" } },
      /a redirect, not followed/,
    ],
    ["X20: an answer out of a cache", { body: crossBody(2), headers: { age: "3600" } }, /an old answer, 3600 s/],
  ])("%s: BLIND after staleAfter with the cause, and nothing that fires is resolved", async (_, reply, cause) => {
    let isBroken = false;
    await using watched = await watchAccount(account(1.24, () => (isBroken ? reply : undefined)));
    await watched.poll();
    expect(headlines(watched)).toEqual([CRITICAL]);
    isBroken = true;
    await pollFor(watched, STALE_AFTER_MS - 5 * SECOND);
    expect(watched.told).toHaveLength(1);
    await watched.poll();
    watched.look();
    expect(watched.told).toHaveLength(2);
    expect(watched.told[1]).toMatch(/^BLIND · main · no valid answer for 3\d s\n/);
    expect(watched.told[1]).toMatch(cause);
    expect(watched.told[1]).toContain("Last seen cross 1.24 (critical)");
    await pollFor(watched, MINUTE);
    expect(watched.firing()).toEqual(["cross/cross-margin-level critical", "feed/blind critical"]);
    isBroken = false;
    watched.clock.skip(10 * MINUTE); // the longest pause
    await watched.poll();
    expect(watched.told.at(-1)).toContain("RESOLVED · main · the data is fresh again");
    expect(watched.firing()).toEqual(["cross/cross-margin-level critical"]);
  });

  test("X4: -1016 of an account read is told at once as what the exchange took away, beside BLIND, until it answers again", async () => {
    let isGone = false;
    await using watched = await watchAccount(account(1.24, () => (isGone ? complaint(-1016) : undefined)));
    await watched.poll();
    isGone = true;
    await watched.poll();
    const GONE = "CRITICAL · main · the exchange changed: cross account is not offered any more";
    expect(headlines(watched)).toEqual([CRITICAL, GONE]);
    await pollFor(watched, STALE_AFTER_MS);
    expect(watched.told).toHaveLength(3);
    expect(watched.told[2]).toMatch(/^BLIND · main · no valid answer for 3\d s\n.*in trouble \(error -1016/);
    const firing = ["cross/cross-margin-level critical", "feed/blind critical"];
    expect(watched.firing().toSorted()).toEqual([...firing, "source cross account/exchange-changed critical"]);
    isGone = false;
    watched.clock.skip(10 * MINUTE); // the longest pause
    await watched.poll();
    expect(watched.firing()).toEqual(["cross/cross-margin-level critical"]);
  });

  test("X2: a ban of three days is BLIND at once with its end, and not one call, through five restarts", async () => {
    let isBanned = false;
    const ban: Reply = { status: 418, raw: "", headers: { "retry-after": `${3 * 86_400}` } };
    await using watched = await watchAccount(account(1.24, () => (isBanned ? ban : undefined)));
    await watched.poll();
    isBanned = true;
    await watched.poll(0);
    const untilMs = watched.clock.wallMs() + 3 * DAY;
    expect(watched.told[1]).toMatch(
      /^BLIND · main · no valid answer for \d s\nBinance has banned this address \(HTTP 418\) until /,
    );
    expect(watched.told[1]).toContain(`${new Date(untilMs).toISOString().slice(11, 16)} UTC`);
    expect(watched.told[1]).toContain("(3 d)");
    const asked = watched.server.seen.length;
    for (let restart = 0; restart < 5; restart++) {
      await watched.restart();
      for (let polls = 0; polls < 3; polls++) await watched.poll(4 * HOUR);
      expect(watched.firing()).toEqual(["cross/cross-margin-level critical", "feed/blind critical"]);
    }
    expect(
      headlines(watched)
        .slice(2)
        .every((line) => line?.startsWith("STILL BLIND · main")),
    ).toBe(true);
    expect(watched.server.seen).toHaveLength(asked);
    isBanned = false;
    await watched.poll(12 * HOUR);
    expect(watched.told.at(-1)).toContain("RESOLVED · main · the data is fresh again");
  });

  test("X2: a ban that is found at the start, in the store, is BLIND at once too", async () => {
    let isBanned = true;
    const ban: Reply = { status: 418, raw: "", headers: { "retry-after": "7200" } };
    await using watched = await watchAccount(account(1.9, () => (isBanned ? ban : undefined)));
    await watched.poll();
    isBanned = false;
    await watched.restart();
    watched.look();
    await watched.poll();
    expect(headlines(watched)).toEqual([expect.stringMatching(/^BLIND · main/)]);
    expect(watched.server.seen).toHaveLength(1);
  });

  test("X6: a server that never answers is BLIND after staleAfter", async () => {
    let isSilent = false;
    await using watched = await watchAccount({
      script: ({ path }) => (isSilent ? "handled" : path === CROSS ? { body: crossBody(1.15) } : undefined),
    });
    await watched.poll();
    isSilent = true;
    for (let polls = 0; polls < 6; polls++) {
      const asked = watched.server.seen.length;
      const polling = watched.poll(4 * SECOND);
      await untilTrue(() => watched.server.seen.length > asked);
      watched.clock.skip(2 * SECOND); // the deadline
      await polling;
    }
    expect(watched.told[1]).toMatch(
      /^BLIND · main[^\n]*\nBinance does not answer in time \(no whole answer within 2 s\)/,
    );
  });

  test.each([
    ["X7: a self-signed certificate", "https", /cannot be reached \(TLS certificate: it is self-signed\)/],
    ["X8: a name that does not exist", "http://exchange.invalid", /cannot be reached \([^)]*DNS/],
  ])("%s is BLIND with the cause", async (_, url, cause) => {
    const tls = await listen(createTlsServer(makeCertificate(), (__, response) => response.end("{}")));
    await using watched = await watchAccount({ baseUrl: url === "https" ? `https://127.0.0.1:${tls.port}` : url });
    await pollFor(watched, STALE_AFTER_MS + 5 * SECOND);
    await tls.close();
    expect(watched.told).toEqual([expect.stringMatching(/^BLIND · main/)]);
    expect(watched.told[0]).toMatch(cause);
  });

  test("X10: a signature that does not fit is BLIND at the first poll, and says what to do", async () => {
    let isWrong = true;
    await using watched = await watchAccount(account(1.9, () => (isWrong ? complaint(-1022) : undefined)));
    await watched.poll();
    expect(watched.told).toEqual([expect.stringMatching(/^BLIND[^\n]*\nBinance refuses the signature/)]);
    expect(watched.told[0]).toContain("put the secret that belongs to the key into the config");
    isWrong = false;
    await watched.poll(61 * SECOND);
    expect(watched.told.at(-1)).toContain("RESOLVED · main · the data is fresh again");
  });

  test.each([-2014, -2015, -1002])(
    "X11: %d once is nothing, twice in a row is BLIND with what to do, and it clears itself",
    async (code) => {
      let isRefused = true;
      await using watched = await watchAccount(account(1.9, () => (isRefused ? complaint(code, "", 401) : undefined)));
      await watched.poll();
      expect(watched.told).toEqual([]);
      await watched.poll();
      expect(watched.told).toEqual([expect.stringMatching(/^BLIND[^\n]*\nBinance refuses the API key/)]);
      expect(watched.told[0]).toContain("address list and permissions");
      isRefused = false;
      await watched.poll(61 * SECOND);
      expect(watched.told.at(-1)).toContain("RESOLVED · main · the data is fresh again");
    },
  );
});

// ---------------------------------------------------------------- gone

const GONE = "CRITICAL · main · BTCUSDT isolated: position disappeared: closed or liquidated";

describe("what had debt and is not there any more", () => {
  test("X16: a pair that is absent from good answers is told once, and held until it is seen again", async () => {
    let isThere = true;
    await using watched = await watchAccount({
      isolated: "all",
      script: ({ path }) =>
        path === ISOLATED
          ? { body: { assets: pairRows(isThere ? { BTCUSDT: 2, ETHUSDT: 40 } : { ETHUSDT: 40 }) } }
          : undefined,
    });
    await watched.poll();
    const [firstAlert] = headlines(watched);
    isThere = false;
    for (let polls = 0; polls < 12; polls++) await watched.poll(20 * SECOND);
    expect(headlines(watched)).toEqual([firstAlert, GONE]);
    expect(watched.firing()).toContain("isolated BTCUSDT/isolated-liquidation-distance critical");
    await watched.restart();
    await watched.poll();
    expect(watched.told).toHaveLength(2);
    isThere = true;
    await watched.poll();
    expect(watched.told[2]).toMatch(/^RESOLVED · main · BTCUSDT isolated: it is in the exchange's answer again/);
    expect(watched.firing()).toEqual(["isolated BTCUSDT/isolated-liquidation-distance critical"]);
  });

  test("X12: a listed pair that answers -11001 right after a restart is gone, and is asked for at every poll until it is back", async () => {
    let isThere = true;
    await using watched = await watchAccount({
      isolated: ["BTCUSDT", "ETHUSDT"],
      script: ({ path, symbols }) => {
        if (path !== ISOLATED) return undefined;
        if (!isThere && symbols.includes("BTCUSDT")) return complaint(-11001);
        const all: Readonly<Record<string, number>> = { BTCUSDT: 2, ETHUSDT: 40 };
        return { body: { assets: pairRows(Object.fromEntries(symbols.map((symbol) => [symbol, all[symbol] ?? 50]))) } };
      },
    });
    await watched.poll();
    isThere = false;
    await watched.restart();
    await watched.poll();
    expect(headlines(watched)[1]).toBe(GONE);
    await watched.poll();
    isThere = true;
    await watched.poll();
    expect(watched.told[2]).toMatch(/^RESOLVED · main · BTCUSDT isolated: it is in the exchange's answer again/);
  });

  test("X12: a cross account with debt that answers -3003 right after a restart is gone, and is asked for at every poll until it is back", async () => {
    let isThere = true;
    await using watched = await watchAccount(account(1.24, () => (isThere ? undefined : complaint(-3003))));
    await watched.poll();
    isThere = false;
    await watched.restart();
    await watched.poll();
    expect(headlines(watched)[1]).toBe("CRITICAL · main · cross: position disappeared: closed or liquidated");
    expect(watched.firing()).toContain("cross/cross-margin-level critical");
    isThere = true;
    await watched.poll(SECOND);
    expect(watched.told[2]).toMatch(/^RESOLVED · main · cross: it is in the exchange's answer again/);
  });

  test("X12: what the config names and the exchange does not know is a warning about the config, not blindness", async () => {
    await using watched = await watchAccount({
      isolated: ["NOPEUSDT"],
      script: ({ path }) => complaint(path === CROSS ? -3003 : -11001),
    });
    await pollFor(watched, 2 * STALE_AFTER_MS);
    expect(watched.told).toHaveLength(1);
    expect(watched.firing()).toEqual(["cross/config warning", "isolated NOPEUSDT/config warning"]);
  });
});

// ---------------------------------------------------------------- fields

/** A deep copy of `body` with the value at `path` replaced, taken out, or under another name. */
function altered(body: object, path: string, change: Change): unknown {
  const copy: unknown = structuredClone(body);
  const names = path.split(".");
  const last = names.pop() ?? "";
  let at: unknown = copy;
  for (const name of names) at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
  if (typeof at !== "object" || at === null || !Reflect.has(at, last)) throw new Error(`there is no ${path}`);
  const before: unknown = Reflect.get(at, last);
  if (change.kind !== "replace") Reflect.deleteProperty(at, last);
  if (change.kind === "rename") Reflect.set(at, `${last}V2`, before);
  if (change.kind === "replace") Reflect.set(at, last, change.by);
  return copy;
}

type Change = { readonly kind: "delete" | "rename" } | { readonly kind: "replace"; readonly by: unknown };

const AMOUNTS = ["asset", "free", "locked", "borrowed", "interest"];
/** What the built-in rules look at, in a cross account in debt and in a pair in debt. */
const USED = {
  cross: [
    "marginLevel",
    "transferOutEnabled",
    ...["0", "1"].flatMap((i) => AMOUNTS.map((name) => `userAssets.${i}.${name}`)),
  ],
  isolated: [
    "marginLevelStatus",
    "indexPrice",
    "liquidatePrice",
    ...["baseAsset", "quoteAsset"].flatMap((leg) => [leg, ...AMOUNTS.map((name) => `${leg}.${name}`)]),
  ],
} as const;

const pairRow = (distancePct: number): object => pairRows({ BTCUSDT: distancePct })[0] ?? {};
const crossAnswer = (body: unknown): Answer => parseCross(body);
const pairAnswer = (row: unknown): IsolatedAnswer => isolated(parsePairs({ assets: [row] }));

const BAD: readonly unknown[] = [
  null,
  "",
  "NaN",
  "Infinity",
  "-Infinity",
  "1e400",
  "1e5",
  "1,25",
  "1.2x",
  "+1",
  " 1",
  ".5",
  "1.",
  [],
  ["1.2"],
  {},
  1.2,
  0,
  -1,
  true,
  false,
  "9".repeat(400),
];
const anyChange = (bad: fc.Arbitrary<unknown>): fc.Arbitrary<Change> =>
  fc.oneof(
    fc.constantFrom<Change>({ kind: "delete" }, { kind: "rename" }),
    bad.map((by): Change => ({ kind: "replace", by })),
  );
const notDecimal = fc
  .oneof(fc.constantFrom(...BAD), fc.string(), fc.jsonValue())
  .filter(
    (value) => typeof value !== "string" || !/^-?[0-9]+(\.[0-9]+)?$/.test(value) || !Number.isFinite(Number(value)),
  );
/** What cannot stand where a text, a flag or a decimal is expected. */
const unfit = (path: string): fc.Arbitrary<unknown> => {
  if (/asset$|Status$/.test(path)) return notDecimal.filter((value) => typeof value !== "string" || value === "");
  if (path.endsWith("Enabled")) return notDecimal.filter((value) => typeof value !== "boolean");
  return notDecimal;
};

describe("a field that does not read", () => {
  const LEVELS = {
    cross: { healthy: crossBody(2), critical: crossBody(1.24) },
    isolated: { healthy: pairRow(40), critical: pairRow(2) },
  } as const;
  const cases = (["cross", "isolated"] as const).flatMap((on) =>
    (["healthy", "critical"] as const).flatMap((before) => USED[on].map((path) => [on, path, before] as const)),
  );
  const read = { cross: crossAnswer, isolated: pairAnswer };

  test.each(cases)(
    "X13: %s %s, whatever becomes of it, makes of a %s account neither an alert nor the end of one",
    (on, path, before) => {
      const bodies = LEVELS[on];
      fc.assert(
        fc.property(anyChange(unfit(path)), fc.constantFrom(bodies.healthy, bodies.critical), (change, now) => {
          const desk = openDesk();
          desk.look(0, read[on](bodies[before]));
          const states = desk.states();
          for (let polls = 1; polls <= 20; polls++) {
            const told = desk.look(polls * 5 * SECOND, read[on](altered(now, path, change)));
            expect(told.notifications).toEqual([]);
          }
          expect(desk.states()).toEqual(states);
        }),
        { numRuns: 40 },
      );
    },
  );
});

describe("numbers", () => {
  const numberFields = Object.keys(FIELDS)
    .filter(isFieldName)
    .filter((name) => FIELDS[name].type === "number" && !isOfTime(name)); // which no single answer tells
  /** What a field comes from, where it is not itself in the answer. */
  const DERIVED: Readonly<Record<string, Readonly<Record<"cross" | "isolated", readonly string[]>>>> = {
    liquidationDistancePct: { cross: ["marginLevel"], isolated: ["indexPrice", "liquidatePrice"] },
  };
  const bodies = {
    cross: [crossBody(1.24), crossBody(undefined)],
    isolated: [pairRow(2), { ...pairRow(2), quoteAsset: Reflect.get(pairRow(2), "baseAsset") }],
  };
  const read = { cross: crossAnswer, isolated: pairAnswer };
  const rows = numberFields.flatMap((field) => {
    const info: FieldInfo = FIELDS[field];
    return info.on.flatMap((on) => (DERIVED[field]?.[on] ?? [field]).map((path) => [on, field, path] as const));
  });

  test.each(rows)("X14: no rule on the %s %s has a verdict of a %s that is no plain decimal", (on, field, path) => {
    const rules = (["below", "above"] as const).flatMap((kind) => {
      const value = kind === "below" ? Number.MAX_VALUE : -Number.MAX_VALUE; // every number breaches one of the two
      const ladder = { kind, rungs: { critical: { kind: "number", value } } } as const;
      const usual = { symbols: "all", hysteresisPct: 0, forMs: 0, clearAfterMs: 0 } as const;
      return compile({ ...usual, id: kind, on, field, ladder }) ?? [];
    });
    const used = { cross: new Set([field]), isolated: new Set([field]) };
    const verdicts = (body: unknown) =>
      observe(read[on](body), { used })
        .filter(({ class: kind }) => kind === "OK")
        .flatMap((observation) => rules.flatMap((rule) => rule.evaluate(observation, BARS_3X) ?? []));
    for (const body of bodies[on].slice(0, 1)) expect(verdicts(body)).not.toEqual([]);
    fc.assert(
      fc.property(fc.constantFrom(...bodies[on]), notDecimal, (body, by) => {
        expect(verdicts(altered({ ...body, [path]: "1" }, path, { kind: "replace", by }))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("X13: what an answer holds beyond the documents changes nothing", () => {
    const extra = fc.dictionary(
      fc.string().filter((name) => !/^__/.test(name)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(extra, extra, (more, moreOfRow) => {
        const body = crossBody(1.24);
        const rich = { ...more, ...body, userAssets: body.userAssets.map((row) => ({ ...moreOfRow, ...row })) };
        expect(parseCross(rich)).toEqual(parseCross(body));
        const row = pairRow(2);
        expect(parsePairs({ ...more, assets: [{ ...moreOfRow, ...row }] })).toEqual(parsePairs({ assets: [row] }));
      }),
    );
  });

  test("X13: what is kept of an answer that does not read is path and kind, in status and log, and BLIND says it once it lasts", async () => {
    const body = { ...crossBody(1.24), marginLevel: API_KEY };
    await using watched = await watchAccount(account(1.24, () => ({ body })));
    await pollFor(watched, STALE_AFTER_MS + 5 * SECOND);
    const sample = "marginLevel is a text of 64 characters, not a decimal";
    expect(watched.snapshot()?.trouble).toBe(sample);
    expect(watched.told).toEqual([expect.stringContaining(`The cross account: ${sample}.`)]);
    expect(watched.warnings.filter((text) => text.includes(sample))).toHaveLength(1);
  });
});

// ---------------------------------------------------------------- statuses

describe("a status that nobody knows", () => {
  const pair = (status: unknown, distancePct: number) =>
    pairAnswer({ ...pairRow(distancePct), marginLevelStatus: status });
  const told = (answer: Answer, ...later: readonly Answer[]) => {
    const desk = openDesk();
    const looks = [answer, ...later].map((each, i) => desk.look(i * 5 * SECOND, each));
    return looks.flatMap(({ notifications }) => notifications.map(({ message }) => messageText(message)));
  };
  const unknown = fc.stringMatching(/^[A-Z_]{1,40}$/).filter((text) => !LEVEL_STATUSES.some((known) => known === text));

  test("X15: counts as the worst rung, is said once, and the numeric rule holds all the same", () => {
    fc.assert(
      fc.property(unknown, (status) => {
        const far = told(pair(status, 40), pair(status, 40), pair(status, 40));
        expect(far).toHaveLength(1);
        expect(far[0]).toContain("CRITICAL · main · BTCUSDT isolated status");
        expect(far[0]).toContain(`margind does not know the status "${status}" and counts it as the worst`);
        const [near] = told(pair(status, 2));
        expect(near).toContain("BTCUSDT isolated distance to liquidation 2.0 %");
        expect(near).toContain("BTCUSDT isolated status");
      }),
      { numRuns: 50 },
    );
  });

  test("X15: a calm status does not calm a number, nor a calm number a status", () => {
    expect(told(pair("EXCESSIVE", 2))).toEqual([expect.stringMatching(/^CRITICAL · main · BTCUSDT isolated distance/)]);
    expect(told(pair("FORCE_LIQUIDATION", 40))).toEqual([
      expect.stringMatching(/^CRITICAL · main · BTCUSDT isolated status/),
    ]);
  });

  test("X15: is nothing in an account type, or in a pair without debt", () => {
    const calm = { ...crossBody(2), accountType: "MARGIN_9" };
    const empty = { ...pairRow(2), marginLevelStatus: "NEW", quoteAsset: Reflect.get(pairRow(2), "baseAsset") };
    expect([...told(crossAnswer(calm)), ...told(pairAnswer(empty))]).toEqual([]);
  });
});

// ---------------------------------------------------------------- no debt

describe("an account that owes nothing", () => {
  const none = crossBody(undefined);
  const [firstRow] = none.userAssets;
  const emptyRow = { ...pairRow(2), quoteAsset: Reflect.get(pairRow(2), "baseAsset") };
  test.each<[string, Answer]>([
    ["a level of 999", crossAnswer({ ...none, marginLevel: "999" })],
    ["a level of 999.00000000", crossAnswer({ ...none, marginLevel: "999.00000000" })],
    ["a level of 0", crossAnswer({ ...none, marginLevel: "0.00000000" })],
    ["an empty level", crossAnswer({ ...none, marginLevel: "" })],
    ["no level", crossAnswer(altered(none, "marginLevel", { kind: "delete" }))],
    ["one asset", crossAnswer({ ...none, userAssets: [firstRow] })],
    [
      "no asset at all, and totals of 0",
      crossAnswer({ ...none, marginLevel: "0", totalAssetOfBtc: "0", userAssets: [] }),
    ],
    ["a pair at 999", pairAnswer({ ...emptyRow, marginLevel: "999", liquidatePrice: "0" })],
    [
      "a pair at 0 as documented",
      pairAnswer({ ...emptyRow, marginLevel: "0.00000000", liquidatePrice: "1000.00000000" }),
    ],
    ["a pair without prices", pairAnswer({ ...emptyRow, indexPrice: "", liquidatePrice: "" })],
    ["no pair at all", isolated([])],
  ])("X17: %s: nothing is told, and nothing of it is remembered as a position", (_, answer) => {
    const desk = openDesk();
    for (let polls = 0; polls < 3; polls++) expect(desk.look(polls * 5 * SECOND, answer).notifications).toEqual([]);
    expect(desk.look(20 * SECOND, isolated([])).notifications).toEqual([]); // so its absence is no disappearance
  });

  test("X17: a level of 0 or 999 with something owed is what it says", () => {
    const at = (marginLevel: string) =>
      openDesk().look(0, crossAnswer({ ...crossBody(1.24), marginLevel })).notifications.length;
    expect([at("0.00000000"), at("1.29"), at("999")]).toEqual([1, 1, 0]);
  });
});

// ---------------------------------------------------------------- jumps

describe("a jump of a hundred times", () => {
  const tell = (levels: readonly number[], everyMs = 5 * SECOND) => {
    const desk = openDesk();
    return levels.flatMap((level, i) =>
      desk.look(i * everyMs, cross(level)).notifications.map(({ message }) => `${i}: ${message.title}`),
    );
  };

  test("X20: down is told in the same look: nothing is smoothed", () => {
    expect(tell([2, 0.02])).toEqual(["1: CRITICAL · main · cross margin level 0.02 (below 1.30)"]);
  });

  test("X20: up resolves nothing before it was so for clearAfter, and a single wrong value leaves no trace", () => {
    expect(tell([1.24, 124, 1.24, 1.24, 124, 124, 124, 124, 124, 124])).toEqual([
      "0: CRITICAL · main · cross margin level 1.24 (below 1.30)",
    ]);
    const resolved = tell([1.24, ...Array.from({ length: 8 }, () => 124)]);
    expect(resolved).toHaveLength(2);
    expect(resolved[1]).toMatch(/^7: RESOLVED/); // first off the rung at look 1, thirty seconds before look 7
  });
});

// ---------------------------------------------------------------- flapping

describe("a level that flaps at a threshold", () => {
  const HOURS = 8;
  const EVERY_MS = 5 * SECOND;

  /** The times of all messages, reminders left out. */
  function messagesOf(levels: Iterable<number>, options: DeskOptions = {}, isRestarting = false): number[] {
    let desk = openDesk(options);
    let atMs = 0;
    const times: number[] = [];
    for (const level of levels) {
      if (isRestarting) desk = openDesk({ ...options, kept: desk.kept() });
      const { notifications } = desk.look(atMs, cross(level));
      if (notifications.some(({ message }) => message.kind !== "reminded")) times.push(atMs);
      atMs += EVERY_MS;
    }
    return times;
  }

  function* walk(seed: number, stepPct: number): Generator<number> {
    const random = prng(seed);
    let level = 1.3;
    for (let i = 0; i < (HOURS * HOUR) / EVERY_MS; i++) {
      // Drawn back to the threshold, so that it stays there.
      level += 1.3 * (stepPct / 100) * (random() - 0.5) + (1.3 - level) / 200;
      yield level;
    }
  }

  const most = (times: readonly number[]) =>
    Math.max(0, ...times.map((fromMs) => times.filter((ms) => ms >= fromMs && ms < fromMs + HOUR).length));

  test("X21: noise within the hysteresis is one message", () => {
    const noise = Array.from({ length: (HOURS * HOUR) / EVERY_MS }, (_, i) => (i % 2 === 0 ? 1.299 : 1.3259));
    expect(messagesOf(noise)).toHaveLength(1);
  });

  test("X21: a swing that is shorter than clearAfter is one message, however wide it is", () => {
    for (const swing of [2, 6]) {
      const wide = Array.from({ length: (HOURS * HOUR) / EVERY_MS }, (_, i) => (i % (2 * swing) < swing ? 1.2 : 1.9));
      expect(messagesOf(wide)).toHaveLength(1);
    }
  });

  test.each([
    [0.1, 3],
    [0.5, 8],
    [2, 20],
  ])(
    "X21: a random walk of %d percent a look round a threshold is at most %d messages in any hour",
    (stepPct, bound) => {
      for (let seed = 1; seed <= 5; seed++) expect(most(messagesOf(walk(seed, stepPct)))).toBeLessThanOrEqual(bound);
      // and would be a storm without hysteresis and clearAfter
      const bare = builtinRules.map((rule) => ({ ...rule, hysteresisPct: 0, clearAfterMs: 0 }));
      expect(most(messagesOf(walk(1, stepPct), { rules: bare }))).toBeGreaterThan(3 * bound);
    },
  );

  test("X21: restarts between the looks change none of it", () => {
    const levels = [...walk(7, 0.5)].slice(0, (2 * HOUR) / EVERY_MS);
    const times = messagesOf(levels);
    expect(times.length).toBeGreaterThan(1);
    expect(messagesOf(levels, {}, true)).toEqual(times);
  });
});

/** Numbers in [0, 1) that are the same on every run (mulberry32). */
function prng(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
