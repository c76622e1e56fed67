// The whole program as a process of its own, against a scripted exchange, a Slack double and an SMTP server, all over real sockets.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Account, startAccount } from "./support/crash.ts";
import { API_KEY, API_SECRET, CROSS, type FakeExchange } from "./support/exchange.ts";
import { type Home, makeHome, run, start } from "./support/margind.ts";
import { closedPort, untilTrue } from "./support/server.ts";
import { type SlackDouble, startSlack } from "./support/slack.ts";
import { type SmtpDouble, startSmtp } from "./support/smtp.ts";

let account: Account;
let exchange: FakeExchange;
let slack: SlackDouble;
let smtp: SmtpDouble;
let home: Home;

beforeEach(async () => {
  ({ account, exchange } = await startAccount());
  slack = await startSlack();
  smtp = await startSmtp();
  home = makeHome(config());
});
afterEach(async () => {
  await Promise.all([exchange.close(), slack[Symbol.asyncDispose](), smtp[Symbol.asyncDispose]()]);
  home[Symbol.dispose]();
});

const ENV = { API_SECRET, SLACK_TOKEN: "" };

function config(over: object = {}): object {
  return {
    stateDir: "./state",
    exchange: { baseUrl: exchange.url, timeout: "2s" },
    accounts: { main: { apiKey: API_KEY, apiSecret: "${API_SECRET}", poll: "* * * * * *", isolated: "none" } },
    rules: {
      "cross-margin-level": {
        on: "cross",
        field: "marginLevel",
        below: { info: 1.5, warning: 1.35, critical: 1.3 },
        hysteresisPct: 2,
        clearAfter: "0s",
      },
    },
    watchdog: { staleAfter: "3s" },
    notifiers: {
      desk: { type: "slack", token: "${SLACK_TOKEN}", channel: slack.channel, apiUrl: slack.url },
      mail: {
        type: "email",
        url: smtp.url,
        from: "margind <alerts@example.com>",
        to: ["ops@example.com", "desk@example.com"],
        tls: "none",
      },
    },
    ...over,
  };
}

const env = () => ({ ...ENV, SLACK_TOKEN: slack.token });
const daemon = () => start(home, ["run"], env());
const texts = () => slack.posts.map(({ text }) => text);
const mailsTo = (address: string) => smtp.mails.filter(({ to }) => to.includes(address));

describe("an incident", () => {
  test("is told on Slack and by mail from opened over raised to resolved, in one conversation each", async () => {
    await using margind = daemon();
    await untilTrue(() => exchange.seen.length > 1);
    account.level = 1.4;
    await untilTrue(() => slack.posts.length === 1 && smtp.mails.length === 2);
    account.level = 1.24;
    await untilTrue(() => slack.posts.length === 2 && smtp.mails.length === 4);
    account.level = 1.6;
    await untilTrue(() => slack.posts.length === 3 && smtp.mails.length === 6);
    await untilTrue(() => (slack.posts[0]?.earlier.length ?? 0) === 2);

    const [opened, raised, resolved] = slack.posts;
    expect(opened?.threadTs).toBeUndefined();
    expect(opened?.earlier[0]).toContain("INFO · main · cross margin level 1.40 (below 1.50)");
    expect(opened?.text).toContain("RESOLVED · main · cross margin level 1.60");
    expect(raised).toMatchObject({ threadTs: opened?.ts, isBroadcast: true });
    expect(raised?.text).toContain("CRITICAL · main · cross margin level 1.24 (below 1.30)");
    expect(raised?.text).toContain("Liquidation at 1.10 is an 11.3 % fall away");
    expect(raised?.text).toContain("add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT");
    expect(resolved).toMatchObject({ threadTs: opened?.ts, isBroadcast: true });

    for (const address of ["ops@example.com", "desk@example.com"]) {
      const [first, second, third] = mailsTo(address).map(({ mail }) => mail);
      expect(second?.inReplyTo).toBe(first?.messageId);
      expect(third?.references).toContain(first?.messageId);
      expect(new Set([first?.subject, second?.subject, third?.subject]).size).toBe(1);
      expect(second?.text).toMatch(/^CRITICAL · main · cross margin level 1\.24/);
    }
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
  });

  test("that begins before the start is told, and a restart repeats nothing", async () => {
    account.level = 1.24;
    {
      await using first = daemon();
      await untilTrue(() => first.err().split('"msg":"delivered').length === 4); // the receipts are stored by then
      first.kill("SIGKILL");
      await first.exited;
    }
    const polls = exchange.seen.length;
    await using _second = daemon();
    await untilTrue(() => exchange.seen.length > polls + 3);
    expect(texts()).toHaveLength(1);
    account.level = undefined;
    await untilTrue(() => slack.posts.length === 2 && smtp.mails.length === 4);
    expect(texts()[1]).toContain("RESOLVED");
    expect(texts()[1]).toContain("There is no debt any more");
  });

  test("that ended while the daemon was down is resolved after the start, in the same thread", async () => {
    account.level = 1.24;
    {
      await using first = daemon();
      await untilTrue(() => first.err().split('"msg":"delivered').length === 4);
      first.kill("SIGKILL");
      await first.exited;
    }
    account.level = 2;
    await using _second = daemon();
    await untilTrue(() => slack.posts.length === 2);
    expect(slack.posts[1]).toMatchObject({ threadTs: slack.posts[0]?.ts });
    expect(texts()[1]).toContain("RESOLVED · main · cross margin level 2.00");
  });
});

