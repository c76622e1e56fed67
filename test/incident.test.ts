// An incident from its first word to its last, as the people on Slack and by mail get it. The real program over real sockets.
import { describe, expect, test } from "vitest";
import { API_KEY, API_SECRET } from "./support/exchange.ts";
import { untilTrue } from "./support/server.ts";
import { storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();

describe("an incident", () => {
  test("is told on Slack and by mail from opened over raised to resolved, in one conversation each", async () => {
    await using margind = world.daemon();
    await untilTrue(() => world.now.exchange.seen.length > 1);
    world.now.account.level = 1.4;
    await untilTrue(() => world.now.slack.posts.length === 1 && world.now.smtp.mails.length === 2);
    world.now.account.level = 1.24;
    await untilTrue(() => world.now.slack.posts.length === 2 && world.now.smtp.mails.length === 4);
    world.now.account.level = 1.6;
    await untilTrue(() => world.now.slack.posts.length === 3 && world.now.smtp.mails.length === 6);
    await untilTrue(() => (world.now.slack.posts[0]?.earlier.length ?? 0) === 2);

    const [opened, raised, resolved] = world.now.slack.posts;
    expect(opened?.threadTs).toBeUndefined();
    expect(opened?.earlier[0]).toContain("INFO · main · cross margin level 1.40 (below 1.50)");
    expect(opened?.text).toContain("RESOLVED · main · cross margin level 1.60");
    expect(raised).toMatchObject({ threadTs: opened?.ts, isBroadcast: true });
    expect(raised?.text).toContain("CRITICAL · main · cross margin level 1.24 (below 1.30)");
    expect(raised?.text).toContain("Liquidation at 1.10 is an 11.3 % fall away");
    expect(raised?.text).toContain(
      "add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT",
    );
    expect(resolved).toMatchObject({ threadTs: opened?.ts, isBroadcast: true });

    for (const address of ["ops@example.com", "desk@example.com"]) {
      const [first, second, third] = world.mailsTo(address).map(({ mail }) => mail);
      expect(second?.inReplyTo).toBe(first?.messageId);
      expect(third?.references).toContain(first?.messageId);
      expect(new Set([first?.subject, second?.subject, third?.subject]).size).toBe(1);
      expect(second?.text).toMatch(/^CRITICAL · main · cross margin level 1\.24/);
    }
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
  });

  test("that begins before the start is told, and a restart repeats nothing", async () => {
    world.now.account.level = 1.24;
    {
      await using first = world.daemon();
      await untilTrue(() => storedDeliveries(first) === 3); // the receipts are stored by then
      first.kill("SIGKILL");
      await first.exited;
    }
    const polls = world.now.exchange.seen.length;
    await using _second = world.daemon();
    await untilTrue(() => world.now.exchange.seen.length > polls + 3);
    expect(world.texts()).toHaveLength(1);
    world.now.account.level = undefined;
    await untilTrue(() => world.now.slack.posts.length === 2 && world.now.smtp.mails.length === 4);
    expect(world.texts()[1]).toContain("RESOLVED");
    expect(world.texts()[1]).toContain("There is no debt any more");
  });

  test("that ended while the daemon was down is resolved after the start, in the same thread", async () => {
    world.now.account.level = 1.24;
    {
      await using first = world.daemon();
      await untilTrue(() => storedDeliveries(first) === 3);
      first.kill("SIGKILL");
      await first.exited;
    }
    world.now.account.level = 2;
    await using _second = world.daemon();
    await untilTrue(() => world.now.slack.posts.length === 2);
    expect(world.now.slack.posts[1]).toMatchObject({ threadTs: world.now.slack.posts[0]?.ts });
    expect(world.texts()[1]).toContain("RESOLVED · main · cross margin level 2.00");
  });
});

test("a crash that hits forty pairs is one message, worst first", async () => {
  world.writeConfig({
    rules: undefined,
    accounts: { main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: "* * * * * *", cross: false } },
  });
  world.now.account.pairs = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`C${i}USDT`, 1 + i / 5]));
  await using _margind = world.daemon();
  await untilTrue(() => world.now.slack.posts.length > 0 && world.now.smtp.mails.length === 2);
  expect(world.texts()[0]).toContain("CRITICAL · main · 40 alerts, worst first");
  expect(world.texts()[0]).toContain("C0USDT isolated distance to liquidation 1.0 % (below 3 %)");
  expect(world.now.slack.posts).toHaveLength(1);
});

describe("delivery", () => {
  test("waits for a channel that is down, and holds up no other", async () => {
    world.now.slack.script("chat.postMessage", ...Array.from({ length: 3 }, () => ({ status: 503, body: "down" })));
    world.now.account.level = 1.24;
    await using _margind = world.daemon();
    await untilTrue(() => world.now.smtp.mails.length === 2);
    await untilTrue(() => world.now.slack.posts.length === 1);
    const keys = world.now.slack.requests
      .filter(({ method }) => method === "chat.postMessage")
      .map(({ args }) => JSON.stringify(args["metadata"]));
    expect(keys).toHaveLength(4);
  });

  test("keeps what it cannot deliver over a kill -9, and shows it in status", async () => {
    world.now.slack.script(
      "chat.postMessage",
      ...Array.from({ length: 50 }, () => ({
        status: 429,
        headers: { "retry-after": "60" },
        body: { ok: false, error: "ratelimited" },
      })),
    );
    world.now.account.level = 1.24;
    {
      await using first = world.daemon();
      await untilTrue(() => world.now.smtp.mails.length === 2);
      await untilTrue(() => first.err().includes("not delivered"));
      const shown = await world.run("status", "--json");
      expect(JSON.parse(shown.out)).toMatchObject({ undelivered: [{ notifier: "desk", attempts: 1 }] });
      first.kill("SIGKILL");
      await first.exited;
    }
    await world.replaceSlack();
    await using _second = world.daemon();
    await untilTrue(() => world.now.slack.posts.length === 1);
    expect(world.texts()[0]).toContain("CRITICAL · main · cross margin level 1.24");
  });
});
