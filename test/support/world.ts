// Everything that the whole-program tests stand on: a scripted exchange, a Slack double, an SMTP server, and a folder with a
// config that names them. Made anew for each test. The program runs at its most talkative, and after every test no secret may stand in
// anything that it printed, stored or sent (O5).
import { afterEach, beforeEach, expect } from "vitest";
import { type Canary, filesIn, leaks, type Place } from "./canary.ts";
import { type Account, startAccount } from "./crash.ts";
import { API_KEY, API_SECRET, type FakeExchange } from "./exchange.ts";
import { type HeartbeatDouble, startHeartbeat } from "./heartbeat.ts";
import { type Home, makeHome, type Process, start } from "./margind.ts";
import { type SlackDouble, startSlack } from "./slack.ts";
import { type SmtpDouble, startSmtp } from "./smtp.ts";

export interface World {
  account: Account;
  exchange: FakeExchange;
  slack: SlackDouble;
  smtp: SmtpDouble;
  home: Home;
}

/** What the config takes from the environment. */
export const fromEnv = (name: string): string => `\${${name}}`;

/** What is to be kept secret in a test, and whoever could have told. */
interface Traces {
  readonly canaries: Canary[];
  readonly processes: { readonly command: string; readonly process: Pick<Process, "out" | "err"> }[];
  readonly slacks: SlackDouble[];
  readonly heartbeats: HeartbeatDouble[];
}

export function useWorld() {
  let world: World;
  let traces: Traces;
  const env = () => ({ API_SECRET, SLACK_TOKEN: world.slack.token });
  const openSlack = async () => {
    const slack = await startSlack();
    traces.slacks.push(slack);
    return slack;
  };
  const launch = (command: readonly string[], more: Readonly<Record<string, string>>, limits?: string): Process => {
    for (const [name, value] of Object.entries(more)) traces.canaries.push(...canariesOf(name, value));
    const process = start(world.home, command, { LOG_LEVEL: "trace", ...env(), ...more }, limits);
    traces.processes.push({ command: command.join(" "), process });
    return process;
  };
  const runIn = async (more: Readonly<Record<string, string>>, ...command: readonly string[]) => {
    await using margind = launch(command, more);
    const code = await margind.exited;
    return { code, out: margind.out(), err: margind.err() };
  };
  beforeEach(async () => {
    const { account, exchange } = await startAccount();
    traces = { canaries: [], processes: [], slacks: [], heartbeats: [] };
    world = { account, exchange, slack: await openSlack(), smtp: await startSmtp(), home: makeHome() };
    world.home.writeConfig(configOf(world));
  });
  afterEach(async () => {
    const { exchange, slack, smtp, home } = world;
    const closing = [exchange.close(), slack[Symbol.asyncDispose](), smtp[Symbol.asyncDispose]()];
    await Promise.all([...closing, ...traces.heartbeats.map(({ close }) => close())]);
    const tokens = traces.slacks.map(({ token }) => ({ name: "Slack's token", value: token }));
    const found = leaks(placesIn(world, traces), [...OWN_CANARIES, ...tokens, ...traces.canaries]);
    home[Symbol.dispose]();
    expect(found).toEqual([]);
  });
  return {
    get now(): World {
      return world;
    },
    env,
    writeConfig: (over: object = {}) => world.home.writeConfig(configOf(world, over)),
    /** A value that nobody may see: the exit check of the test looks for it too. */
    hide: (name: string, value: string) => void traces.canaries.push({ name, value }),
    /** Another Slack in the place of the first. */
    async replaceSlack(): Promise<void> {
      await world.slack[Symbol.asyncDispose]();
      world.slack = await openSlack();
      world.home.writeConfig(configOf(world));
    },
    /** A dead man's switch, to be named in the config. */
    async heartbeat(): Promise<HeartbeatDouble> {
      const heartbeat = await startHeartbeat();
      traces.heartbeats.push(heartbeat);
      traces.canaries.push({ name: "the heartbeat's address", value: heartbeat.path });
      return heartbeat;
    },
    daemon: (more: Readonly<Record<string, string>> = {}, limits?: string): Process => launch(["run"], more, limits),
    run: (...command: readonly string[]) => runIn({}, ...command),
    runIn,
    /** Everything that the programs of this test printed. */
    printed: () => traces.processes.map(({ process }) => process.out() + process.err()).join(""),
    texts: () => world.slack.posts.map(({ text }) => text),
    mailsTo: (address: string) => world.smtp.mails.filter(({ to }) => to.includes(address)),
  };
}

// ---------------------------------------------------------------- secrets

const OWN_CANARIES: readonly Canary[] = [
  { name: "the API key", value: API_KEY },
  { name: "the API secret", value: API_SECRET },
  { name: "a signature", value: "signature=" },
];

/** What is secret in the environment of a program: all of it but what speaks to Node or the logger. */
function canariesOf(name: string, value: string): Canary[] {
  if (/^(LOG|NODE|FAKETIME)_|^(LD_PRELOAD|MISBEHAVE|TZ)$/.test(name)) return [];
  const password = URL.canParse(value) ? decodeURIComponent(new URL(value).password) : "";
  return [value, password].filter((text) => text !== "").map((text) => ({ name: `\${${name}}`, value: text }));
}

/** Everything that anybody could read of what the programs did. Slack's token travels in a header, which its double keeps apart. */
function placesIn({ exchange, smtp, home }: World, { processes, slacks, heartbeats }: Traces): Place[] {
  const isConfig = (name: string) => home.configFile.endsWith(name);
  return [
    ...processes.flatMap(({ command, process }) => [
      { name: `what ${command} printed`, content: process.out() },
      { name: `the log of ${command}`, content: process.err() },
    ]),
    ...filesIn(home.folder, isConfig),
    ...slacks.map(({ requests }) => ({ name: "Slack", content: JSON.stringify(requests.map(({ args }) => args)) })),
    ...smtp.mails.map(({ bytes }) => ({ name: "a mail", content: bytes })),
    ...heartbeats.map(({ pings }) => ({ name: "a heartbeat", content: JSON.stringify(pings) })),
    ...exchange.seen.map(({ path, query, headers }) => ({
      name: "a request to the exchange",
      content: JSON.stringify({ path, query, ...headers, "x-mbx-apikey": undefined }), // where the API key belongs
      allowed: ["signature="],
    })),
  ];
}

/** Deliveries whose receipts are stored, by the daemon's own log. */
export const storedDeliveries = (margind: Process): number => margind.err().split('"msg":"delivered').length - 1;

/** One account with a cross position, one rule with round thresholds, polled every second, told to Slack and two addresses. */
function configOf({ exchange, slack, smtp }: World, over: object = {}): object {
  return {
    stateDir: "./state",
    exchange: { baseUrl: exchange.url, timeout: "2s" },
    accounts: { main: { apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), poll: "* * * * * *", isolated: "none" } },
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
      desk: { type: "slack", token: fromEnv("SLACK_TOKEN"), channel: slack.channel, apiUrl: slack.url },
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
