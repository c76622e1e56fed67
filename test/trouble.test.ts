// What the daemon does when it cannot see, cannot start or must stop. The real program over real sockets.
import { describe, expect, test } from "vitest";
import { closedPort, untilTrue } from "./support/server.ts";
import { storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();

describe("blindness", () => {
  test("is told on every channel with the cause, and ends with the first valid answer; nothing resolves meanwhile", async () => {
    world.now.account.level = 1.24;
    await using _margind = world.daemon();
    await untilTrue(() => world.now.slack.posts.length === 1);
    world.now.account.answer = {
      status: 502,
      raw: "<html>bad gateway</html>",
      headers: { "content-type": "text/html" },
    };
    await untilTrue(() => world.now.slack.posts.length === 2);
    expect(world.texts()[1]).toMatch(/BLIND · main · no valid answer for \d+ s\n/);
    expect(world.texts()[1]).toContain("cross 1.24 (critical)");
    world.now.account.answer = undefined;
    await untilTrue(() => world.now.slack.posts.length === 3);
    expect(world.texts()[2]).toContain("RESOLVED · main · the data is fresh again");
    expect(world.texts()[2]).toContain("Still firing: cross 1.24 (critical)");
  });

  test("comes at once with a ban, which outlives a restart: not one request until its end", async () => {
    {
      await using first = world.daemon();
      await untilTrue(() => world.now.exchange.seen.length > 1);
      world.now.account.answer = {
        status: 418,
        headers: { "retry-after": "3600" },
        body: { code: -1003, msg: "banned" },
      };
      await untilTrue(() => world.now.slack.posts.length === 1);
      expect(world.texts()[0]).toContain("Binance has banned this address");
      first.kill("SIGTERM");
      await first.exited;
    }
    world.now.account.answer = undefined;
    const before = world.now.exchange.seen.length;
    await using second = world.daemon();
    await untilTrue(() => second.err().includes("the notifier works"));
    expect(world.now.exchange.seen.length).toBe(before);
  });
});

describe("a channel that refuses", () => {
  test("is announced on the others with the reason, before anything waits for it", async () => {
    await using _margind = world.daemon({ SLACK_TOKEN: "xoxb-wrong" });
    await untilTrue(() => world.now.smtp.mails.length === 2);
    const [{ mail } = { mail: undefined }] = world.now.smtp.mails;
    expect(mail?.subject).toBe("margind: notifier desk cannot deliver");
    expect(mail?.text).toMatch(/^CRITICAL · margind · notifier desk cannot deliver/);
    expect(mail?.text).toContain("invalid_auth");
    expect(world.texts()).toEqual([]);
  });
});

describe("blindness over a restart", () => {
  test("is not ended by the restart: nothing is resolved until a valid answer comes", async () => {
    world.now.account.answer = { status: 502, raw: "bad gateway" };
    {
      await using first = world.daemon();
      await untilTrue(() => storedDeliveries(first) === 3);
      first.kill("SIGKILL");
      await first.exited;
    }
    const reads = world.now.exchange.seen.length;
    await using second = world.daemon();
    await untilTrue(() => world.now.exchange.seen.length > reads + 3);
    expect(second.err()).not.toContain("RESOLVED");
    world.now.account.answer = undefined;
    await untilTrue(() => world.texts().length === 2);
    expect(world.texts()[0]).toContain("BLIND");
    expect(world.texts()[1]).toContain("RESOLVED · main · the data is fresh again");
  });
});

describe("start", () => {
  test("a refused key ends it with exit 1, after the channels were told", async () => {
    world.writeConfig({ accounts: { main: { apiKey: "wrong", apiSecret: "wrong", poll: "* * * * * *" } } });
    const { code, err } = await world.run("run");
    expect(code).toBe(1);
    expect(err).toContain("Binance refuses every API key");
    expect(world.texts()[0]).toContain("Binance refuses the API key");
  });

  test("an exchange and channels out of reach do not keep it from starting; it says so and goes on", async () => {
    const port = await closedPort();
    world.writeConfig({
      exchange: { baseUrl: `http://127.0.0.1:${port}` },
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
    await using margind = world.daemon();
    await untilTrue(() => margind.err().includes("the notifier does not work now"));
    await untilTrue(() => margind.err().includes("not delivered"));
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
  });

  test("SIGTERM ends it within five seconds though a channel hangs", async () => {
    world.now.slack.script("chat.postMessage", "hang");
    world.now.account.level = 1.24;
    await using margind = world.daemon();
    await untilTrue(() => world.now.slack.requests.some(({ method }) => method === "chat.postMessage"));
    const before = performance.now();
    margind.kill("SIGTERM");
    expect(await margind.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(5000);
  });

  test("a second signal ends it at once, and the outbox is safe", async () => {
    world.now.slack.script("chat.postMessage", "hang");
    world.now.account.level = 1.24;
    await using margind = world.daemon();
    await untilTrue(() => world.now.slack.requests.some(({ method }) => method === "chat.postMessage"));
    margind.kill("SIGINT");
    await untilTrue(() => margind.err().includes("a second signal stops at once"));
    margind.kill("SIGINT");
    expect(await margind.exited).toBe(130);
    const { undelivered } = JSON.parse((await world.run("status", "--json")).out);
    expect(undelivered).toContainEqual(expect.objectContaining({ notifier: "desk" }));
  });
});
