import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BARS_3X, cross, observe } from "../../test/support/answers.ts";
import { type AlertState, end, type Firing, type Policy, type Reading, rank, shortId, step } from "./lifecycle.ts";
import { SEVERITIES, type Severity } from "./ports.ts";
import { compile } from "./rules/compile.ts";

/**
 * What is seen when: "0 c, 5.5 wc, 9 - 1.24". Seconds; then i, w or c for the rung that is breached, or - for none, and behind it the
 * rung that is not left yet where that is a worse one ("-w": nothing is breached, but warning is held); then, if need be, the value.
 */
type Script = string;

const RUNGS: Readonly<Record<string, Severity | null>> = { "-": null, i: "info", w: "warning", c: "critical" };
const S = 1000;
const MIN = 60 * S;

const POLICY: Policy = {
  forMs: 0,
  clearAfterMs: 30 * S,
  repeatEveryMs: 5 * MIN,
  maxGapMs: 30 * S,
  worse: "lower",
};

function readingsOf(script: Script): readonly Reading[] {
  if (script === "") return [];
  return script.split(", ").map((entry) => {
    const [seconds = "", mark = "", value] = entry.split(" ");
    const [breached = "-", held = breached] = mark;
    return {
      atMs: Math.round(Number(seconds) * S),
      breached: RUNGS[breached] ?? null,
      held: RUNGS[held] ?? null,
      value: value === undefined ? undefined : Number(value),
    };
  });
}

interface Life {
  /** "0 opened critical, 35 resolved critical" */
  readonly told: string;
  readonly states: readonly (AlertState | undefined)[];
}

/** @param keep what happens to the state between two readings: a restart stores and reads it. */
function live(script: Script, over: Partial<Policy> = {}, keep = (state: AlertState): AlertState => state): Life {
  let state: AlertState | undefined;
  const told: string[] = [];
  const states = readingsOf(script).map((reading) => {
    const after = step(state, reading, { ...POLICY, ...over }, "main|cross|rule");
    state = after.state === undefined ? undefined : keep(after.state);
    if (after.transition !== undefined)
      told.push(`${reading.atMs / S} ${after.transition.kind} ${after.transition.severity}`);
    return state;
  });
  return { told: told.join(", "), states };
}

function restarted(state: AlertState): AlertState {
  const read: AlertState = JSON.parse(JSON.stringify(state));
  return read;
}

const lastOf = (life: Life): AlertState | undefined => life.states.at(-1);

function firingAfter(script: Script, over: Partial<Policy> = {}): Firing {
  const state = lastOf(live(script, over));
  if (state?.phase !== "firing") throw new Error("not firing");
  return state;
}

interface Case {
  readonly name: string;
  readonly policy?: Partial<Policy>;
  readonly script: Script;
  readonly told: string;
}

