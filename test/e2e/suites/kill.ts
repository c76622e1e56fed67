// Killed at every write: the installed daemon is ended at each change of its files while it tells of an incident (of the writes of one
// commit only where it makes a difference, unless it is to be thorough), and started again; and its disk fails at that place, once or for good. After each the promise of delivery is checked, at the channels
// and in the database. Every point is a world of its own, several at a time: they mostly wait.
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Check, describe, expect, Failed, indent, until } from "../harness.ts";
import { type IncidentWorld, openIncidentWorld } from "../incident-world.ts";
import type { Exit, Program } from "../programs.ts";
import { breaches, duplicatesIn, lostRows, stateBreaches, uncommitted } from "../promise.ts";
import { isAtRest, readState } from "../state.ts";
import {
  callsIn,
  edgesOfCommits,
  type Failure,
  failingAt,
  holdingAt,
  isHeldAt,
  isInjectedIn,
  killHeld,
  lastFileIn,
  onlyLooking,
  type Point,
  type Tracer,
  WRITE,
  whyNotTraced,
  writesOfCommits,
} from "../strace.ts";

const AT_A_TIME = 12;
/** A run takes two seconds; several at a time on a busy machine take longer. */
const RUN_MAX_MS = 40_000;
/** Enough to see what they have in common; each may take RUN_MAX_MS. */
const FAILURES_MAX = 4;
/** A program that SIGTERM ends has put its affairs in order. */
const GOOD = 0;

const KILLED = "killed in every commit of fire → Slack → e-mail → resolve and started again";

export async function kill(check: Check, bench: Bench): Promise<void> {
  const why = await whyNotTraced();
  if (why !== undefined && process.env["CI"] !== "true") return check.skip(KILLED, why);
  const open = worldsIn(join(bench.folder, "kill"), bench.main);
  let calls: ReadonlyMap<string, number> = new Map();
  let commits: readonly number[] = [];
  let edges: readonly number[] = [];

  await check("left alone, fire → Slack → e-mail → resolve is told once on each channel", async () => {
    expect(why === undefined, `${why}`);
    await undisturbed(open); // leaves the compiled code behind, as every later start finds it
    const log = await undisturbed(open, onlyLooking);
    calls = callsIn(log);
    commits = writesOfCommits(log);
    edges = edgesOfCommits(log);
    expect(commits.length > 1 && calls.has("fsync"), `strace saw only ${namesOf(calls)}`);
    return namesOf(calls);
  });

  await check(`${KILLED}: nothing lost, nothing out of order, nothing false`, async () => {
    const killed: Killed[] = [];
    const kill = async (point: Point) => {
      const one = await killedAt(open, point);
      if (one !== undefined) killed.push(one);
      return one;
    };
    const points = [...calls].flatMap(([call, count]) => {
      if (call !== WRITE || bench.isThorough) return everyOf([call, count]);
      return edges.map((nth) => ({ call, nth }));
    });
    await forEach(points, kill);
    await forEach([...calls.keys()], (call) => beyond({ call, nth: (calls.get(call) ?? 0) + 1 }, kill));
    expect(killed.length > 0, "nothing was killed");
    const duplicates = killed.reduce((sum, one) => sum + one.duplicates, 0);
    return `${killed.length} points (${namesOf(countsOf(killed))}), ${duplicates} duplicates, at most one of a message`;
  });

  const trouble = (name: string, failures: readonly Failure[]) =>
    check(name, async () => {
      let hits = 0;
      await forEach(failures, async (failure) => {
        if (await troubledAt(open, failure)) hits += 1;
      });
      expect(hits > failures.length / 2, `the failure came at ${hits} of ${failures.length} points only`);
      return `${hits} points`;
    });
  const full = commits.map((nth) => ({ call: WRITE, nth, error: "ENOSPC", isLasting: true }) as const);
  const sync = everyOf(["fsync", calls.get("fsync") ?? 0]).map(
    (point) => ({ ...point, error: "EIO", isLasting: false }) as const,
  );
  // A full disk and a broken one in turn: every commit meets one of them, in half the time.
  const once = commits.map((nth, index) => {
    const error = index % 2 === 0 ? "ENOSPC" : "EIO";
    return { call: WRITE, nth, error, isLasting: false } as const;
  });
  await trouble("a write that fails once, on a full or a broken disk, stops no alert, in whichever commit", once);
  await trouble("a disk that stays full stops no alert, from whichever commit on", full);
  await trouble("an fsync that fails once stops no alert, whichever it is", sync);
}

type Open = (name: string) => Promise<IncidentWorld>;

function worldsIn(folder: string, main: string): Open {
  let count = 0;
  return (name) => {
    count += 1;
    return openIncidentWorld(main, join(folder, `${count}-${name}`));
  };
}

// ---------------------------------------------------------------- the runs

/** Yields the file in which the tracer wrote what it saw. */
async function undisturbed(open: Open, tracer?: Tracer): Promise<string> {
  await using world = await open("undisturbed");
  await using daemon = world.start(tracer);
  const exit = await endOf(daemon, world, isDone);
  expectKept(daemon, exit, breaches(world, readState(world.stateDir), { copiesMax: 1 }));
  return world.traceLog;
}

interface Killed {
  readonly call: string;
  readonly duplicates: number;
}

