// One seed, one run: the scenario is drawn, the machine is switched on, time passes, and the invariants look on. The same seed gives
// the same history, to the last byte.
import type { Log } from "../../src/lib/log.ts";
import { drawBooks } from "./books.ts";
import { createChannels } from "./channels.ts";
import { createDisk } from "./disk.ts";
import { createFakeExchange } from "./exchange.ts";
import { createHistory, type Deed, type Happening } from "./history.ts";
import { createInvariants, type Invariants, LOOK_EVERY_MS } from "./invariants/index.ts";
import { NO_PLANT, type Plant } from "./plants.ts";
import { createMachine, type Machine } from "./program.ts";
import { createPush } from "./push.ts";
import { createRandom } from "./random.ts";
import { type Death, drawScenario, type Options, type Scenario } from "./scenario.ts";
import { createTime, Died, type Life } from "./time.ts";
import { drawTruth } from "./truth.ts";

export interface Violation {
  readonly invariant: string;
  readonly text: string;
}

export interface Run {
  readonly scenario: Scenario;
  readonly happenings: readonly Happening[];
  readonly count: number;
  /** What was found first; the run ends there. */
  readonly violation: Violation | undefined;
}

export interface SimulateOptions extends Options {
  readonly plant?: Plant;
  /** The whole history, not only its end. */
  readonly isKept?: boolean;
  /** It also holds the log. */
  readonly isVerbose?: boolean;
}

export async function simulate(
  seed: number,
  { plant = NO_PLANT, isKept = false, isVerbose = false, ...options }: SimulateOptions,
): Promise<Run> {
  const scenario = drawScenario(seed, options);
  let violation: Violation | undefined;
  const violate = (invariant: string, text: string) => {
    violation ??= { invariant, text };
  };
  const time = createTime(() =>
    violate("X1b", "the program does thousands of things at one moment: a loop that never waits"),
  );
  let invariants: Invariants | undefined;
  const history = createHistory(isKept, (happening) => invariants?.see(happening));
  const record = (life: Life, deed: Deed) =>
    history.record({ atMs: time.nowMs(), monoMs: time.monoMs(), process: life.id, watch: life.watch, ...deed });
  let machine: Machine | undefined;
  const mayDie = (life: Life, where: Death) => machine?.mayDie(life, where);

  const subjects = scenario.configs[0].accounts.flatMap(({ name }) =>
    ["cross", "BTCUSDT", "ETHUSDT", "SOLUSDT"].map((subject) => `${name} ${subject}`),
  );
  const { isRestless, calmMs, endMs } = scenario;
  const truth = drawTruth(subjects, isRestless, calmMs, endMs, (subject) => createRandom(seed, "truth", subject));
  const accounts = scenario.beside === undefined ? [] : scenario.configs[0].accounts.map(({ name }) => name);
  const randomFor = (what: string) => createRandom(seed, "books", what);
  const books = drawBooks({ accounts, calmMs, endMs, randomFor });
  const { disk: plan, priced } = scenario;
  const onDisk = { plan, tight: priced?.tight ?? [], calmMs, random: createRandom(seed, "disk") };
  const disk = createDisk({ ...onDisk, time, record, mayDie });
  plant.disk?.(disk);
  const config = () => machine?.config() ?? scenario.configs[0];
  const exchange = createFakeExchange({
    scenario,
    random: createRandom(seed, "exchange"),
    time,
    truth,
    books,
    config,
    record,
    mayDie,
  });
  const channels = createChannels({
    plans: scenario.channels,
    calmMs,
    time,
    randomFor: (name) => createRandom(seed, "channel", name),
    record,
    mayDie,
  });
  const push = createPush({ scenario, random: createRandom(seed, "push"), time, truth, record });
  invariants = createInvariants({ scenario, truth, books, time, disk, violate }, exchange.signatures);
  const line = (level: string) => (fields: object, text: string) => {
    const shown = Object.values(fields).map((value) =>
      value instanceof Error ? `${value.stack}` : JSON.stringify(value),
    );
    invariants?.line([text, ...shown].join(" "));
    if (text.includes("please report this"))
      violate("H10", `the program says that it made a mistake: ${text} ${shown.join(" ")}`);
    const life = machine?.life();
    if (isVerbose && life !== undefined) record(life, { kind: "log", level, text });
  };
  const log: Log = {
    trace: line("trace"),
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  const look = () => {
    invariants?.look();
    time.at(time.nowMs() + LOOK_EVERY_MS, look);
  };
  time.at(time.nowMs() + LOOK_EVERY_MS, look);
  machine = createMachine({
    scenario,
    plant,
    time,
    disk,
    exchange,
    channels,
    push,
    random: createRandom(seed, "program"),
    record,
    violate,
    log,
  });
  const onRejection = (reason: unknown) => {
    if (!(reason instanceof Died)) violate("H10", `a promise was rejected and nobody cared: ${String(reason)}`);
  };
  process.on("unhandledRejection", onRejection);
  const { stackTraceLimit } = Error;
  if (!isVerbose) Error.stackTraceLimit = 0; // thousands of errors are made whose places nobody looks at
  machine.begin();
  await time.run(endMs, () => violation !== undefined);
  process.off("unhandledRejection", onRejection);
  Error.stackTraceLimit = stackTraceLimit;
  if (violation === undefined) invariants.end();
  return { scenario, happenings: history.happenings, count: history.count, violation };
}