const CASES: readonly Case[] = [
  {
    name: "stays quiet while healthy",
    script: "0 -, 5 -",
    told: "",
  },
  {
    name: "opens at the first look when the condition is true already",
    script: "0 c",
    told: "0 opened critical",
  },
  {
    name: "does not open inside the hysteresis of a rung that it never entered",
    script: "0 -c, 5 -c",
    told: "",
  },

  // for
  {
    name: "waits for the hold",
    policy: { forMs: 10 * S },
    script: "0 w, 5 w, 9.999 w",
    told: "",
  },
  {
    name: "opens exactly at the hold",
    policy: { forMs: 10 * S },
    script: "0 w, 5 w, 10 w",
    told: "10 opened warning",
  },
  {
    name: "opens at the rung of that moment",
    policy: { forMs: 10 * S },
    script: "0 i, 5 c, 10 w",
    told: "10 opened warning",
  },
  {
    name: "holds anew after a healthy look",
    policy: { forMs: 10 * S },
    script: "0 w, 5 -, 6 w, 10 w, 15.999 w, 16 w",
    told: "16 opened warning",
  },
  {
    name: "counts a gap of exactly the longest that is bridged",
    policy: { forMs: 30 * S },
    script: "0 w, 30 w",
    told: "30 opened warning",
  },
  {
    name: "counts nothing of a longer gap, but keeps what was observed before it",
    policy: { forMs: 30 * S },
    script: "0 w, 20 w, 50.001 w, 60 w, 60.001 w",
    told: "60.001 opened warning",
  },
  {
    name: "counts nothing when the clock steps back, and goes on from there",
    policy: { forMs: 30 * S },
    script: "3600 w, 3620 w, 20 w, 29 w, 30 w",
    told: "30 opened warning",
  },
  {
    name: "ends a hold silently",
    policy: { forMs: 10 * S },
    script: "0 c, 9 -, 60 -",
    told: "",
  },

  // clearAfter
  {
    name: "does not resolve before the way out is over",
    script: "0 c, 5 -, 34.999 -",
    told: "0 opened critical",
  },
  {
    name: "resolves exactly when it is",
    script: "0 c, 5 -, 35 -",
    told: "0 opened critical, 35 resolved critical",
  },
  {
    name: "resolves at once without a way out",
    policy: { clearAfterMs: 0 },
    script: "0 c, 5 -",
    told: "0 opened critical, 5 resolved critical",
  },
  {
    name: "does not count the time before the first healthy look",
    script: "0 c, 29 -, 58 -",
    told: "0 opened critical",
  },
  {
    name: "begins the way out anew after a relapse",
    script: "0 c, 5 -, 30 c, 35 -, 64.999 -, 65 -",
    told: "0 opened critical, 65 resolved critical",
  },
  {
    name: "begins the way out anew after a relapse into the hysteresis",
    script: "0 c, 5 -, 30 -c, 35 -, 64.999 -, 65 -",
    told: "0 opened critical, 65 resolved critical",
  },
  {
    name: "never leaves a rung inside its hysteresis",
    policy: { repeatEveryMs: 3600 * S },
    script: "0 c, 30 -c, 60 wc, 90 -c, 120 -c",
    told: "0 opened critical",
  },
  {
    name: "counts nothing of a long gap on the way out",
    script: "0 c, 5 -, 25 -, 3600 -, 3609.999 -, 3610 -",
    told: "0 opened critical, 3610 resolved critical",
  },
  {
    name: "does not resolve at the first healthy look after a long blindness",
    script: "0 c, 7200 -",
    told: "0 opened critical",
  },
  {
    name: "counts nothing on the way out when the clock steps back",
    script: "3600 c, 3605 -, 3625 -, 5 -, 14.999 -, 15 -",
    told: "3600 opened critical, 15 resolved critical",
  },
  {
    name: "opens anew after it resolved",
    policy: { clearAfterMs: 0 },
    script: "0 w, 5 -, 10 w",
    told: "0 opened warning, 5 resolved warning, 10 opened warning",
  },

  // up and down
  {
    name: "is raised at once, whatever was told a moment ago",
    script: "0 i, 1 w, 2 c",
    told: "0 opened info, 1 raised warning, 2 raised critical",
  },
  {
    name: "skips rungs on the way up",
    script: "0 i, 5 c",
    told: "0 opened info, 5 raised critical",
  },
  {
    name: "is raised on the way out",
    script: "0 w, 5 -, 30 c, 40 -, 69 -",
    told: "0 opened warning, 30 raised critical",
  },
  {
    name: "is lowered, and then resolved after a way out of its own",
    script: "0 c, 5 w, 35 w, 40 -, 69.999 -, 70 -",
    told: "0 opened critical, 35 lowered warning, 70 resolved warning",
  },
  {
    name: "is lowered to what is still held, not only to what is breached",
    script: "0 c, 5 iw, 35 iw",
    told: "0 opened critical, 35 lowered warning",
  },
  {
    name: "is lowered only to the worst that was seen on the way out",
    script: "0 c, 5 i, 15 w, 25 -, 35 -, 65 -",
    told: "0 opened critical, 35 lowered warning",
  },
  {
    name: "skips rungs on the way down",
    script: "0 c, 5 i, 35 i",
    told: "0 opened critical, 35 lowered info",
  },
  {
    name: "is raised again after it was lowered",
    script: "0 c, 5 w, 35 w, 36 c",
    told: "0 opened critical, 35 lowered warning, 36 raised critical",
  },

  // reminders
  {
    name: "reminds exactly when it is time, and counts from there",
    policy: { repeatEveryMs: 60 * S },
    script: "0 c, 30 c, 59.999 c, 60 c, 119 c, 121 c, 180 c, 181 c",
    told: "0 opened critical, 60 reminded critical, 121 reminded critical, 181 reminded critical",
  },
  {
    name: "reminds at the first look after a long blindness",
    script: "0 c, 7200 c, 7205 c",
    told: "0 opened critical, 7200 reminded critical",
  },
  {
    name: "does not say still of a value that is off the rung",
    policy: { repeatEveryMs: 60 * S },
    script: "0 c, 50 -, 75 -, 76 c",
    told: "0 opened critical, 76 reminded critical",
  },
  {
    name: "says still inside the hysteresis",
    policy: { repeatEveryMs: 60 * S },
    script: "0 c, 60 -c",
    told: "0 opened critical, 60 reminded critical",
  },
  {
    name: "counts reminders from the last thing told",
    policy: { repeatEveryMs: 60 * S },
    script: "0 w, 50 c, 60 c, 109 c, 110 c",
    told: "0 opened warning, 50 raised critical, 110 reminded critical",
  },
  {
    name: "goes on reminding after the clock stepped back",
    policy: { repeatEveryMs: 60 * S },
    script: "7200 c, 0 c, 30 c, 60 c",
    told: "7200 opened critical, 60 reminded critical",
  },
];