test("a crash that hits forty pairs is one message, worst first", async () => {
  home.writeConfig(
    config({
      rules: undefined,
      accounts: { main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: "* * * * * *", cross: false } },
    }),
  );
  account.pairs = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`C${i}USDT`, 1 + i / 5]));
  await using _margind = daemon();
  await untilTrue(() => slack.posts.length > 0 && smtp.mails.length === 2);
  expect(texts()[0]).toContain("CRITICAL · main · 40 alerts, worst first");
  expect(texts()[0]).toContain("C0USDT isolated distance to liquidation 1.0 % (below 3 %)");
  expect(slack.posts).toHaveLength(1);
});

describe("delivery", () => {
  test("waits for a channel that is down, and holds up no other", async () => {
    slack.script("chat.postMessage", ...Array.from({ length: 3 }, () => ({ status: 503, body: "down" })));
    account.level = 1.24;
    await using _margind = daemon();
    await untilTrue(() => smtp.mails.length === 2);
    await untilTrue(() => slack.posts.length === 1);
    const keys = slack.requests
      .filter(({ method }) => method === "chat.postMessage")
      .map(({ args }) => JSON.stringify(args["metadata"]));
    expect(keys).toHaveLength(4);
  });

  test("keeps what it cannot deliver over a kill -9, and shows it in status", async () => {
    slack.script(
      "chat.postMessage",
      ...Array.from({ length: 50 }, () => ({
        status: 429,
        headers: { "retry-after": "60" },
        body: { ok: false, error: "ratelimited" },
      })),
    );
    account.level = 1.24;
    {
      await using first = daemon();
      await untilTrue(() => smtp.mails.length === 2);
      await untilTrue(() => first.err().includes("not delivered"));
      const shown = await run(home, ["status", "--json"]);
      expect(JSON.parse(shown.out)).toMatchObject({ undelivered: [{ notifier: "desk", attempts: 1 }] });
      first.kill("SIGKILL");
      await first.exited;
    }
    await slack[Symbol.asyncDispose]();
    slack = await startSlack();
    home.writeConfig(config());
    await using _second = daemon();
    await untilTrue(() => slack.posts.length === 1);
    expect(texts()[0]).toContain("CRITICAL · main · cross margin level 1.24");
  });
});

describe("blindness", () => {
  test("is told on every channel with the cause, and ends with the first valid answer; nothing resolves meanwhile", async () => {
    account.level = 1.24;
    await using _margind = daemon();
    await untilTrue(() => slack.posts.length === 1);
    account.answer = { status: 502, raw: "<html>bad gateway</html>", headers: { "content-type": "text/html" } };
    await untilTrue(() => slack.posts.length === 2);
    expect(texts()[1]).toMatch(/BLIND · main · no valid answer for \d+ s\n/);
    expect(texts()[1]).toContain("cross 1.24 (critical)");
    account.answer = undefined;
    await untilTrue(() => slack.posts.length === 3);
    expect(texts()[2]).toContain("RESOLVED · main · the data is fresh again");
    expect(texts()[2]).toContain("Still firing: cross 1.24 (critical)");
  });

  test("comes at once with a ban, which outlives a restart: not one request until its end", async () => {
    {
      await using first = daemon();
      await untilTrue(() => exchange.seen.length > 1);
      account.answer = { status: 418, headers: { "retry-after": "3600" }, body: { code: -1003, msg: "banned" } };
      await untilTrue(() => slack.posts.length === 1);
      expect(texts()[0]).toContain("Binance has banned this address");
      first.kill("SIGTERM");
      await first.exited;
    }
    account.answer = undefined;
    const before = exchange.seen.length;
    await using second = daemon();
    await untilTrue(() => second.err().includes("the notifier works"));
    expect(exchange.seen.length).toBe(before);
  });
});

