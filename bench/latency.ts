// How long an alert takes on this machine: from the end of the exchange's answer to the last byte of the message at Slack or at the
// mail server, with the durable commit in between. The daemon is the real program in a process of its own; 500 ms of spacing allow
// two polls a second, so it watches nine accounts, and the exchange answers them one after the other, each with a level that has just
// crossed the threshold: nine alerts a second. The bare poller does the same in the gaps between, so both meet the same machine.
import { systemClock } from "../src/lib/clock.ts";
import { atMost, type Figure, type Line } from "./figure.ts";
import { accounts, benchRules, CROSS, type Desk, mailTo, makeDesk, slackAt } from "./support/desk.ts";
import { type Double, type OnMessage, startSlackDouble, startSmtpDouble } from "./support/doubles.ts";
import { type BenchExchange, startBenchExchange } from "./support/exchange.ts";
import type { Program } from "./support/process.ts";
import { median, quantile } from "./support/stats.ts";

const ACCOUNTS = 9;
/** One answer; all of both programs fit into a second, so no poll waits for a later one. */
const SLOT_MS = 50;
const WARM_UP_MS = 10_000;
const MEASURED_MS = 60_000;
const FRESH_STARTS = 11;
const FIRST_LIFE_MS = 4_000;

const names = (prefix: string) => Array.from({ length: ACCOUNTS }, (_, index) => `acct-${prefix}${index}`);
const [MARGIND, BARE] = [names("m"), names("b")];

interface Medium {
  readonly name: string;
  start(onMessage: OnMessage): Promise<Double>;
  notifier(url: string): object;
}

const MEDIA: readonly Medium[] = [
  { name: "Slack", start: startSlackDouble, notifier: slackAt },
  { name: "SMTP", start: startSmtpDouble, notifier: mailTo },
];

export const latency: Figure = { name: "latency", seconds: 200, measure };

async function measure(): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const medium of MEDIA) lines.push(...(await running(medium)), ...(await fresh(medium)));
  return lines;
}

// ---------------------------------------------------------------- a daemon that runs

async function running(medium: Medium): Promise<readonly Line[]> {
  const gate = createGate();
  await using exchange = await startBenchExchange({ isCritical: (nth) => nth % 2 === 0, gate: gate.pass });
  const samples = createSamples(exchange);
  await using receiver = await medium.start(samples.onMessage);
  using desk = makeDesk();
  {
    await using margind = startMargind(desk, MARGIND, exchange, medium, receiver);
    await using bare = startBare(desk, BARE, exchange, receiver);
    gate.open();
    const both = (work: Promise<void>) => margind.during(bare.during(work));
    await both(systemClock.sleep(WARM_UP_MS));
    samples.forget();
    await both(systemClock.sleep(MEASURED_MS));
    gate.close();
  }
  const [ours, theirs] = [samples.of("acct-m"), samples.of("acct-b")];
  const [oursMs, theirsMs] = [median(ours), median(theirs)];
  const [ours99Ms, theirs99Ms] = [quantile(ours, 0.99), quantile(theirs, 0.99)];
  return [
    {
      what: `answer → ${medium.name}, median of ${ours.length}`,
      unit: "ms",
      margind: oursMs,
      bare: theirsMs,
      goal: atMost(oursMs, 2.5 * theirsMs, "≤ 2.5 × bare"),
    },
    {
      what: `answer → ${medium.name}, 99 of 100 within`,
      unit: "ms",
      margind: ours99Ms,
      bare: theirs99Ms,
      goal: { ...atMost(ours99Ms, 10), isMetByBare: theirs99Ms <= 10 },
    },
  ];
}

/** Lets one answer through every slot, in turn, those of the two programs alternating. */
function createGate() {
  const turns = MARGIND.flatMap((name, index) => [name, BARE[index] ?? name]);
  const waiting = new Map<string, () => void>();
  let slot = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    pass: (apiKey: string) => new Promise<void>((resolve) => void waiting.set(apiKey, resolve)),
    open() {
      timer = setInterval(() => {
        const apiKey = turns[slot % turns.length] ?? "";
        slot += 1;
        waiting.get(apiKey)?.();
        waiting.delete(apiKey);
      }, SLOT_MS);
    },
    close: () => clearInterval(timer),
  };
}