describe("the life of an alert", () => {
  test.each(CASES)("$name", ({ policy, script, told }) => {
    expect(live(script, policy).told).toEqual(told);
  });

  test.each(CASES)("a restart before every look changes nothing: $name", ({ policy, script }) => {
    expect(live(script, policy, restarted)).toEqual(live(script, policy));
  });
});

// ---------------------------------------------------------------- what is remembered

test("an incident remembers when it began, how it moved, and its worst", () => {
  const script: Script = "0 w 1.36, 5 c 1.24, 10 c 1.19, 15 c 1.28";
  expect(firingAfter(script, { worse: "lower" })).toMatchObject({
    seq: 2,
    severity: "critical",
    openedAtMs: 0,
    sinceMs: 5 * S,
    previous: { severity: "warning", sinceMs: 0 },
    peak: "critical",
    value: 1.28,
    worst: { value: 1.19, atMs: 10 * S },
    lastAtMs: 15 * S,
    toldAtMs: 5 * S,
    clearing: null,
  });
});

test("the peak outlives being lowered", () => {
  expect(firingAfter("0 c, 5 w, 35 w")).toMatchObject({
    severity: "warning",
    peak: "critical",
    previous: { severity: "critical", sinceMs: 0 },
    sinceMs: 35 * S,
  });
});

test("with a `for` the incident began when the condition did", () => {
  expect(firingAfter("0 w, 5 w, 10 w", { forMs: 10 * S })).toMatchObject({
    openedAtMs: 0,
    sinceMs: 0,
    toldAtMs: 10 * S,
  });
});

test.each([
  ["lower", 1.1],
  ["higher", 1.3],
  [undefined, undefined],
] as const)("where %s is worse, the worst of 1.2, 1.1 and 1.3 is %d", (worse, expected) => {
  const { worst } = firingAfter("0 c 1.2, 5 c 1.1, 10 c 1.3", { worse });
  expect(worst?.value).toBe(expected);
});

test("a look without a value leaves the worst as it is", () => {
  expect(firingAfter("0 c 1.2, 5 -")).toMatchObject({ value: null, worst: { value: 1.2 } });
});

test("every transition has the next number, and the resolved one tells how it stood", () => {
  const policy = { ...POLICY, clearAfterMs: 0, repeatEveryMs: 10 * S };
  let state: AlertState | undefined;
  const told = readingsOf("0 i, 5 c, 15 c, 20 -").map((reading) => {
    const after = step(state, reading, policy, "x");
    state = after.state;
    return after.transition;
  });
  expect(told.map((each) => `${each?.state.seq} ${each?.kind} from ${each?.from}`)).toEqual([
    "1 opened from null",
    "2 raised from info",
    "3 reminded from critical",
    "4 resolved from critical",
  ]);
  expect(told[3]?.state).toMatchObject({ openedAtMs: 0, peak: "critical", clearing: null });
});

