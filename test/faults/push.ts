// The streams of the exchange, at the push port: sessions that connect, die, hang, flood, lie, are taken away and come back. What they
// say is never evidence of anything, so most of it may be untrue.
import type { PushEvent, PushReader, PushStream } from "../../src/core/push.ts";
import type { Deed } from "./history.ts";
import type { Random } from "./random.ts";
import type { PushHabit, Scenario } from "./scenario.ts";
import { HOUR, type Life, MINUTE, SECOND, type Time } from "./time.ts";
import type { Truth } from "./truth.ts";

export interface PushParts {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly time: Time;
  readonly truth: Truth;
  record(life: Life, deed: Deed): void;
}

/** The streams of one account, in one watch. */
export type OpenPush = (life: Life, account: string) => PushReader;

/** Where the exchange calls, with the bars that it answers. */
export const CALL_LEVEL = 1.3;
const SILENCES = [5 * MINUTE, 3 * HOUR] as const;

export function createPush({ scenario, random, time, truth, record }: PushParts): OpenPush {
  const habits = scenario.beside?.habits ?? [];

  function session(
    stream: PushStream,
    life: Life,
    account: string,
    onEvent: (event: PushEvent) => void,
    signal: AbortSignal,
  ): void {
    const emit = (event: PushEvent) => {
      record(life, { kind: "pushed", account, event });
      onEvent(event);
    };
    const after = (ms: number, happen: () => void): void =>
      time.reach(life, time.nowMs() + ms, () => signal.aborted || happen());
    const again = (): void => after(random.magnitude(...SILENCES), live);
    const connect = (): void => {
      emit({ kind: "connected", stream });
      again();
    };
    const level = (status: string, value: number) => {
      // Only the stream of the risk tells of levels.
      if (stream === "risk") emit({ kind: "margin-level", status, level: value, atMs: time.wallMs() });
      else emit({ kind: "change", stream });
    };
    const flood = (left: number, everyMs: number) => {
      if (left === 0 || time.nowMs() >= scenario.calmMs) return again();
      if (random.chance(0.05)) level("NORMAL", 3);
      else emit({ kind: "change", stream });
      after(everyMs, () => flood(left - 1, everyMs));
    };

    function live() {
      if (time.nowMs() >= scenario.calmMs) return;
      const habit = random.pick<PushHabit | "change">(["change", ...habits]);
      const { hasDebt, value } = truth.at(`${account} cross`, time.nowMs());
      const isCalled = hasDebt && value < CALL_LEVEL;
      switch (habit) {
        case "flood":
          return flood(random.whole(20, 300), random.magnitude(2, 150));
        case "call":
          if (isCalled) level("MARGIN_CALL", value);
          else emit({ kind: "change", stream });
          return again();
        case "lie":
          level(random.pick(["MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"]), random.between(1, 3));
          return again();
        case "soothe":
          level(random.pick(["NORMAL", "EXCESSIVE", "SOMETHING_NEW"]), random.between(2, 9));
          return again();
        case "die":
          return after(random.magnitude(SECOND, 6 * HOUR), connect);
        case "retire":
          emit({ kind: "retired", stream, reason: "it is not offered any more" });
          if (random.chance(0.7)) after(random.magnitude(MINUTE, 12 * HOUR), connect);
          return;
        case "change":
          emit({ kind: "change", stream });
          return again();
      }
    }

    after(random.magnitude(100, 30 * SECOND), connect);
  }

  return (life, account) => ({
    listen(streams, onEvent, signal) {
      for (const stream of streams) session(stream, life, account, onEvent, signal);
      return new Promise((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
  });
}
