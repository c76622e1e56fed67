// `margind doctor` as a person or a script calls it: against what works, against what does not, and beside a running daemon.
import { existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../src/lib/clock.ts";
import {
  type Answer,
  API_KEY,
  API_SECRET,
  COEFF,
  CROSS,
  complaint,
  type FakeExchange,
  FLOWS,
  ISOLATED,
  PRICES,
  RATES,
  READ_ONLY_KEY,
  RESTRICTIONS,
  shortestGapMs,
  startExchange,
  TIME,
  TRANSFERS,
} from "./support/exchange.ts";
import { closedPort, listen, SPACING_SEEN_MS, untilTrue } from "./support/server.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();
let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

const accountWith = (over: object = {}) => ({
  main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: "* * * * * *", isolated: "none", ...over },
});

/** An exchange that answers as documented, but for these paths. */
async function exchangeWith(answers: Readonly<Record<string, Answer>> = {}): Promise<FakeExchange> {
  const exchange = await startExchange({ script: ({ path }) => answers[path] });
  open.defer(() => exchange.close());
  return exchange;
}

/** A dead man's switch that counts what it is told. */
async function startBeat() {
  let pings = 0;
  const server = await listen(createServer((_, response) => response.end(`${++pings}`)));
  open.defer(() => server.close());
  return { url: `http://127.0.0.1:${server.port}/ping/canary-path`, pings: () => pings };
}

test("where all is well it says what was seen of each part, sends nothing, changes nothing, and ends with 0", async () => {
  const beat = await startBeat();
  const exchange = await exchangeWith();
  world.writeConfig({
    exchange: { baseUrl: exchange.url },
    accounts: accountWith({ isolated: "all" }),
    watchdog: { heartbeat: { url: beat.url } },
    http: { listen: `127.0.0.1:${await closedPort()}` },
  });
  const { code, out, err } = await world.run("doctor");
  expect(err).toBe("");
  const rows = out.split("\n");
  const account = ["key main", "cross main", "isolated main", "history main", "interest main", "prices"];
  const names = ["config", "clock", ...account, "notifier desk", "notifier mail"];
  for (const name of [...names, "heartbeat", "http", "state folder", "disk", "daemon"]) {
    expect(rows.some((row) => row.startsWith(`✔ ${name} `))).toBe(true);
  }
  expect(out).toContain("the key may only read, and only from listed addresses");
  expect(out).toContain("margin level 11.64");
  expect(out).toContain("2 pairs, nothing is owed");
  expect(out).toContain("signed in to desk as margind");
  expect(out).toMatch(/\n\nAll is well\.\n$/);
  expect(code).toBe(0);

  const paths = exchange.seen.map(({ path }) => path);
  expect(paths.filter((path) => path !== PRICES)).toEqual([
    ...[TIME, CROSS, ISOLATED, RESTRICTIONS],
    ...[RATES, FLOWS, TRANSFERS, "/sapi/v1/margin/delist-schedule"], // after those of a poll
  ]);
  expect(paths.filter((path) => path === PRICES)).toHaveLength(1); // in a lane of its own
  expect(shortestGapMs(exchange.seen)).toBeGreaterThan(SPACING_SEEN_MS);
  expect([world.now.slack.posts.length, world.now.smtp.mails.length, beat.pings()]).toEqual([0, 0, 0]);
  expect(existsSync(`${world.now.home.folder}/state`)).toBe(false);
});

test("every part is looked at, whatever is wrong with the others; what has failed says what to do, and ends with 1", async () => {
  const exchange = await exchangeWith({
    [CROSS]: complaint(-2015, "no", 401),
    [RESTRICTIONS]: complaint(-2015, "no", 401),
  });
  const [deadPort, takenPort] = [await closedPort(), new URL(exchange.url).port];
  world.writeConfig({
    stateDir: "./margind.yaml/state",
    exchange: { baseUrl: exchange.url },
    accounts: accountWith(),
    watchdog: { heartbeat: { url: `http://127.0.0.1:${deadPort}/canary-path` } },
    http: { listen: `127.0.0.1:${takenPort}` },
    notifiers: {
      desk: { type: "slack", token: "xoxb-wrong-canary", channel: "C0123456789", apiUrl: world.now.slack.url },
      mail: {
        type: "email",
        url: `smtp://127.0.0.1:${deadPort}`,
        from: "a@example.com",
        to: ["b@example.com"],
        tls: "none",
      },
      hook: { type: "webhook", url: `http://127.0.0.1:${deadPort}/canary-path` },
    },
  });
  const { code, out, err } = await world.run("doctor");
  const rows = out.split("\n");
  const rowOf = (name: string) => rows.findIndex((row) => row.includes(` ${name} `));
  for (const name of [
    "cross main",
    "notifier desk",
    "notifier mail",
    "notifier hook",
    "heartbeat",
    "http",
    "state folder",
  ]) {
    expect(rows[rowOf(name)]).toMatch(/^✘ /);
    expect(rows[rowOf(name) + 1]).toMatch(/^ +→ \w/);
  }
  for (const name of ["config", "clock", "disk", "daemon"]) expect(rows[rowOf(name)]).toMatch(/^✔ /);
  expect(rows[rowOf("key main")]).toMatch(/^! key main +what the key may do cannot be read/);
  expect(rows[rowOf("notifier desk")]).toContain("invalid_auth");
  expect(out).toMatch(/\n\n7 failed, 1 warning, 7 good\.\n$/);
  expect(code).toBe(1);
  for (const secret of ["canary", API_KEY, API_SECRET]) expect(out + err).not.toContain(secret);
});

