// What is really the case at the exchange: levels that walk, jump and cross the thresholds a few times a day, positions that open,
// close and disappear. Drawn once for the whole run, so that the exchange and the invariants look at the same truth.
import type { Random } from "./random.ts";
import { BEGIN_MS, HOUR, MINUTE } from "./time.ts";

export type Status = "EXCESSIVE" | "NORMAL" | "MARGIN_CALL" | "PRE_LIQUIDATION" | "FORCE_LIQUIDATION";

/** One subject at one moment. */
export interface Position {
  readonly isPresent: boolean;
  readonly hasDebt: boolean;
  /** Cross: the margin level. A pair: its distance to liquidation, percent. */
  readonly value: number;
}

export interface Truth {
  at(subject: string, atMs: number): Position;
}

interface Shape {
  /** Where the walk comes back to, how far it strays, and how fast. */
  readonly mean: number;
  readonly deviation: number;
  readonly backInMs: number;
  readonly least: number;
  /** Where a jump lands. */
  readonly jump: readonly [number, number];
}

const CROSS: Shape = { mean: 1.58, deviation: 0.1, backInMs: 8 * HOUR, least: 1.02, jump: [1.08, 1.36] };
const PAIR: Shape = { mean: 13, deviation: 4, backInMs: 8 * HOUR, least: 0.2, jump: [0.5, 5.5] };
const STEP_MS = MINUTE;
const JUMPS_PER_DAY = 1;

/** Nothing moves from `calmMs` on. @param isRestless positions may also close, and disappear. */
export function drawTruth(
  subjects: readonly string[],
  isRestless: boolean,
  calmMs: number,
  endMs: number,
  randomFor: (subject: string) => Random,
): Truth {
  const walks = new Map(
    subjects.map((subject) => [subject, walk(subject, isRestless, calmMs, endMs, randomFor(subject))]),
  );
  return {
    at(subject, atMs) {
      const steps = walks.get(subject);
      const last = (steps?.length ?? 0) - 1;
      const index = Math.min(last, Math.max(0, Math.floor((atMs - BEGIN_MS) / STEP_MS)));
      return steps?.[index] ?? { isPresent: false, hasDebt: false, value: 0 };
    },
  };
}

function walk(
  subject: string,
  isRestless: boolean,
  calmMs: number,
  endMs: number,
  random: Random,
): readonly Position[] {
  const shape = subject.endsWith("cross") ? CROSS : PAIR;
  const pull = STEP_MS / shape.backInMs;
  const kick = shape.deviation * Math.sqrt(2 * pull);
  const steps: Position[] = [];
  let value = shape.mean + shape.deviation * random.normal();
  let phase: "open" | "closed" | "gone" = "open";
  let phaseEndsMs = BEGIN_MS + random.magnitude(HOUR, 30 * HOUR);
  for (let atMs = BEGIN_MS; atMs <= endMs; atMs += STEP_MS) {
    if (atMs < calmMs) {
      value += pull * (shape.mean - value) + kick * random.normal();
      if (random.chance((JUMPS_PER_DAY * STEP_MS) / (24 * HOUR))) value = random.between(...shape.jump);
      value = Math.max(shape.least, value);
      if (isRestless && atMs >= phaseEndsMs) {
        phase = phase !== "open" ? "open" : random.chance(0.6) ? "closed" : "gone";
        phaseEndsMs = atMs + random.magnitude(10 * MINUTE, phase === "open" ? 20 * HOUR : 4 * HOUR);
      }
    }
    steps.push({ isPresent: phase !== "gone", hasDebt: phase === "open", value: Math.round(value * 1e6) / 1e6 });
  }
  return steps;
}

/** As the exchange calls a pair at this distance. */
export function statusAt(distancePct: number): Status {
  if (distancePct < 1) return "FORCE_LIQUIDATION";
  if (distancePct < 3.5) return "PRE_LIQUIDATION";
  if (distancePct < 7) return "MARGIN_CALL";
  return distancePct < 15 ? "NORMAL" : "EXCESSIVE";
}

/** Binance lets nothing out of an account below 1.5. */
export const mayTransferOut = (level: number): boolean => level > 1.5;