/** Undefined when it came to its end before that point. */
async function killedAt(open: Open, point: Point): Promise<Killed | undefined> {
  await using world = await open(nameOf(point));
  await using first = world.start(holdingAt(point));
  const isHeld = () => isHeldAt(world.traceLog, point);
  const exit = await at(nameOf(point), () => endOf(first, world, isDone, isHeld));
  const isKilled = exit.signal === "SIGKILL";
  const where = `${isKilled ? "killed at" : "outlived"} ${nameOf(point)} (${lastFileIn(world.traceLog)})`;
  if (!isKilled) await at(where, async () => expectKept(first, exit, []));
  const atKill = readState(copyOf(world));
  const toldBefore = world.copies();

  await at(where, async () => {
    await using second = world.start();
    const end = await endOf(second, world, isDone);
    const atEnd = readState(world.stateDir);
    expectKept(second, end, [
      ...stateBreaches(atKill, toldBefore).map((breach) => `right after the kill: ${breach}`),
      ...uncommitted(atKill, toldBefore),
      ...lostRows(atKill, atEnd, world.copies()),
      ...breaches(world, atEnd, { copiesMax: isKilled ? 2 : 1 }),
    ]);
  });
  return isKilled ? { call: point.call, duplicates: duplicatesIn(world.copies()) } : undefined;
}

/** Goes on until a run comes to its end: the number of calls differs a little from run to run. */
async function beyond(point: Point, kill: (point: Point) => Promise<Killed | undefined>): Promise<void> {
  for (let next = point; (await kill(next)) !== undefined; next = { ...next, nth: next.nth + 1 });
}

/**
 * The disk fails the daemon, which must start and tell all the same; then the disk works again, and so must the daemon. False when it
 * came to its end before that point.
 */
async function troubledAt(open: Open, failure: Failure): Promise<boolean> {
  const { error, isLasting } = failure;
  const where = `${error} at ${nameOf(failure)}${isLasting ? " and later" : ""}`;
  await using world = await open(where);
  await at(where, async () => {
    await using first = world.start(failingAt(failure));
    const end = await endOf(first, world, isTold);
    expectKept(first, end, []);
  });
  await at(`after ${where}`, async () => {
    await using second = world.start();
    const end = await endOf(second, world, isDone);
    const expectations = { copiesMax: 2, didDiskFail: true, mayStartOver: isLasting };
    expectKept(second, end, breaches(world, readState(world.stateDir), expectations));
  });
  return isInjectedIn(world.traceLog);
}

/** It ended as it should, and nothing that was promised is broken. */
function expectKept(daemon: Program, { code, signal }: Exit, broken: readonly string[]): void {
  const found = [...(code === GOOD ? [] : [`it ended with ${signal ?? code}`]), ...broken];
  expect(found.length === 0, `${found.join("; ")}${indent(daemon.said())}`);
}

const isTold = (world: IncidentWorld): boolean => world.isHeard("resolved");

/** Every channel has heard the end, the daemon has seen the account since its start, and nothing fires or waits any more. */
const isDone = (world: IncidentWorld): boolean => isTold(world) && world.answers() > 0 && isAtRest(world.stateDir);

/** Waits until the program is done and ends it; or kills it where it is held; or until it ends by itself. */
async function endOf(
  program: Program,
  world: IncidentWorld,
  isOver: (world: IncidentWorld) => boolean,
  isHeld: () => boolean = () => false,
): Promise<Exit> {
  const heard = () => world.copies().map(({ channel, title }) => `${channel} heard ${title}`);
  const seen = () => [...heard(), program.said()].join("\n");
  const end = async () => {
    if (program.hasExited()) return program.exited;
    return isHeld() ? killHeld(program) : undefined;
  };
  const early = await until(
    "it is told, and over",
    RUN_MAX_MS,
    async () => (await end()) ?? (isOver(world) || undefined),
    seen,
  );
  if (early !== true) return early;
  void program.end("SIGTERM");
  return until("SIGTERM ends it", RUN_MAX_MS, end, seen);
}

/** Says where, whatever fails. */
async function at<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Failed(`${where}: ${describe(error)}`);
  }
}

/** What the kill left, before anything mends it. */
function copyOf({ folder, stateDir }: IncidentWorld): string {
  const copy = join(folder, "after-the-kill");
  if (existsSync(stateDir)) cpSync(stateDir, copy, { recursive: true });
  else mkdirSync(copy);
  return copy;
}

// ---------------------------------------------------------------- points

const nameOf = ({ call, nth }: Point): string => `${call} ${nth}`;

const everyOf = ([call, count]: readonly [string, number]): Point[] =>
  Array.from({ length: count }, (_, index) => ({ call, nth: index + 1 }));

const countsOf = (killed: readonly Killed[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(killed, ({ call }) => call)].map(([call, all]) => [call, all.length]));

const namesOf = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([call, count]) => `${count} ${call}`).join(", ");

/** Several at a time; tells the first failures together. */
async function forEach<Item>(items: readonly Item[], body: (item: Item) => Promise<unknown>): Promise<void> {
  const waiting = items.values();
  const failures: string[] = [];
  const lane = async () => {
    for (const item of waiting) {
      if (failures.length >= FAILURES_MAX) return;
      await body(item).catch((error: unknown) => failures.push(describe(error)));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  if (failures.length > 0) throw new Failed(tellAll(failures));
}

/** What failed where, and all that is known of the first. */
function tellAll(failures: readonly string[]): string {
  const heads = failures.map((failure) => failure.split("\n", 1)[0]);
  const [first = ""] = failures;
  return `${failures.length} points failed:${indent(heads.join("\n"))}${indent(first)}`;
}
