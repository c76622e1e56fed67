// What ends a process, and what a process must outlive: errors that nobody foresaw, no memory, no file descriptors. The real program,
// with something that goes wrong inside it (support/misbehave.ts).
import { expect, test, vi } from "vitest";
import { CROSS } from "./support/exchange.ts";
import { misbehaving, type Process } from "./support/margind.ts";
import { untilTrue } from "./support/server.ts";
import { storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();

vi.setConfig({ testTimeout: 40_000 });

const polls = () => world.now.exchange.seen.filter(({ path }) => path === CROSS).length;

async function untilPolled(count = 1): Promise<void> {
  const before = polls();
  await untilTrue(() => polls() >= before + count);
}

const untilTold = (words: string) => untilTrue(() => world.texts().some((text) => text.includes(words)));

/** Lets it watch, then go wrong. */
async function goWrong(margind: Process): Promise<number | null> {
  await untilPolled();
  margind.kill("SIGUSR2");
  return margind.exited;
}

test.each(["throw", "reject"])(
  "H10: an error that nobody foresaw (%s) ends it with 1, and the third restart tells people what it said, without its secrets",
  async (misdeed) => {
    for (let run = 1; run <= 3; run++) {
      await using crashing = world.daemon(misbehaving(misdeed));
      expect(await goWrong(crashing)).toBe(1);
      expect(crashing.err()).toContain(
        "margind failed in an unforeseen way: Error: surprise with <secret>, <secret> and",
      );
    }
    expect(world.texts()).toEqual([]);
    await using margind = world.daemon();
    await untilTrue(() => world.now.slack.posts.length > 0 && world.now.smtp.mails.length === 2);
    expect(world.texts()[0]).toMatch(
      /CRITICAL · margind · started 3 times since .*, each time after a crash or a kill\n/,
    );
    expect(world.texts()[0]).toContain("The last error was: Error: surprise with &lt;secret&gt;, &lt;secret&gt; and");
    await untilPolled(2); // and it watches
    expect(world.texts()).toHaveLength(1);
    expect(margind.child.exitCode).toBeNull();
  },
);

test("H10: a process that runs out of memory ends in an error, and the next one takes up what it held", async () => {
  world.now.account.level = 1.24;
  {
    await using first = world.daemon(misbehaving("memory", "--max-old-space-size=64"), "ulimit -c 0");
    await untilTrue(() => world.now.slack.posts.length === 1);
    await untilPolled();
    first.kill("SIGUSR2");
    expect(await first.exited).not.toBe(0);
    expect(first.err()).toContain("heap out of memory");
  }
  world.now.account.level = 2;
  await using _second = world.daemon();
  await untilTold("RESOLVED · main · cross margin level 2.00");
});

test("H10: without a file descriptor left it goes on, loudly blind, and recovers by itself", async () => {
  world.now.account.level = 1.24;
  await using margind = world.daemon(misbehaving("descriptors"), "ulimit -n 96");
  await untilTrue(() => storedDeliveries(margind) === 3);
  margind.kill("SIGUSR2");
  await untilTrue(() => margind.err().includes("took every descriptor"));
  await untilTrue(async () => {
    world.now.exchange.hangUp(); // the connection that it has, or has snatched a descriptor for, would last
    const { undelivered } = JSON.parse((await world.run("status", "--json")).out);
    return undelivered.some(({ title }: { readonly title: string }) => title.startsWith("BLIND · main"));
  });
  expect(margind.err()).toContain("a poll failed: unreachable: this machine is out of file handles");
  expect(margind.child.exitCode).toBeNull();

  margind.kill("SIGUSR2"); // they are there again
  await untilTold("RESOLVED · main · the data is fresh again");
  await untilPolled(2);
  world.now.account.level = 2;
  await untilTold("RESOLVED · main · cross margin level 2.00");
  const told = () => world.mailsTo("ops@example.com").map(({ mail }) => mail.text ?? "");
  await untilTrue(() => told().some((text) => text.startsWith("RESOLVED · main · cross margin level 2.00")));
  expect(told().filter((text) => text.startsWith("CRITICAL"))).toHaveLength(1); // and nothing twice
});