test("two incidents of one alert have different names, and so have two alerts of one moment", () => {
  const name = (identity: string, atMs: number) =>
    step(undefined, { atMs, breached: "info", held: "info", value: undefined }, POLICY, identity).transition?.state
      .incident;
  expect(name("a", 1)).toBe(name("a", 1));
  expect(name("a", 1)).not.toBe(name("a", 2));
  expect(name("a", 1)).not.toBe(name("b", 1));
});

test("short names are four characters that nobody misreads, and hardly ever the same within a day", () => {
  const names = Array.from({ length: 1000 }, (_, index) => shortId(`main|cross|rule|${1583960000000 + index * 5000}`));
  for (const name of names) expect(name).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}$/);
  expect(new Set(names).size).toBeGreaterThan(990);
});

test("the ladder ranks from none to critical", () => {
  expect([null, ...SEVERITIES].map(rank)).toEqual([-1, 0, 1, 2]);
});

// ---------------------------------------------------------------- the end of a rule

test("an alert whose rule is gone ends as such, never as resolved", () => {
  const state = firingAfter("0 c");
  expect(end(state, 9 * S)).toEqual({
    state: undefined,
    transition: { kind: "ended", severity: "critical", from: "critical", atMs: 9 * S, state: { ...state, seq: 2 } },
  });
});

test("a hold whose rule is gone ends silently", () => {
  const [pending] = live("0 w", { forMs: 10 * S }).states;
  expect(pending?.phase).toBe("pending");
  if (pending !== undefined) expect(end(pending, 9 * S)).toEqual({ state: undefined, transition: undefined });
});

// ---------------------------------------------------------------- properties

const MARKS = ["-", "-i", "-w", "-c", "i", "iw", "ic", "w", "wc", "c"];
/** Mostly polls of a few seconds, some at the very limit of a gap or beyond it, now and then a clock that steps back. */
const gapS = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom(29, 30, 31, 600) },
  { weight: 1, arbitrary: fc.integer({ min: -900, max: 0 }) },
);
const scripts = fc
  .array(fc.tuple(gapS, fc.constantFrom(...MARKS), fc.integer({ min: 50, max: 300 })), { maxLength: 60 })
  .map((entries): Script => {
    let atS = 10_000;
    return entries
      .map(([gap, mark, value]) => {
        atS += gap;
        return `${atS} ${mark} ${value / 100}`;
      })
      .join(", ");
  });
const policies = fc.record({
  forMs: fc.constantFrom(0, 10 * S, 45 * S),
  clearAfterMs: fc.constantFrom(0, 10 * S, 30 * S),
  repeatEveryMs: fc.constantFrom(30 * S, 5 * MIN, 3600 * S),
});

test("a restart between any two looks changes nothing that is told or remembered", () => {
  fc.assert(
    fc.property(scripts, policies, fc.infiniteStream(fc.boolean()), (script, policy, coins) => {
      const sometimes = (state: AlertState) => (coins.next().value ? restarted(state) : state);
      expect(live(script, policy, sometimes)).toEqual(live(script, policy));
    }),
    { numRuns: 200 },
  );
});

/**
 * The same life, told from whole histories instead of counters: how long the last looks in a row were breached, or off the rung,
 * is summed up from the looks themselves each time.
 */
function naive(script: Script, policy: Policy): string {
  const looks = readingsOf(script);
  const observedMs = (from: number, to: number): number =>
    looks.slice(from, to).reduce((sum, { atMs }, index) => {
      const gapMs = (looks[from + index + 1]?.atMs ?? 0) - atMs;
      return gapMs >= 0 && gapMs <= policy.maxGapMs ? sum + gapMs : sum;
    }, 0);
  /** Where the unbroken run of such looks began that ends at `at`, after the last move. */
  const runStart = (at: number, isSuch: (look: Reading) => boolean): number =>
    1 +
    Math.max(
      movedAt,
      looks.findLastIndex((look, index) => index <= at && !isSuch(look)),
    );
  const told: string[] = [];
  let severity: Severity | null = null;
  let movedAt = -1;
  let toldAtMs = 0;
  const tell = (at: number, kind: string, to: Severity | null) => {
    toldAtMs = looks[at]?.atMs ?? 0;
    told.push(`${toldAtMs / S} ${kind} ${to ?? severity}`);
    if (kind !== "reminded") movedAt = at;
    severity = to;
  };
  for (const [at, look] of looks.entries()) {
    const { atMs, breached, held } = look;
    const isOff = (other: Reading) => rank(other.held) < rank(severity);
    if (severity === null) {
      const start = runStart(at, (other) => other.breached !== null);
      if (breached !== null && observedMs(start, at) >= policy.forMs) tell(at, "opened", breached);
    } else if (rank(breached) > rank(severity)) {
      tell(at, "raised", breached);
    } else if (rank(held) >= rank(severity)) {
      if (atMs < toldAtMs) toldAtMs = atMs;
      else if (atMs - toldAtMs >= policy.repeatEveryMs) tell(at, "reminded", severity);
    } else {
      const start = runStart(at, isOff);
      const to = SEVERITIES.findLast((rung) => looks.slice(start, at + 1).some((other) => other.held === rung)) ?? null;
      if (observedMs(start, at) >= policy.clearAfterMs) tell(at, to === null ? "resolved" : "lowered", to);
    }
  }
  return told.join(", ");
}

