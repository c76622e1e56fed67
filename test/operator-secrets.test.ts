// O5: secrets go to whom they are for, and nowhere else. After each whole-program test everything that was printed, stored or sent is
// looked through (support/world.ts); here that search is tried out, and the program meets others that repeat what they were told.
import { afterEach, describe, expect, test, vi } from "vitest";
import { leaks } from "./support/canary.ts";
import { API_KEY, API_SECRET } from "./support/exchange.ts";
import { misbehaving } from "./support/margind.ts";
import { untilTrue } from "./support/server.ts";
import { startSmtp } from "./support/smtp.ts";
import { fromEnv, useWorld } from "./support/world.ts";

vi.setConfig({ testTimeout: 40_000 });

describe("the search for secrets", () => {
  const value = 'pa/ss"wört+0123456789';
  const find = (content: string | Buffer) => leaks([{ name: "a place", content }], [{ name: "the password", value }]);

  test.each([
    ["as it is", `a${value}b`],
    ["in a file of bytes", Buffer.from(`\0\xff${value}`, "latin1")],
    ["as UTF-8 in a file", Buffer.from(value)],
    ["as JSON writes it", JSON.stringify({ value })],
    ["as a URL writes it", `smtp://u:${encodeURIComponent(value)}@host`],
    ["as hex", Buffer.from(value).toString("hex")],
    ["as base64", Buffer.from(value).toString("base64")],
    ["as AUTH PLAIN sends it", Buffer.from(`\0user\0${value}`).toString("base64")],
    ["in the middle of base64", Buffer.from(`x${value}y and more`).toString("base64")],
    ["in a mail, quoted and broken", 'Pass: pa/ss"w=C3=B6rt+=\r\n0123456789'],
  ])("O5: finds one %s", (_, content) => {
    expect(find(content)).toEqual(["the password in a place"]);
  });

  test.each([
    ["nothing at all", ""],
    ["half of it", value.slice(0, 12)],
    ["something else in base64", Buffer.from("an innocent text of some length").toString("base64")],
  ])("O5: finds nothing in %s", (_, content) => {
    expect(find(content)).toEqual([]);
  });

  test("O5: names each secret and each place once, and lets through what a place may hold", () => {
    const canaries = [
      { name: "one", value: "first-canary" },
      { name: "two", value: "second-canary" },
      { name: "too short to be looked for", value: "abc" },
    ];
    const content = "first-canary second-canary abc first-canary";
    expect(leaks([{ name: "here", content }], canaries)).toEqual(["one in here", "two in here"]);
    expect(leaks([{ name: "here", content, allowed: ["first-canary"] }], canaries)).toEqual(["two in here"]);
  });
});