describe("start", () => {
  test("a second instance is refused and names the first", async () => {
    await using first = daemon();
    await untilTrue(() => exchange.seen.length > 0);
    const second = await run(home, ["run"], env());
    expect(second.code).toBe(1);
    expect(second.err).toContain(`process ${first.child.pid}`);
  });

  test("a refused key ends it with exit 1, after the channels were told", async () => {
    home.writeConfig(config({ accounts: { main: { apiKey: "wrong", apiSecret: "wrong", poll: "* * * * * *" } } }));
    const { code, err } = await run(home, ["run"], env());
    expect(code).toBe(1);
    expect(err).toContain("Binance refuses every API key");
    expect(texts()[0]).toContain("Binance refuses the API key");
  });

  test("notifiers that all refuse end it with exit 1", async () => {
    home.writeConfig(
      config({
        notifiers: { desk: { type: "slack", token: "xoxb-wrong", channel: slack.channel, apiUrl: slack.url } },
      }),
    );
    const { code, err } = await run(home, ["run"], env());
    expect(code).toBe(1);
    expect(err).toContain("Every notifier is refused for good");
    expect(err).toContain("invalid_auth");
  });

  test("an exchange and channels out of reach do not keep it from starting; it says so and goes on", async () => {
    const port = await closedPort();
    home.writeConfig({
      ...config({ exchange: { baseUrl: `http://127.0.0.1:${port}` } }),
      notifiers: {
        mail: {
          type: "email",
          url: `smtp://127.0.0.1:${port}`,
          from: "a@example.com",
          to: ["b@example.com"],
          tls: "none",
        },
      },
    });
    await using margind = daemon();
    await untilTrue(() => margind.err().includes("the notifier does not work now"));
    await untilTrue(() => margind.err().includes("not delivered"));
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
  });

  test("SIGTERM ends it within five seconds though a channel hangs", async () => {
    slack.script("chat.postMessage", "hang");
    account.level = 1.24;
    await using margind = daemon();
    await untilTrue(() => slack.requests.some(({ method }) => method === "chat.postMessage"));
    const before = performance.now();
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe("commands", () => {
  test("test-notify goes through the outbox and waits for the receipts", async () => {
    const { code, out } = await run(home, ["test-notify"], env());
    expect(code).toBe(0);
    expect(out).toContain("✔ desk");
    expect(texts()[0]).toContain("TEST · test notification for desk");
    expect(smtp.mails).toHaveLength(2);
  });

  test("test-notify beside a running daemon is delivered by the daemon", async () => {
    await using _margind = daemon();
    await untilTrue(() => exchange.seen.length > 0);
    const { code, out } = await run(home, ["test-notify", "--to", "desk"], env());
    expect(code).toBe(0);
    expect(out).toContain("margind is running here");
    expect(slack.posts).toHaveLength(1);
  });

  test("test-notify says what a refused channel says, and fails", async () => {
    const { code, out } = await run(home, ["test-notify", "--to", "desk"], { ...ENV, SLACK_TOKEN: "xoxb-wrong" });
    expect(code).toBe(1);
    expect(out).toContain("✘ desk");
    expect(out).toContain("invalid_auth");
    expect(out).not.toContain("xoxb-wrong");
  });

  test("status fails without a daemon, and is good beside one", async () => {
    expect((await run(home, ["status"])).code).toBe(1);
    await using _margind = daemon();
    await untilTrue(() => exchange.seen.filter(({ path }) => path === CROSS).length > 1);
    const { code, out } = await run(home, ["status"]);
    expect(out).toContain("margind is running");
    expect(out).toContain("level 2.00");
    expect(code).toBe(0);
  });

  test("a broken config is refused with every mistake, no secret, no stack, exit 78", async () => {
    home.writeConfig(config({ exchange: { minSpacing: "100ms" }, watchdog: { staleAfter: "30" }, nonsense: 1 }));
    const { code, err } = await run(home, ["run"], { ...ENV, SLACK_TOKEN: slack.token });
    expect(code).toBe(78);
    expect(err).toContain("exchange.minSpacing");
    expect(err).toContain("watchdog.staleAfter");
    expect(err).toContain("nonsense: unknown key");
    expect(err).toContain("3 mistakes, nothing was started.");
    expect(err).not.toMatch(/\n\s+at /);
  });
});

test("no secret is printed or stored, at the most talkative log level", async () => {
  account.level = 1.24;
  {
    await using margind = start(home, ["run"], { ...env(), LOG_LEVEL: "trace" });
    await untilTrue(() => slack.posts.length === 1 && smtp.mails.length === 2);
    account.answer = { status: 401, body: { code: -2015, msg: "Invalid API-key, IP, or permissions for action." } };
    await untilTrue(() => slack.posts.length === 2);
    margind.kill("SIGTERM");
    await margind.exited;
    const printed = margind.out() + margind.err();
    for (const secret of [API_SECRET, API_KEY, slack.token, "signature="]) expect(printed).not.toContain(secret);
  }
  const { readdirSync, readFileSync } = await import("node:fs");
  for (const file of readdirSync(`${home.folder}/state`)) {
    const bytes = readFileSync(`${home.folder}/state/${file}`, "latin1");
    for (const secret of [API_SECRET, API_KEY, slack.token]) expect(bytes).not.toContain(secret);
  }
});
