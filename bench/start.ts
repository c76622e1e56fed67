// What it costs to be there: the way from the start of the process to its first request, then the memory and the processor time of
// two quiet minutes, from the sources (by type stripping) and from the built dist/ that packages and images carry.
import { systemClock } from "../src/lib/clock.ts";
import { atMost, type Figure, type Line } from "./figure.ts";
import { built } from "./support/build.ts";
import { accounts, benchRules, CROSS, ISOLATED, mailTo, makeDesk, slackAt } from "./support/desk.ts";
import { startSlackDouble, startSmtpDouble } from "./support/doubles.ts";
import { type BenchExchange, startBenchExchange } from "./support/exchange.ts";
import type { Program } from "./support/process.ts";
import { median } from "./support/stats.ts";

const STARTS = 11;
const SETTLED_MS = 20_000;
const MEASURED_MS = 100_000;
/** One alert or its end so many polls: both notifiers have worked by then. */
const POLLS_A_MESSAGE = 15;

export const start: Figure = { name: "start", seconds: 150, measure };

type Build = "src" | "dist";
const BUILDS: readonly Build[] = ["src", "dist"];

async function measure(): Promise<readonly Line[]> {
  const mains: Readonly<Record<Build, string>> = { src: "../src/main.ts", dist: built().main };
  return [...(await starts(mains)), ...(await steady(mains))];
}

// ---------------------------------------------------------------- start → first request

async function starts(mains: Readonly<Record<Build, string>>): Promise<readonly Line[]> {
  await using exchange = await startBenchExchange({ isCritical: () => false });
  const measured: Record<Build | "bare", number[]> = { src: [], dist: [], bare: [] };
  for (let n = 0; n < STARTS; n++) {
    for (const name of BUILDS) {
      using desk = makeDesk();
      measured[name].push(await firstRequest(desk.margind(configOf(exchange, name, NOWHERE), mains[name]), exchange));
    }
    using desk = makeDesk();
    const task = { exchangeUrl: exchange.url, keys: ["bare"], paths: [CROSS], everyMs: 1_000 };
    measured.bare.push(await firstRequest(desk.bare(task), exchange));
  }
  return BUILDS.map((name) => ({
    what: `start → first request, ${name}, median of ${STARTS}`,
    unit: "ms",
    margind: median(measured[name]),
    bare: median(measured.bare),
    goal: atMost(median(measured[name]), 350),
  }));
}

async function firstRequest(program: Program, exchange: BenchExchange): Promise<number> {
  await using running = program;
  const { atMs } = await running.during(exchange.nextRequest());
  return atMs - running.startedMs;
}

// ---------------------------------------------------------------- two minutes

async function steady(mains: Readonly<Record<Build, string>>): Promise<readonly Line[]> {
  await using exchange = await startBenchExchange({
    isCritical: (nth) => Math.floor(nth / POLLS_A_MESSAGE) % 2 === 1,
    pairs: 10,
  });
  await using slack = await startSlackDouble(() => undefined);
  await using mail = await startSmtpDouble(() => undefined);
  using desks = new DisposableStack();
  const [srcDesk, distDesk, bareDesk] = [makeDesk(), makeDesk(), makeDesk()].map((desk) => desks.use(desk));
  if (srcDesk === undefined || distDesk === undefined || bareDesk === undefined) throw new Error("no desks");
  const receivers = { slack: slack.url, mail: mail.url };
  await using src = srcDesk.margind(configOf(exchange, "src", receivers), mains.src);
  await using dist = distDesk.margind(configOf(exchange, "dist", receivers), mains.dist);
  const task = { exchangeUrl: exchange.url, keys: ["bare"], paths: [CROSS, ISOLATED], everyMs: 500, tell: slack.url };
  await using bare = bareDesk.bare(task);
  const all = (work: Promise<void>) => src.during(dist.during(bare.during(work)));

  const programs = { src, dist, bare };
  await all(systemClock.sleep(SETTLED_MS));
  const begun = { src: look(src), dist: look(dist), bare: look(bare) };
  const seen = exchange.requests.length;
  await all(systemClock.sleep(MEASURED_MS));
  const costOf = (name: Build | "bare"): Cost => {
    const requests = exchange.requests.slice(seen).filter(({ apiKey }) => apiKey === name).length;
    const now = look(programs[name]);
    return { rssMb: now.rssMb, cpuMs: (now.cpuMs - begun[name].cpuMs) / requests };
  };
  return steadyLines({ src: costOf("src"), dist: costOf("dist"), bare: costOf("bare") });
}

interface Cost {
  readonly rssMb: number;
  readonly cpuMs: number;
}

const look = (program: Program): Cost => ({ rssMb: program.rssMb(), cpuMs: program.cpuMs() });

function steadyLines(costs: Readonly<Record<Build | "bare", Cost>>): readonly Line[] {
  const { bare } = costs;
  const memory = BUILDS.map(
    (name): Line => ({
      what: `memory (RSS) after two minutes, ${name}`,
      unit: "MB",
      margind: costs[name].rssMb,
      bare: bare.rssMb,
      goal: atMost(costs[name].rssMb, 100),
    }),
  );
  const processor = BUILDS.map(
    (name): Line => ({
      what: `processor time a request, ${name}, two requests a second`,
      unit: "ms",
      margind: costs[name].cpuMs,
      bare: bare.cpuMs,
      goal: atMost(costs[name].cpuMs, 3 * bare.cpuMs, "≤ 3 × bare"),
    }),
  );
  return [...memory, ...processor];
}

// ---------------------------------------------------------------- margind's config

/** Both kinds of notifier, as most people will have; nothing listens there, and nothing has to be told. */
const NOWHERE = { slack: "http://127.0.0.1:9/api/", mail: "smtp://127.0.0.1:9" };

function configOf(exchange: BenchExchange, name: string, { slack, mail }: typeof NOWHERE): object {
  return {
    exchange: { baseUrl: exchange.url },
    accounts: accounts([name], { isolated: "all" }),
    rules: benchRules,
    notifiers: { desk: slackAt(slack), mail: mailTo(mail) },
  };
}
