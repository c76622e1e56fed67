// Everything that the whole-program tests stand on: a scripted exchange, a Slack double, an SMTP server, and a folder with a
// config that names them. Made anew for each test.
import { afterEach, beforeEach } from "vitest";
import { type Account, startAccount } from "./crash.ts";
import { API_KEY, API_SECRET, type FakeExchange } from "./exchange.ts";
import { type Home, makeHome, type Process, run, start } from "./margind.ts";
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

export function useWorld() {
  let world: World;
  beforeEach(async () => {
    const { account, exchange } = await startAccount();
    world = { account, exchange, slack: await startSlack(), smtp: await startSmtp(), home: makeHome() };
    world.home.writeConfig(configOf(world));
  });
  afterEach(async () => {
    const { exchange, slack, smtp, home } = world;
    await Promise.all([exchange.close(), slack[Symbol.asyncDispose](), smtp[Symbol.asyncDispose]()]);
    home[Symbol.dispose]();
  });
  const env = () => ({ API_SECRET, SLACK_TOKEN: world.slack.token });
  return {
    get now(): World {
      return world;
    },
    env,
    writeConfig: (over: object = {}) => world.home.writeConfig(configOf(world, over)),
    /** Another Slack in the place of the first. */
    async replaceSlack(): Promise<void> {
      await world.slack[Symbol.asyncDispose]();
      world.slack = await startSlack();
      world.home.writeConfig(configOf(world));
    },
    daemon: (more: Readonly<Record<string, string>> = {}): Process => start(world.home, ["run"], { ...env(), ...more }),
    run: (...command: readonly string[]) => run(world.home, command, env()),
    runIn: (more: Readonly<Record<string, string>>, ...command: readonly string[]) =>
      run(world.home, command, { ...env(), ...more }),
    texts: () => world.slack.posts.map(({ text }) => text),
    mailsTo: (address: string) => world.smtp.mails.filter(({ to }) => to.includes(address)),
  };
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
