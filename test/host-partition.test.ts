// A network that loses everything without a word: no connection is closed, no error comes. Only deadlines help. The real program, with
// a proxy in its way that swallows.
import { expect, test, vi } from "vitest";
import { CROSS, shortestGapMs } from "./support/exchange.ts";
import { startProxy, type Way } from "./support/proxy.ts";
import { untilTrue } from "./support/server.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

vi.setConfig({ testTimeout: 60_000 });

const portOf = (url: string): number => Number(new URL(url).port);
const untilTold = (words: string) => untilTrue(() => world.texts().some((text) => text.includes(words)));
const mailsOf = (words: string) => world.now.smtp.mails.filter(({ mail }) => mail.text?.includes(words));

async function pause(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await untilTrue(() => performance.now() >= endMs);
}

/** The most that `count` says at any moment until `done` holds. */
async function mostUntil(count: () => Promise<number>, done: () => boolean): Promise<number> {
  let most = 0;
  await untilTrue(async () => {
    most = Math.max(most, await count());
    return done();
  });
  return most;
}

test.each<{ way: Way; what: string }>([
  { way: "silent", what: "nothing passes" },
  { way: "deaf", what: "requests arrive and no answer comes back" },
])(
  "H12: the way to the exchange is lost ($what): blind in time, nothing grows, and it recovers by itself",
  async ({ way }) => {
    await using proxy = await startProxy(portOf(world.now.exchange.url));
    world.now.account.level = 1.24;
    world.writeConfig({ exchange: { baseUrl: `http://127.0.0.1:${proxy.port}`, timeout: "2s" } });
    await using margind = world.daemon();
    await untilTold("CRITICAL · main · cross margin level 1.24");

    proxy.become(way);
    const lostMs = performance.now();
    const isBlind = () => world.texts().some((text) => text.includes("BLIND · main · no valid answer for"));
    await untilTrue(isBlind);
    expect(performance.now() - lostMs).toBeLessThan(8000); // staleAfter is 3 s
    expect(world.texts().find((text) => text.includes("BLIND"))).toContain("cross 1.24 (critical)");
    const seen = world.now.exchange.seen.length;
    const moreMs = performance.now() + 4500;
    const most = await mostUntil(proxy.openConnections, () => performance.now() > moreMs);
    expect(most).toBeLessThanOrEqual(4);
    expect(world.now.exchange.seen.length - seen).toBeLessThan(10);
    expect(margind.err()).toContain("a poll failed: timeout");

    proxy.become("open");
    await untilTold("RESOLVED · main · the data is fresh again");
    const before = world.now.exchange.seen.length;
    await untilTrue(() => world.now.exchange.seen.filter(({ path }) => path === CROSS).length > before + 3);
    expect(shortestGapMs(world.now.exchange.seen)).toBeGreaterThan(490);
    expect(mailsOf("RESOLVED · main · cross")).toEqual([]); // nobody said that the account is well
  },
);

test("H12: the way to the mail server is lost: Slack is told at once, no connection is left behind, and every mail comes in the end", async () => {
  await using proxy = await startProxy(world.now.smtp.port);
  const { slack } = world.now;
  world.writeConfig({
    notifiers: {
      desk: { type: "slack", token: slack.token, channel: slack.channel, apiUrl: slack.url },
      mail: {
        type: "email",
        url: `smtp://localhost:${proxy.port}`,
        from: "a@example.com",
        to: ["ops@example.com", "desk@example.com"],
        tls: "none",
      },
    },
  });
  await using margind = world.daemon();
  await untilTrue(() => margind.err().includes('"notifier":"mail","msg":"the notifier works"'));
  await untilTrue(async () => (await proxy.openConnections()) === 0); // that of the check at the start says goodbye
  proxy.become("silent");
  world.now.account.level = 1.24;
  const sinceMs = performance.now();
  await untilTold("CRITICAL · main · cross margin level 1.24");
  expect(performance.now() - sinceMs).toBeLessThan(4000); // a poll, and no wait for the mail
  const failures = () => margind.err().split("not delivered (").length - 1;
  const most = await mostUntil(proxy.openConnections, () => failures() >= 2);
  expect(most).toBeLessThanOrEqual(2); // one for each recipient
  proxy.become("open");
  await untilTrue(() => mailsOf("CRITICAL · main · cross margin level 1.24").length === 2);
  await pause(1000);
  expect(mailsOf("CRITICAL · main · cross margin level 1.24")).toHaveLength(2);
  expect(await proxy.openConnections()).toBe(0);
});