describe("those who repeat what they were told", () => {
  const world = useWorld();
  const SIGNED = `/sapi/v1/margin/account?timestamp=1&signature=${"5".repeat(64)}`;
  const gossip = `${API_KEY} asked for ${SIGNED} with ${API_SECRET}`;

  const slackTo = () => {
    const { slack } = world.now;
    return { type: "slack", token: fromEnv("SLACK_TOKEN"), channel: slack.channel, apiUrl: slack.url };
  };

  afterEach(() => expect(world.printed()).not.toBe("")); // what is looked through below is not empty

  /** The last one asks for silence. */
  const ANSWERS = [
    { status: 400, body: { code: -1102, msg: `Mandatory parameter of ${gossip}` } },
    { status: 401, body: { code: -2015, msg: `Invalid API-key ${gossip}` } },
    { status: 502, raw: `<html>${gossip}</html>`, headers: { "content-type": "text/html" } },
    { status: 302, raw: "", headers: { location: `https://example.com/?${gossip}` } },
    { status: 200, raw: gossip },
    { status: 200, body: { created: true, marginLevel: gossip, userAssets: [] } },
    { status: 403, raw: `<html>${gossip}</html>`, headers: { "content-type": "text/html" } },
  ];

  test("O5: an exchange that repeats key and signature in errors, pages, redirects and numbers", async () => {
    const heartbeat = await world.heartbeat();
    world.writeConfig({ watchdog: { staleAfter: "3s", heartbeat: { url: heartbeat.url, every: "1s" } } });
    await using margind = world.daemon();
    await untilTrue(() => heartbeat.pings.some(({ isGood }) => isGood));
    for (const answer of ANSWERS) {
      world.now.account.answer = answer;
      const before = margind.err().length;
      await untilTrue(() => /a poll failed|an answer cannot be used/.test(margind.err().slice(before)));
    }
    await untilTrue(() => heartbeat.pings.some(({ body }) => body.includes("main is blind")));
    await untilTrue(() => world.now.smtp.mails.length >= 2);
    expect(world.texts().join("\n")).toContain("BLIND · main");
    await world.run("status", "--json");
  });

  test("O5: channels that repeat token and password, and a heartbeat that cannot be reached", async () => {
    await using smtp = await startSmtp({ login: { user: "margind", password: "the-right-password" } });
    const url = new URL(smtp.url);
    url.password = "the-wrong-password-canary";
    const { slack } = world.now;
    const heartbeat = "http://127.0.0.1:9/ping/heartbeat-canary";
    const to = ["ops@example.com"];
    world.writeConfig({
      watchdog: { staleAfter: "3s", heartbeat: { url: fromEnv("HEARTBEAT_URL"), every: "1s" } },
      notifiers: {
        desk: slackTo(),
        mail: { type: "email", url: fromEnv("SMTP_URL"), from: "a@example.com", to, tls: "none" },
      },
    });
    slack.script("auth.test", "garbage");
    slack.script("chat.postMessage", "garbage", { status: 500, body: `what is ${slack.token}?` });
    world.now.account.level = 1.24;
    await using margind = world.daemon({ SMTP_URL: url.href, HEARTBEAT_URL: heartbeat });
    await untilTrue(() => slack.posts.length >= 2);
    await untilTrue(() => margind.err().includes("the heartbeat service cannot be reached"));
    expect(world.texts().join("\n")).toContain("535");
    await world.runIn({ SMTP_URL: url.href, HEARTBEAT_URL: heartbeat }, "test-notify", "--timeout", "2s");
  });

  test("O5: an error that nobody foresaw, with every secret in it, in the log and in the state", async () => {
    const url = new URL(world.now.smtp.url);
    url.username = "user";
    url.password = "password-canary";
    const mail = { type: "email", url: fromEnv("SMTP_URL"), from: "a@example.com", to: ["b@example.com"], tls: "none" };
    world.writeConfig({ notifiers: { desk: slackTo(), mail } });
    await using margind = world.daemon({ ...misbehaving("throw"), SMTP_URL: url.href });
    await untilTrue(() => world.now.exchange.seen.length > 1);
    margind.kill("SIGUSR2");
    expect(await margind.exited).toBe(1);
    expect(margind.err()).toContain("surprise with <secret>, ");
  });

  /** Every value is a mistake, and each of them is a secret that stands in its right place too. */
  const WRONG = {
    accounts: { main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: API_SECRET, isolated: API_KEY } },
    rules: { levels: { on: API_SECRET, field: API_SECRET, below: { info: API_SECRET }, for: API_SECRET } },
    routes: [{ match: { account: API_SECRET, severity: API_SECRET }, notify: [API_SECRET] }],
    http: { listen: API_SECRET },
    timezone: API_SECRET,
  };

  test("O5: a configuration full of mistakes, each of them a secret in the wrong place", async () => {
    world.writeConfig(WRONG);
    for (const command of ["run", "check", "test-notify"]) {
      const { code, err } = await world.run(command);
      expect(code).toBe(78);
      expect(err).toContain("routes[0].notify[0]: no notifier has the name <secret>");
    }
  });

  test("O5: the same at a reload, where people are told of the mistakes", async () => {
    await using margind = world.daemon();
    await untilTrue(() => world.now.exchange.seen.length > 1);
    world.writeConfig(WRONG);
    margind.kill("SIGHUP");
    await untilTrue(() => world.texts().length === 1 && world.now.smtp.mails.length === 2);
    expect(world.texts()[0]).toContain("the new configuration is refused, the old one goes on");
    expect(margind.err()).toContain("no notifier has the name <secret>");
  });
});
