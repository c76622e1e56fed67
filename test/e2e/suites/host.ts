// The machine under the installed daemon: a wall clock that is set (libfaketime, with the real node-cron), and a disk that takes nothing
// more (a limit on the size of files). The exchange checks every signed timestamp against the true time, as Binance does.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { type Account, startAccount } from "../../support/crash.ts";
import { API_KEY, API_SECRET, CROSS, type FakeExchange, PRICES } from "../../support/exchange.ts";
import { type HeartbeatDouble, startHeartbeat } from "../../support/heartbeat.ts";
import { SPACING_SEEN_MS } from "../../support/server.ts";
import { type SlackDouble, startSlack } from "../../support/slack.ts";
import { type Bench, type Check, expect, indent, until } from "../harness.ts";
import { type Program, run, start } from "../programs.ts";

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
/** A poll every second: twice that is a poll that was left out. */
const SILENCE_MS = 2_500;
const REMIND_S = 5;

export async function host(check: Check, bench: Bench): Promise<void> {
  await using scene = await openScene(bench);
  const { account, told } = scene;

  await check("H6: under a clock that is right the daemon alerts and reminds", async () => {
    scene.setClock(0);
    scene.startDaemon();
    account.level = 1.24;
    await scene.untilTold(/^🔴 CRITICAL · main · cross margin level 1\.24/);
    await scene.untilTold(/STILL CRITICAL · main/);
    return undefined;
  });

  await check("H6: set back an hour, it goes on polling and reminding, and resolves what it opened", async () => {
    const before = told().length;
    scene.setClock(-HOUR_S);
    await scene.watchFor(3 * REMIND_S);
    const since = told().slice(before);
    expect(
      since.some((text) => /STILL CRITICAL · main/.test(text)),
      `no reminder came:${indent(since.join("\n"))}`,
    );
    expect(since.length <= 4, `a flood:${indent(since.join("\n"))}`);
    account.level = 2;
    await scene.untilTold(/RESOLVED · main · cross margin level 2\.00/);
    scene.expectNever(/BLIND|nobody watched/);
    return `${since.length} messages meanwhile`;
  });

  await check(
    "H6: set forward a day, it catches up on nothing and keeps its distance, and its stamps are right",
    async () => {
      account.level = 1.2;
      await scene.untilTold(/CRITICAL · main · cross margin level 1\.20/);
      const before = told().length;
      scene.setClock(DAY_S);
      await scene.watchFor(2 * REMIND_S);
      const since = told().slice(before);
      const gaps = since.filter((text) => /nobody watched/.test(text)).length;
      expect(gaps <= 1, `said ${gaps} times that nobody watched`);
      expect(since.length <= gaps + 4, `a flood:${indent(since.join("\n"))}`);
      account.level = 2.1;
      await scene.untilTold(/RESOLVED · main · cross margin level 2\.10/);
      scene.expectNever(/BLIND/);
      return `${since.length} messages meanwhile`;
    },
  );

  await check(
    "H6: started under a clock that is an hour behind its own state, it repeats nothing and misses nothing",
    async () => {
      account.level = 1.22;
      await scene.untilTold(/CRITICAL · main · cross margin level 1\.22/);
      await scene.stopDaemon();
      const before = told().length;
      scene.setClock(DAY_S - HOUR_S);
      scene.startDaemon();
      await scene.watchFor(3);
      const again = told()
        .slice(before)
        .filter((text) => /CRITICAL · main/.test(text) && !/still/i.test(text));
      expect(again.length === 0, `it repeats:${indent(again.join("\n"))}`);
      account.level = 2.2;
      await scene.untilTold(/RESOLVED · main · cross margin level 2\.20/);
      scene.expectNever(/BLIND/);
      return undefined;
    },
  );

  await check("H11: a disk that takes nothing: status, /healthz and the dead man's switch fail together", async () => {
    await scene.untilAll("good");
    await scene.limitFiles("0");
    await scene.untilAll("bad");
    await scene.untilTold(/CRITICAL · margind · the state cannot be written/);
    await scene.limitFiles("unlimited");
    await scene.untilTold(/RESOLVED · margind · the state can be written again/);
    await scene.untilAll("good");
    return undefined;
  });
}

// ---------------------------------------------------------------- the daemon and what is round it

interface Doubles {
  readonly account: Account;
  readonly exchange: FakeExchange;
  readonly slack: SlackDouble;
  readonly heartbeat: HeartbeatDouble;
}