function createSamples(exchange: BenchExchange) {
  const samples = new Map<string, number[]>();
  return {
    onMessage(text: string, atMs: number): void {
      const account = /acct-[mb]\d/.exec(text)?.[0];
      const answeredMs = account === undefined ? undefined : exchange.answeredMs(account);
      if (account === undefined || answeredMs === undefined) throw new Error("a message about no account");
      samples.set(account, [...(samples.get(account) ?? []), atMs - answeredMs]);
    },
    forget: () => samples.clear(),
    of: (prefix: string) => [...samples].flatMap(([account, values]) => (account.startsWith(prefix) ? values : [])),
  };
}

// ---------------------------------------------------------------- the first alert of a fresh process

/** A process that has just been started, with the state of an earlier one; its very first answer makes an alert. */
async function fresh(medium: Medium): Promise<readonly Line[]> {
  const ours: Fresh[] = [];
  const theirs: Fresh[] = [];
  let told = Promise.withResolvers<number>();
  await using exchange = await startBenchExchange({ isCritical: (nth) => nth % 2 === 0 });
  await using receiver = await medium.start((_, atMs) => told.resolve(atMs));
  using desk = makeDesk();
  const first = async (program: Program, apiKey: string): Promise<Fresh> => {
    await using running = program;
    const atMs = await running.during(told.promise);
    told = Promise.withResolvers();
    const answeredMs = exchange.answeredMs(apiKey) ?? Number.NaN;
    return { fromAnswerMs: atMs - answeredMs, fromStartMs: atMs - running.startedMs };
  };
  // The first life of each sees a calm account, and margind learns its bars; from then on every life sees the other level.
  const margind = () => startMargind(desk, ["acct-m0"], exchange, medium, receiver, ONCE);
  const bare = () => startBare(desk, ["acct-b0"], exchange, receiver, DAY_MS);
  await firstLife(margind());
  await firstLife(bare());
  for (let n = 0; n < FRESH_STARTS; n++) {
    ours.push(await first(margind(), "acct-m0"));
    theirs.push(await first(bare(), "acct-b0"));
  }
  const line = (what: string, of: (each: Fresh) => number): Line => ({
    what: `first alert of a fresh process: ${what} → ${medium.name}`,
    unit: "ms",
    margind: median(ours.map(of)),
    bare: median(theirs.map(of)),
  });
  return [line("answer", ({ fromAnswerMs }) => fromAnswerMs), line("start", ({ fromStartMs }) => fromStartMs)];
}

interface Fresh {
  readonly fromAnswerMs: number;
  readonly fromStartMs: number;
}

const DAY_MS = 86_400_000;
/** Polls at its start, and then not before midnight. */
const ONCE = { poll: "0 0 0 * * *" };

/** Long enough for the poll, and for what margind reads once an hour behind it: the bars and the exchange's clock. */
async function firstLife(program: Program): Promise<void> {
  await using running = program;
  await running.during(systemClock.sleep(FIRST_LIFE_MS));
}

// ---------------------------------------------------------------- the two programs

function startMargind(
  desk: Desk,
  keys: readonly string[],
  exchange: BenchExchange,
  medium: Medium,
  receiver: Double,
  over: object = {},
): Program {
  const config = {
    exchange: { baseUrl: exchange.url },
    accounts: accounts(keys, over),
    rules: benchRules,
    watchdog: { staleAfter: "2d" },
    notifiers: { desk: medium.notifier(receiver.url) },
  };
  return desk.margind(config);
}

function startBare(
  desk: Desk,
  keys: readonly string[],
  exchange: BenchExchange,
  receiver: Double,
  everyMs = 1_000,
): Program {
  return desk.bare({ exchangeUrl: exchange.url, keys, paths: [CROSS], everyMs, tell: receiver.url });
}
