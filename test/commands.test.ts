// The commands beside a daemon and without one, and what nobody may ever read in their output.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { API_KEY, API_SECRET, CROSS } from "./support/exchange.ts";
import { untilTrue } from "./support/server.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

describe("commands", () => {
  test("O9: test-notify goes through the outbox and waits for the receipts", async () => {
    const { code, out } = await world.run("test-notify");
    expect(code).toBe(0);
    expect(out).toContain("✔ desk");
    expect(world.texts()[0]).toContain("TEST · test notification for desk");
    expect(world.now.smtp.mails).toHaveLength(2);
  });

  test("O9: test-notify beside a running daemon is delivered by the daemon", async () => {
    await using _margind = world.daemon();
    await untilTrue(() => world.now.exchange.seen.length > 0);
    const { code, out } = await world.run("test-notify", "--to", "desk");
    expect(code).toBe(0);
    expect(out).toContain("margind is running here");
    expect(world.now.slack.posts).toHaveLength(1);
  });

  test("O9: test-notify says what a refused channel says, and fails", async () => {
    const { code, out } = await world.runIn({ SLACK_TOKEN: "xoxb-wrong" }, "test-notify", "--to", "desk");
    expect(code).toBe(1);
    expect(out).toContain("✘ desk");
    expect(out).toContain("invalid_auth");
    expect(out).not.toContain("xoxb-wrong");
  });

  test("status fails without a daemon, and is good beside one", async () => {
    expect((await world.run("status")).code).toBe(1);
    await using _margind = world.daemon();
    await untilTrue(() => world.now.exchange.seen.filter(({ path }) => path === CROSS).length > 1);
    const { code, out } = await world.run("status");
    expect(out).toContain("margind is running");
    expect(out).toContain("level 2.00");
    expect(code).toBe(0);
  });

  test("a broken config is refused with every mistake, no secret, no stack, exit 78", async () => {
    world.writeConfig({ exchange: { minSpacing: "100ms" }, watchdog: { staleAfter: "30" }, nonsense: 1 });
    const { code, err } = await world.run("run");
    expect(code).toBe(78);
    expect(err).toContain("exchange.minSpacing");
    expect(err).toContain("watchdog.staleAfter");
    expect(err).toContain("nonsense: unknown key");
    expect(err).toContain("3 mistakes, nothing was started.");
    expect(err).not.toMatch(/\n\s+at /);
  });
});

test("O5: no secret is printed or stored, at the most talkative log level", async () => {
  world.now.account.level = 1.24;
  {
    await using margind = world.daemon({ LOG_LEVEL: "trace" });
    await untilTrue(() => world.now.slack.posts.length === 1 && world.now.smtp.mails.length === 2);
    world.now.account.answer = {
      status: 401,
      body: { code: -2015, msg: "Invalid API-key, IP, or permissions for action." },
    };
    await untilTrue(() => world.now.slack.posts.length === 2);
    margind.kill("SIGTERM");
    await margind.exited;
    const printed = margind.out() + margind.err();
    for (const secret of [API_SECRET, API_KEY, world.now.slack.token, "signature="])
      expect(printed).not.toContain(secret);
  }
  for (const file of readdirSync(`${world.now.home.folder}/state`)) {
    const bytes = readFileSync(`${world.now.home.folder}/state/${file}`, "latin1");
    for (const secret of [API_SECRET, API_KEY, world.now.slack.token]) expect(bytes).not.toContain(secret);
  }
});
