// A new configuration without a restart: SIGHUP to the real program, over real sockets.
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keyed } from "./support/exchange.ts";
import type { Process } from "./support/margind.ts";
import { SPACING_SEEN_MS, untilTrue } from "./support/server.ts";
import { fromEnv, useWorld } from "./support/world.ts";

const world = useWorld();

const IN_FORCE = "the new configuration is in force";
const REFUSED = "the new configuration is refused";

const rule = (rungs: object) => ({
  "cross-margin-level": { on: "cross", field: "marginLevel", below: rungs, hysteresisPct: 2, clearAfter: "0s" },
});

const times = (margind: Process, text: string): number => margind.err().split(text).length - 1;

async function hup(margind: Process, outcome: string): Promise<void> {
  const before = times(margind, outcome);
  margind.kill("SIGHUP");
  await untilTrue(() => times(margind, outcome) > before);
}

const untilPosts = (count: number) => untilTrue(() => world.now.slack.posts.length >= count);
/** So many more polls were answered: whatever they could have caused has been caused. */
async function untilPolls(count: number): Promise<void> {
  const before = world.now.exchange.seen.length;
  await untilTrue(() => world.now.exchange.seen.length >= before + count);
}

test("O2: a bad configuration keeps the old one going and is told with its mistakes; a good one ends that", async () => {
  await using margind = world.daemon();
  await untilPolls(1);
  world.writeConfig({ watchdog: { staleAfter: "30" }, nonsense: 1 });
  await hup(margind, REFUSED);
  await untilPosts(1);
  const [text = ""] = world.texts();
  expect(text).toMatch(/^🟠 WARNING · margind · the new configuration is refused, the old one goes on\n/);
  expect(text).toContain("watchdog.staleAfter");
  expect(text).toContain("nonsense: unknown key");
  expect(margind.err()).toContain("nonsense: unknown key");

  world.writeConfig({ nonsense: 2 });
  await hup(margind, REFUSED); // mended halfway: that is told too
  await untilPosts(2);
  expect(world.texts()[1]).toContain("nonsense: unknown key");

  world.now.account.level = 1.24; // the old rules still watch
  await untilPosts(3);
  expect(world.texts()[2]).toContain("CRITICAL · main · cross margin level 1.24");

  world.writeConfig();
  await hup(margind, IN_FORCE);
  await untilPosts(4);
  expect(world.texts()[3]).toMatch(/^🟢 RESOLVED · margind · the new configuration is in force/);
  await untilPolls(2);
  expect(world.now.slack.posts).toHaveLength(4); // what fires was not told anew
});

test("O2: a file that is no YAML, or gone, changes nothing either", async () => {
  await using margind = world.daemon();
  await untilPolls(1);
  writeFileSync(world.now.home.configFile, "accounts: [");
  await hup(margind, REFUSED);
  await untilPosts(1);
  await untilPolls(2);
  expect(margind.child.exitCode).toBeNull();
});

test("O2: what cannot change without a restart is refused in words", async () => {
  await using margind = world.daemon();
  await untilPolls(1);
  world.writeConfig({ stateDir: "./elsewhere" });
  await hup(margind, REFUSED);
  await untilPosts(1);
  expect(world.texts()[0]).toContain("stateDir cannot change while margind runs: restart it for that");
  await untilPolls(1);
});

test("O3: a reload keeps what fires by its rule's name: a raised threshold moves the same incident", async () => {
  world.now.account.level = 1.34;
  await using margind = world.daemon();
  await untilPosts(1);
  expect(world.texts()[0]).toContain("WARNING · main · cross margin level 1.34");
  world.writeConfig({ rules: rule({ info: 1.5, warning: 1.4, critical: 1.35 }) });
  await hup(margind, IN_FORCE);
  await untilPosts(2);
  expect(world.texts()[1]).toContain("CRITICAL · main · cross margin level 1.34");
  const [first, second] = world.now.slack.posts;
  expect(second?.threadTs).toBe(first?.ts);
  expect(world.texts()[1]).toContain("#");
});

test("O3: a rule that is taken out while it fires ends as removed, and not as resolved", async () => {
  world.now.account.level = 1.24;
  await using margind = world.daemon();
  await untilPosts(1);
  world.writeConfig({
    rules: { "transfer-out": { on: "cross", field: "transferOutEnabled", is: { warning: false } } },
  });
  await hup(margind, IN_FORCE);
  await untilPosts(2);
  expect(world.texts()[1]).toMatch(/^🟢 ENDED · main · cross .*rule removed while firing/);
  expect(world.texts().join("\n")).not.toContain("RESOLVED");
});

test("N2: a token mended by a reload lets out what waited", async () => {
  world.now.account.level = 1.24;
  await using margind = world.daemon({ SLACK_TOKEN: "xoxb-wrong", GOOD_TOKEN: world.now.slack.token });
  await untilTrue(() => world.now.smtp.mails.some(({ mail }) => mail.text?.includes("notifier desk cannot deliver")));
  expect(world.texts()).toEqual([]);
  const { slack, smtp } = world.now;
  world.writeConfig({
    notifiers: {
      desk: { type: "slack", token: fromEnv("GOOD_TOKEN"), channel: slack.channel, apiUrl: slack.url },
      mail: { type: "email", url: smtp.url, from: "alerts@example.com", to: ["ops@example.com"], tls: "none" },
    },
  });
  await hup(margind, IN_FORCE);
  await untilPosts(1);
  expect(world.texts()[0]).toContain("CRITICAL · main · cross margin level 1.24");
});

test("O2: a reload that breaks every key or every channel ends no watch that was good", async () => {
  await using margind = world.daemon({ WRONG: "xoxb-wrong" });
  await untilPolls(1);
  const { slack } = world.now;
  const desk = { type: "slack", token: fromEnv("WRONG"), channel: slack.channel, apiUrl: slack.url };
  world.writeConfig({ notifiers: { desk } });
  await hup(margind, IN_FORCE);
  await untilTrue(() => margind.err().includes("Every notifier is refused for good"));
  const accounts = {
    main: { apiKey: "no-such-key", apiSecret: "no-such-secret", poll: "* * * * * *", isolated: "none" },
  };
  world.writeConfig({ notifiers: { desk }, accounts });
  await hup(margind, IN_FORCE);
  await untilTrue(() => margind.err().includes("Binance refuses every API key"));
  world.writeConfig();
  world.now.account.level = 1.24;
  await hup(margind, IN_FORCE);
  await untilTrue(() => world.texts().some((text) => text.includes("CRITICAL · main · cross margin level 1.24")));
});

test("two requests of a key keep their distance over reloads, however many come at once", async () => {
  await using margind = world.daemon();
  await untilPolls(2);
  for (let i = 0; i < 3; i++) margind.kill("SIGHUP");
  await untilTrue(() => times(margind, IN_FORCE) >= 1);
  await hup(margind, IN_FORCE);
  await untilPolls(3);
  const starts = keyed(world.now.exchange.seen).map(({ atMs }) => atMs);
  const gaps = starts.slice(1).map((atMs, index) => atMs - (starts[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThan(SPACING_SEEN_MS);
});
