// The whole program in the simulated machine: what src/app.ts opens and in which order, over the ports of the simulator, and the
// supervisor that starts it again. A process that dies leaves nothing behind but the disk and what is already on the wire.

import type { Readers } from "../../src/beside.ts";
import { type Binance, createBinance } from "../../src/binance/client.ts";
import { type Notifier, StoreError } from "../../src/core/ports.ts";
import type { Store } from "../../src/core/store.ts";
import { type Running, startRunning } from "../../src/daemon.ts";
import type { Pulse } from "../../src/heartbeat.ts";
import type { Log } from "../../src/lib/log.ts";
import { Secret } from "../../src/lib/secret.ts";
import { beginLife, configVerdict, endLife, troubleNotice } from "../../src/life.ts";
import type { StartSchedule } from "../../src/schedule.ts";
import { banOf, barsOf } from "../../src/store/facts.ts";
import { NO_STREAM } from "../support/no-stream.ts";
import type { Channels } from "./channels.ts";
import type { Disk } from "./disk.ts";
import { type FakeExchange, KEYS } from "./exchange.ts";
import type { Deed } from "./history.ts";
import type { Plant } from "./plants.ts";
import type { OpenPush } from "./push.ts";
import type { Random } from "./random.ts";
import type { Config, Death, Mishap, Scenario } from "./scenario.ts";
import { Died, type Life, SECOND, type Time } from "./time.ts";

export interface MachineParts {
  readonly scenario: Scenario;
  readonly plant: Plant;
  readonly time: Time;
  readonly disk: Disk;
  readonly exchange: FakeExchange;
  readonly channels: Channels;
  readonly push: OpenPush;
  readonly random: Random;
  record(life: Life, deed: Deed): void;
  /** Something that must never happen. */
  violate(invariant: string, text: string): void;
  readonly log: Log;
}

export interface Machine {
  /** Switches it on; the mishaps follow by themselves. */
  begin(): void;
  /** Dies here if that was planned. */
  mayDie(life: Life, where: Death): void;
  config(): Config;
  /** The process that runs now, if any. */
  life(): Life | undefined;
}

/** Like systemd's RestartSec, after an end that nobody planned. */
const RESTART_MS = 5 * SECOND;
const LAST_WORDS_MS = 10 * SECOND;
const STOP_WITHIN_MS = 4500;
/** What app.ts adds to the spacing after a process that may have sent a request. */
const SPACING_GUARD_MS = 10;
const HEARTBEAT_DOWN = 0.05;

interface Watch {
  readonly running: Running;
  readonly binance: Binance;
  readonly notifiers: readonly Notifier[];
}

/** What a watch inherits from what ran before it. */
interface Before {
  readonly notBeforeMonoMs: number;
  readonly isAfterCrash: boolean;
  readonly mayGiveUp: boolean;
}

interface Process {
  readonly life: Life;
  readonly store: Store;
  watch: Watch | undefined;
  isStopping: boolean;
}