test.each([
  ["the key may trade and withdraw", false, 0, "! key main"],
  ["the same where requireReadOnlyKey forbids it", true, 1, "✘ key main"],
])("%s", async (_, requireReadOnlyKey, exitCode, row) => {
  const body = { ...READ_ONLY_KEY, enableWithdrawals: true, enableSpotAndMarginTrading: true, ipRestrict: false };
  const exchange = await exchangeWith({ [RESTRICTIONS]: { body } });
  world.writeConfig({ exchange: { baseUrl: exchange.url }, accounts: accountWith(), requireReadOnlyKey });
  const { code, out } = await world.run("doctor");
  expect(out).toContain(row);
  expect(out).toContain("the key MAY WITHDRAW AND TRADE (enableWithdrawals, enableSpotAndMarginTrading)");
  expect(out).toContain("it WORKS FROM ANY ADDRESS");
  expect(out).toContain("→ at Binance, API Management, leave only “Enable Reading” on, and restrict it");
  expect(code).toBe(exitCode);
});

test("an exchange that does not know the question leaves the key's rights unknown, and nothing has failed", async () => {
  const exchange = await exchangeWith({ [RESTRICTIONS]: { status: 404, raw: "<html>" } });
  world.writeConfig({ exchange: { baseUrl: exchange.url }, accounts: accountWith() });
  const { code, out } = await world.run("doctor");
  expect(out).toMatch(/! key main +what the key may do cannot be read: .*HTTP 404/);
  expect(code).toBe(0);
});

test("a pair in the config that the exchange does not know is named", async () => {
  const exchange = await startExchange({
    script: ({ path, symbols }) => (path === ISOLATED && symbols.includes("BTCUSTD") ? complaint(-11001) : undefined),
  });
  open.defer(() => exchange.close());
  const accounts = accountWith({ cross: false, isolated: ["BTCUSDT", "BTCUSTD"] });
  world.writeConfig({ exchange: { baseUrl: exchange.url }, accounts });
  const { code, out } = await world.run("doctor");
  expect(out).toMatch(/✘ isolated main +Binance has no isolated pair BTCUSTD for this key\n +→ correct the symbol/);
  expect(out).not.toContain("cross main");
  expect(code).toBe(1);
});

test("a machine's clock that is off is found, and the reads work all the same", async () => {
  const exchange = await startExchange({ serverMs: () => systemClock.wallMs() + 3_000 });
  open.defer(() => exchange.close());
  world.writeConfig({ exchange: { baseUrl: exchange.url }, accounts: accountWith() });
  const { code, out } = await world.run("doctor");
  expect(out).toMatch(/! clock +this machine's clock is (2\.9|3\.0)\d\d s behind Binance's/);
  expect(out).toContain("✔ cross main");
  expect(exchange.seen.filter(({ path }) => path === CROSS)).toHaveLength(1);
  expect(code).toBe(0);
});

const report = z.strictObject({
  ok: z.boolean(),
  checks: z.array(
    z.strictObject({
      name: z.string(),
      status: z.enum(["good", "warning", "failed"]),
      text: z.string(),
      todo: z.string().nullable(),
    }),
  ),
});

test("--json prints the same for a program", async () => {
  const { code, out } = await world.run("doctor", "--json");
  const { ok, checks } = report.parse(JSON.parse(out));
  expect(ok).toBe(true);
  expect(checks.find(({ name }) => name === "notifier desk")).toMatchObject({ status: "good", todo: null });
  expect(checks.find(({ name }) => name === "heartbeat")).toMatchObject({
    status: "warning",
    todo: "set watchdog.heartbeat",
  });
  expect(code).toBe(0);
});

test("a bad configuration is refused with 78, as everywhere, and nothing is asked", async () => {
  world.writeConfig({ requireReadOnlyKey: "perhaps" });
  const { code, out, err } = await world.run("doctor");
  expect([code, out]).toEqual([78, ""]);
  expect(err).toContain("requireReadOnlyKey: expected true or false");
  expect(world.now.exchange.seen).toEqual([]);
});

test("beside a running daemon it says so, keeps away from its polls, and disturbs nothing", async () => {
  const exchange = await exchangeWith();
  world.writeConfig({
    exchange: { baseUrl: exchange.url },
    accounts: accountWith({
      isolated: "all",
      poll: "*/5 * * * * *",
      flows: false,
      transfers: false,
      delistings: false,
      interest: false,
    }),
    http: { listen: `127.0.0.1:${await closedPort()}` },
    watchdog: { staleAfter: "30s" },
  });
  await using margind = world.daemon();
  const asked = (path: string) => exchange.seen.filter((request) => request.path === path).length;
  const isSettled = () => [COEFF, TIME, RESTRICTIONS].every((path) => asked(path) > 0); // what a start asks beside its first poll
  await untilTrue(() => isSettled() && margind.err().includes("the notifier works"));
  const database = `${world.now.home.folder}/state/margind.db`;
  const { ino } = statSync(database);
  const { code, out } = await world.run("doctor");
  expect(out).toMatch(/✔ daemon +margind is running \(process \d+ on \S+, for \d+ s\); it uses the same keys/);
  expect(out).toMatch(/✔ http +the daemon answers that all is well/);
  expect(out).toMatch(/✔ state folder/);
  expect(code).toBe(0);
  expect(shortestGapMs(exchange.seen)).toBeGreaterThan(SPACING_SEEN_MS);
  expect(statSync(database).ino).toBe(ino);
  const polls = asked(CROSS);
  await untilTrue(() => asked(CROSS) > polls); // it watches on
  expect(world.now.slack.posts).toEqual([]);
  expect(margind.err()).not.toContain('"level":"error"');
}, 30_000);