test("it tells what a naive telling from the whole history tells", () => {
  fc.assert(
    fc.property(scripts, policies, (script, policy) => {
      expect(live(script, policy).told).toEqual(naive(script, { ...POLICY, ...policy }));
    }),
    { numRuns: 1000 },
  );
});

test("resolved is never said without a look at that very moment at which nothing was held", () => {
  fc.assert(
    fc.property(scripts, policies, (script, policy) => {
      const clear = readingsOf(script).flatMap(({ held, atMs }) => (held === null ? [`${atMs / S}`] : []));
      for (const line of live(script, policy).told.split(", ")) {
        const [atS, kind] = line.split(" ");
        if (kind === "resolved") expect(clear).toContain(atS);
      }
    }),
    { numRuns: 300 },
  );
});

// ---------------------------------------------------------------- hysteresis, from values

const rule = compile({
  id: "level",
  on: "cross",
  field: "marginLevel",
  symbols: "all",
  ladder: {
    kind: "below",
    rungs: {
      info: { kind: "number", value: 1.5 },
      warning: { kind: "number", value: 1.4 },
      critical: { kind: "number", value: 1.3 },
    },
  },
  hysteresisPct: 2,
  forMs: 0,
  clearAfterMs: 0,
});

/** How many transitions a level of these values sets off; reminders are left out. */
function messages(levels: readonly number[]): number {
  let state: AlertState | undefined;
  let count = 0;
  levels.forEach((level, index) => {
    const [observation] = observe(cross(level));
    const verdict = observation === undefined ? undefined : rule?.evaluate(observation, BARS_3X);
    const reading = {
      atMs: index * 5 * S,
      breached: verdict?.breached ?? null,
      held: verdict?.held ?? null,
      value: level,
    };
    const after = step(state, reading, { ...POLICY, clearAfterMs: 0, repeatEveryMs: Number.MAX_SAFE_INTEGER }, "x");
    state = after.state;
    if (after.transition !== undefined) count += 1;
  });
  return count;
}

/** How often the values go all the way through the band between a threshold and where it is left. */
function crossings(levels: readonly number[], threshold: number): number {
  let isInside = false;
  let count = 0;
  for (const level of levels) {
    const next: boolean = isInside ? level < threshold * 1.02 - 1e-9 : level < threshold;
    if (next !== isInside) count += 1;
    isInside = next;
  }
  return count;
}

test("hysteresis bounds the messages of a random walk: one for each time that a band is crossed, none for a walk inside it", () => {
  const walk = fc
    .tuple(
      fc.double({ min: 1.2, max: 1.6, noNaN: true }),
      fc.array(fc.integer({ min: -40, max: 40 }), { maxLength: 200 }),
    )
    .map(([start, moves]) => {
      let level = start;
      return moves.map((move) => {
        level = Math.max(1.01, level + move / 1000);
        return level;
      });
    });
  fc.assert(
    fc.property(walk, (levels) => {
      const bound = [1.5, 1.4, 1.3].reduce((sum, threshold) => sum + crossings(levels, threshold), 0);
      expect(messages(levels)).toBeLessThanOrEqual(bound);
    }),
    { numRuns: 300 },
  );
  const flapping = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 1.2999 : 1.3259));
  expect(messages(flapping)).toBe(1);
});