async function openScene({ folder: parent, main }: Bench) {
  const folder = join(parent, "host");
  mkdirSync(folder);
  const doubles = { ...(await startAccount()), slack: await startSlack(), heartbeat: await startHeartbeat() };
  const { account, exchange, slack, heartbeat } = doubles;
  const configFile = writeConfig(folder, doubles);
  const clockFile = join(folder, "clock");
  const env = {
    LD_PRELOAD: libfaketime(),
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_NO_CACHE: "1",
  };
  let daemon: Program | undefined;
  const said = () => daemon?.said() ?? "";
  const told = () =>
    slack.requests.filter(({ method }) => method === "chat.postMessage").map(({ args }) => String(args["text"]));
  const polls = () => exchange.seen.filter(({ path }) => path === CROSS);
  /** Public prices have a lane of their own. */
  const inLane = () => exchange.seen.filter(({ path }) => path !== PRICES);
  const command = (name: string): [string, string[]] => [process.execPath, [main, name, "--config", configFile]];

  const verdicts = async (): Promise<readonly boolean[]> => {
    const port = /"port":(\d+),"msg":"answering \/healthz"/.exec(said())?.[1];
    const health = await fetch(`http://127.0.0.1:${port}/healthz`).then(({ status }) => status === 200);
    const lastPings = heartbeat.pings.slice(-2);
    await using status = start(...command("status"), { env });
    return [health, lastPings.every(({ isGood }) => isGood), (await status.exited).code === 0];
  };

  return {
    account,
    told,
    setClock: (offsetS: number) => writeFileSync(clockFile, `${offsetS < 0 ? "" : "+"}${offsetS}`),
    startDaemon: () => {
      daemon = start(...command("run"), { cwd: folder, env });
    },
    async stopDaemon(): Promise<void> {
      await daemon?.end("SIGTERM");
    },
    untilTold: (pattern: RegExp) =>
      until(
        `a message like ${pattern}`,
        20_000,
        () => told().find((text) => pattern.test(text)),
        () => told().join("\n") + said(),
      ),
    expectNever(pattern: RegExp): void {
      const wrong = told().filter((text) => pattern.test(text));
      expect(wrong.length === 0, `it said:${indent(wrong.join("\n"))}`);
    },
    /** For so many seconds: polls come all the time, none too soon, and each is accepted in the end. */
    async watchFor(seconds: number): Promise<void> {
      const [first, saidBefore] = [inLane().length, said().length];
      const sinceMs = systemClock.monoMs();
      await systemClock.sleep(seconds * 1000);
      const times = [
        sinceMs,
        ...polls()
          .filter(({ atMs }) => atMs > sinceMs)
          .map(({ atMs }) => atMs),
        systemClock.monoMs(),
      ];
      const silentMs = Math.max(...gapsOf(times));
      expect(silentMs < SILENCE_MS, `no poll for ${Math.round(silentMs)} ms${indent(said())}`);
      const closestMs = Math.min(
        ...gapsOf(
          inLane()
            .slice(first)
            .map(({ atMs }) => atMs),
        ),
      );
      expect(closestMs > SPACING_SEEN_MS, `two requests only ${Math.round(closestMs)} ms apart`);
      expect(!said().slice(saidBefore).includes("a poll failed"), `a poll failed:${indent(said())}`);
    },
    async limitFiles(bytes: string): Promise<void> {
      await run("prlimit", ["--pid", String(daemon?.pid), `--fsize=${bytes}:`]);
    },
    /** All who watch the watcher say the same. */
    untilAll: (what: "good" | "bad") =>
      until(
        `status, /healthz and the heartbeat are all ${what}`,
        40_000,
        async () => ((await verdicts()).every((isGood) => isGood === (what === "good")) ? true : undefined),
        said,
      ),
    async [Symbol.asyncDispose]() {
      await daemon?.[Symbol.asyncDispose]();
      await Promise.all([exchange.close(), slack.close(), heartbeat.close()]);
    },
  };
}

function writeConfig(folder: string, { exchange, slack, heartbeat }: Doubles): string {
  const file = join(folder, "margind.yaml");
  const levels = { on: "cross", field: "marginLevel", below: { info: 1.5, warning: 1.4, critical: 1.3 } };
  const config = {
    stateDir: "./state",
    exchange: { baseUrl: exchange.url, timeout: "2s" },
    accounts: { main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: "* * * * * *", isolated: "none" } },
    rules: { levels: { ...levels, clearAfter: "0s" } },
    watchdog: { staleAfter: "10s", heartbeat: { url: heartbeat.url, every: "1s" } },
    notifiers: { desk: { type: "slack", token: slack.token, channel: slack.channel, apiUrl: slack.url } },
    routes: [{ notify: ["desk"], repeatEvery: `${REMIND_S}s` }],
    http: { listen: "127.0.0.1:0" },
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** Debian's, whatever the machine's architecture. */
function libfaketime(): string {
  const found = readdirSync("/usr/lib", { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.endsWith("-linux-gnu"))
    .map(({ name }) => join("/usr/lib", name, "faketime", "libfaketime.so.1"));
  expect(found.length === 1, "install Debian's package faketime");
  return found[0] ?? "";
}

const gapsOf = (times: readonly number[]): readonly number[] =>
  times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
