// What an operator got wrong: secrets that do not fit, variables that are empty, a second daemon. Whatever can still be watched and
// told is; where nothing could be, margind ends and says what to mend. The real program over real sockets.
import { expect, test, vi } from "vitest";
import { API_KEY } from "./support/exchange.ts";
import { untilTrue } from "./support/server.ts";
import { startSmtp } from "./support/smtp.ts";
import { fromEnv, useWorld } from "./support/world.ts";

const world = useWorld();

vi.setConfig({ testTimeout: 40_000 });

const POLL = { poll: "* * * * * *", isolated: "none" };
const account = (over: object) => ({ apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), ...POLL, ...over });
const slackTo = () => {
  const { slack } = world.now;
  return { type: "slack", token: fromEnv("SLACK_TOKEN"), channel: slack.channel, apiUrl: slack.url };
};
const mailTo = (url: string) => ({ type: "email", url, from: "a@example.com", to: ["ops@example.com"], tls: "none" });

test("O4: a mail server that refuses the password: margind watches, says so at once on the others, and Slack gets every alert", async () => {
  await using smtp = await startSmtp({ login: { user: "margind", password: "the-right-password" } });
  const url = new URL(smtp.url);
  url.password = "the-wrong-password";
  world.writeConfig({ notifiers: { desk: slackTo(), mail: mailTo(fromEnv("SMTP_URL")) } });
  await using margind = world.daemon({ SMTP_URL: url.href });
  await untilTrue(() => world.texts().length === 1);
  expect(world.texts()[0]).toContain("CRITICAL · margind · notifier mail cannot deliver");
  expect(world.texts()[0]).toContain("535");
  world.now.account.level = 1.24;
  await untilTrue(() => world.texts().length === 2);
  expect(world.texts()[1]).toContain("CRITICAL · main · cross margin level 1.24");
  expect(margind.child.exitCode).toBeNull();
  expect(smtp.mails).toEqual([]);
});

test("O4: when every notifier refuses, nobody could be told: it ends with 1 and names each reason", async () => {
  await using smtp = await startSmtp({ login: { user: "margind", password: "the-right-password" } });
  const url = new URL(smtp.url);
  url.password = "the-wrong-password";
  world.writeConfig({ notifiers: { desk: slackTo(), mail: mailTo(fromEnv("SMTP_URL")) } });
  const { code, err } = await world.runIn({ SLACK_TOKEN: "xoxb-0000-wrongCanary", SMTP_URL: url.href }, "run");
  expect(code).toBe(1);
  expect(err).toContain("Every notifier is refused for good");
  expect(err).toContain("invalid_auth");
  expect(err).toContain("535");
});

test("O4: a secret that does not belong to the key ends it with 1, after people were told what to mend", async () => {
  const { code, err } = await world.runIn({ API_SECRET: "NotTheSecretOfThatKeyAtAll0123456789" }, "run");
  expect(code).toBe(1);
  expect(err).toContain("Binance refuses every API key, so nothing can be watched (main: bad_signature");
  expect(world.texts()[0]).toMatch(/BLIND · main · /);
  expect(world.now.smtp.mails).toHaveLength(2);
});

test("O4: one account of two whose key is wrong: that one is blind, the other is watched", async () => {
  const spare = account({ apiKey: fromEnv("WRONG_KEY") });
  world.writeConfig({ accounts: { main: account({}), spare } });
  await using margind = world.daemon({ WRONG_KEY: "NoKeyThatAnybodyEverMade0123456789" });
  await untilTrue(() => world.texts().length === 1);
  expect(world.texts()[0]).toContain("BLIND · spare · ");
  world.now.account.level = 1.24;
  await untilTrue(() => world.texts().length === 2);
  expect(world.texts()[1]).toContain("CRITICAL · main · cross margin level 1.24");
  expect(margind.child.exitCode).toBeNull();
});

test.each([
  ["API_SECRET", "accounts.main.apiSecret"],
  ["SLACK_TOKEN", "notifiers.desk.token"],
])("O4: %s that is empty, or of spaces, is refused with 78 before anything starts", async (name, path) => {
  for (const value of ["", "   "]) {
    const { code, err } = await world.runIn({ [name]: value }, "run");
    expect(code).toBe(78);
    expect(err).toContain(path);
    expect(err).toMatch(/1 mistake, nothing was started\./);
  }
  expect(world.now.exchange.seen).toEqual([]);
});

test("O6: a second daemon on the same state ends with 1 and names the first, which goes on alone", async () => {
  world.now.account.level = 1.24;
  await using first = world.daemon();
  await untilTrue(() => world.now.smtp.mails.length === 2 && world.now.slack.posts.length === 1);
  const second = await world.run("run");
  expect(second.code).toBe(1);
  expect(second.err).toMatch(
    new RegExp(`another margind \\(process ${first.child.pid} on .+\\) is running with .*: stop it first`),
  );
  const before = world.now.exchange.seen.length;
  await untilTrue(() => world.now.exchange.seen.length > before + 2);
  expect(world.now.slack.posts).toHaveLength(1);
});

test("O6: a daemon that was stopped in its tracks still holds the state, and one that was killed does not", async () => {
  await using first = world.daemon();
  await untilTrue(() => world.now.exchange.seen.length > 1);
  first.kill("SIGSTOP");
  const second = await world.run("run");
  expect([second.code, second.err.includes(`process ${first.child.pid}`)]).toEqual([1, true]);
  first.kill("SIGKILL");
  await first.exited;
  const before = world.now.exchange.seen.length;
  await using _third = world.daemon();
  await untilTrue(() => world.now.exchange.seen.length > before + 1);
});