export function createMachine(parts: MachineParts): Machine {
  const { scenario, plant, time, disk, exchange, channels, push, random, record, violate, log } = parts;
  let config = scenario.configs[0];
  let current: Process | undefined;
  let armed: { readonly where: Death; readonly downMs: number } | undefined;
  let armedReload: Config | undefined;
  let processes = 0;
  let watches = 0;

  // ---------------------------------------------------------------- ends and beginnings

  function die({ life }: Process, how: string, downMs: number): void {
    if (!life.isAlive) return;
    life.isAlive = false;
    current = undefined;
    armedReload = undefined;
    record(life, { kind: "died", how });
    const lost = disk.crash();
    if (lost > 0) record(life, { kind: "disk", lost });
    time.at(time.nowMs() + downMs, start);
  }

  function start(): void {
    if (current !== undefined) return;
    processes += 1;
    const life: Life = { id: processes, beganMonoMs: time.monoMs(), isAlive: true, watch: 0, sleeping: 0 };
    const opened = disk.open(life);
    const process: Process = { life, store: plant.store?.(opened) ?? opened, watch: undefined, isStopping: false };
    current = process;
    // A machine that is asleep starts nothing.
    time.reach(life, time.nowMs(), () => void boot(process).catch((error: unknown) => fail(process, error)));
  }

  function fail(process: Process, error: unknown): void {
    if (error instanceof Died || !process.life.isAlive) return;
    if (!(error instanceof StoreError)) violate("H10", `the program failed in an unforeseen way: ${textOf(error)}`);
    die(process, `failed: ${textOf(error)}`, RESTART_MS);
  }

  async function boot(process: Process): Promise<void> {
    const { life, store } = process;
    record(life, { kind: "began" });
    const clock = clockOf(life);
    const before = beginLife(store, clock.wallMs(), scenario.staleAfterMs);
    await clock.sleep(before.delayMs);
    if (!life.isAlive || process.isStopping) return;
    const notBeforeMonoMs = before.isRestart ? life.beganMonoMs + quietMs() : 0;
    const { running } = openWatch(process, { notBeforeMonoMs, isAfterCrash: before.isAfterCrash, mayGiveUp: true });
    for (const trouble of before.troubles) running.tell(troubleNotice(trouble, clock.wallMs(), running.book));
    before.told();
    running.tell(configVerdict(running, [], clock.wallMs()));
  }

  const quietMs = () => scenario.minSpacingMs + SPACING_GUARD_MS;
  const clockOf = (life: Life) => {
    const clock = time.clockOf(life);
    return plant.clock?.(clock) ?? clock;
  };

  // ---------------------------------------------------------------- one watch

  function openWatch(process: Process, { notBeforeMonoMs, ...before }: Before): Watch {
    const { life, store } = process;
    watches += 1;
    life.watch = watches;
    const clock = clockOf(life);
    const made = channels.open(life, config);
    const notifiers = plant.notifiers?.(made, clock) ?? made;
    const http = exchange.httpFor(life);
    const drawn = { next: random.next };
    const binance = createBinance({
      stream: NO_STREAM,
      baseUrl: "https://api.binance.com",
      minSpacingMs: scenario.minSpacingMs,
      timeoutMs: scenario.timeoutMs,
      recvWindowMs: 5000,
      weightBudgetPct: 50,
      clock,
      random: drawn.next,
      bans: banOf(store),
      priceBans: banOf(store, "ban.prices"),
      barsStore: barsOf(store),
      notBeforeMonoMs: plant.isHasty === true ? 0 : notBeforeMonoMs,
      http,
      log,
    });
    const readers = new Map<string, Readers>();
    const priced = plant.priced?.();
    record(life, { kind: "watching", config, leftovers: store.pending(0) });
    const running = startRunning(
      { ...config, staleAfterMs: scenario.staleAfterMs, locale: { timezone: "UTC", language: "en" } },
      {
        store,
        instance: "simulated",
        notifiers,
        exchange(account, indebted) {
          const keys = KEYS[account.name];
          if (keys === undefined) throw new Error(`no key for ${account.name}`);
          const { key, secret } = keys;
          const credential = { kind: "hmac", secret: new Secret(secret) } as const;
          const opened = binance.exchange({ ...account, indebted, apiKey: new Secret(key), credential });
          const { history, market, interest } = opened;
          const beside = { history, market, interest, push: push(life, account.name) };
          const planted = plant.beside?.({ exchange: opened, readers: beside });
          readers.set(account.name, planted?.readers ?? beside);
          priced?.beside?.(beside);
          return planted?.exchange ?? plant.exchange?.(opened) ?? priced?.exchange?.(opened) ?? opened;
        },
        readers: ({ name }) => readers.get(name),
        prices: priced?.prices(binance.prices) ?? binance.prices,
        schedule: plant.schedule?.(scheduleOf(life), clock) ?? priced?.schedule?.(scheduleOf(life)) ?? scheduleOf(life),
        pulse: pulseOf(life),
        tickMs: scenario.tickMs,
        ...before,
        clock,
        random: drawn.next,
        log,
        fatal: (error) => fail(process, error),
      },
    );
    const watch = { running, binance, notifiers };
    process.watch = watch;
    void running.refused.then(({ reason }) => giveUp(process, reason));
    return watch;
  }

  async function closeWatch({ life, watch }: Process): Promise<void> {
    await watch?.running.stop();
    await watch?.binance.close();
    for (const notifier of watch?.notifiers ?? []) await notifier.close();
    if (life.isAlive) record(life, { kind: "left" });
  }

  /** Runs at once, then in equal steps, and when the clock was set: as src/schedule.ts does on the wall clock. */
  function scheduleOf(life: Life): StartSchedule {
    const clock = clockOf(life);
    return ({ run, expression }) => {
      const everyMs = Number(expression);
      const stopping = new AbortController();
      const running = new Set<Promise<void>>();
      const once = () => {
        const one = run().catch((error: unknown) => {
          if (life.isAlive && !(error instanceof Died))
            violate("H10", `a poll failed in an unforeseen way: ${textOf(error)}`);
        });
        running.add(one);
        void one.finally(() => running.delete(one));
      };
      const loop = async () => {
        while (!stopping.signal.aborted) {
          once();
          await clock.sleep(everyMs, stopping.signal).catch(() => undefined);
        }
      };
      void loop();
      time.onStep(life, once, stopping.signal);
      return {
        async stop() {
          stopping.abort();
          await Promise.all(running);
        },
      };
    };
  }

  function pulseOf(life: Life): Pulse {
    const pulse: Pulse = {
      everyMs: scenario.beatMs,
      async ping(problem) {
        time.spin(life);
        if (!life.isAlive) return new Promise(() => undefined);
        record(life, { kind: "ping", problem });
        const takesMs = random.chance(HEARTBEAT_DOWN) ? LAST_WORDS_MS : 100;
        // Nobody waits for it at a stop.
        await new Promise<void>((resolve) => time.reach(life, time.nowMs() + takesMs, resolve));
      },
    };
    return plant.pulse?.(pulse) ?? pulse;
  }

  // ---------------------------------------------------------------- what an operator and a supervisor do

  /** As `margind run` does when every key or every channel is refused. */
  async function giveUp(process: Process, reason: string): Promise<void> {
    if (!process.life.isAlive || process.isStopping) return;
    record(process.life, { kind: "log", level: "error", text: reason });
    const clock = time.clockOf(process.life);
    const patience = new AbortController();
    const drained = process.watch?.running.deliveries.drained(patience.signal).catch(() => undefined);
    await Promise.race([drained, clock.sleep(LAST_WORDS_MS, patience.signal).catch(() => undefined)]);
    patience.abort();
    await stop(process, RESTART_MS);
  }

  async function stop(process: Process, downMs: number): Promise<void> {
    const { life, store } = process;
    if (!life.isAlive || process.isStopping) return;
    process.isStopping = true;
    let isDone = false;
    time.reach(life, time.nowMs() + STOP_WITHIN_MS, () => {
      if (!isDone) die(process, "stopped by force", downMs);
    });
    endLife(store, null, time.clockOf(life).wallMs());
    await closeWatch(process);
    isDone = true;
    // One turn for what a stop leaves to be cancelled.
    time.reach(life, time.nowMs() + 1, () => {
      record(life, { kind: "stopped", sleeping: life.sleeping });
      life.isAlive = false;
      current = undefined;
      time.at(time.nowMs() + downMs, start);
    });
  }

  async function reload(process: Process, next: Config): Promise<void> {
    const { life, watch } = process;
    if (!life.isAlive || process.isStopping || watch === undefined) return;
    if (watch.running.ledger.storeTrouble() !== undefined) return; // app.ts refuses it
    process.watch = undefined;
    await closeWatch({ ...process, watch });
    if (!life.isAlive || process.isStopping) return;
    config = next;
    const notBeforeMonoMs = time.monoMs() + quietMs();
    const { running } = openWatch(process, { notBeforeMonoMs, isAfterCrash: false, mayGiveUp: false });
    running.tell(configVerdict(running, [], time.wallMs()));
  }

  function meet(mishap: Mishap): void {
    const process = current;
    const life = process?.life ?? { id: 0, beganMonoMs: 0, isAlive: false, watch: 0, sleeping: 0 };
    switch (mishap.kind) {
      case "kill":
        if (process === undefined) return;
        if (mishap.where === "anywhere") die(process, "killed", mishap.downMs);
        else armed = mishap;
        return;
      case "stop":
        if (process === undefined) return;
        config = scenario.configs[mishap.settings] ?? config;
        void stop(process, mishap.downMs).catch((error: unknown) => fail(process, error));
        return;
      case "reload": {
        const next = scenario.configs[mishap.settings] ?? config;
        if (process === undefined) return;
        if (mishap.isAfterRequest) armedReload = next;
        else void reload(process, next).catch((error: unknown) => fail(process, error));
        return;
      }
      case "step":
      case "suspend":
      case "stall":
      case "drift":
        record(life, { kind: "machine", what: mishap.kind, ms: mishap.ms });
        if (mishap.kind === "step") time.stepWall(mishap.ms);
        else time[mishap.kind](mishap.ms);
        return;
    }
  }

  return {
    begin() {
      start();
      for (const mishap of scenario.mishaps) time.at(mishap.atMs, () => meet(mishap));
    },
    mayDie(life, where) {
      const process = current;
      if (process?.life !== life || !life.isAlive || time.nowMs() >= scenario.calmMs) return;
      if (where === "after request" && armedReload !== undefined) {
        const next = armedReload;
        armedReload = undefined;
        time.reach(
          life,
          time.nowMs() + 5,
          () => void reload(process, next).catch((error: unknown) => fail(process, error)),
        );
      }
      if (armed?.where !== where) return;
      const { downMs } = armed;
      armed = undefined;
      die(process, `killed ${where}`, downMs);
    },
    config: () => config,
    life: () => current?.life,
  };
}

/** For a person: with the place in the code, which is what one looks for. */
export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
