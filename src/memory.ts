// What one account's watch remembers between polls: how the level of every subject went, how it stood before an alert, the prices then.
// The one thing to know: only fresh valid observations get in, and what is remembered never opens or ends an alert by itself.
import type { AlertChange } from "./core/advance.ts";
import type { Look } from "./core/calm.ts";
import type { Insight, InsightQuery } from "./core/insight.ts";
import type { HourlyRates } from "./core/interest.ts";
import type { Prices } from "./core/market.ts";
import type { Observation } from "./core/observe.ts";
import type { Bars, Subject } from "./core/ports.ts";
import type { Rule } from "./core/rules/compile.ts";
import { fieldInfo } from "./core/rules/fields.ts";
import type { Memory } from "./core/store.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";
import { createBaselines } from "./memory-baselines.ts";
import { insightOf } from "./memory-insight.ts";
import { createEstimates, estimateOf, minutesOf } from "./memory-minutes.ts";
import { createTurns, restore, textsOf } from "./memory-stored.ts";
import { beginAnew, fallsOf, isForgotten, NOTHING_STORED, type Remembered, remember, see } from "./memory-subject.ts";
import type { RowsOf } from "./rows.ts";

/** A subject with debt as it was last seen, and the prices of that moment. */
export interface Shot {
  readonly observation: Observation;
  readonly prices: Prices | undefined;
}

export interface AccountMemory {
  /** The same observations with what only time tells: falls, and minutesToLiquidation where a rule asks for it. Once for each, in order. */
  enrich(observations: readonly Observation[], bars: Bars, nowMs: number): readonly Observation[];
  /** What a message may say beside the values. Ask it between `enrich` and `keep`. */
  insight(query: InsightQuery): Insight;
  /** What is to be stored with these changes, and the rest once a minute. */
  due(changes: readonly AlertChange[], nowMs: number): readonly Memory[];
  /** The changes are made: what begins and ends with an alert begins and ends now. */
  keep(changes: readonly AlertChange[], nowMs: number): void;
  /** All that is not stored yet, for the end of the watch. */
  rest(nowMs: number): readonly Memory[];
  /** Subjects with debt, as they were last seen. */
  shots(): readonly Shot[];
}

export interface MemoryParts {
  readonly account: string;
  /** All rules of the config. */
  readonly rules: readonly Rule[];
  readonly ledger: Pick<Ledger, "memories">;
  /** Fresh ones, or none. */
  prices(): Prices | undefined;
  /** Next hourly rates; undefined: they are not read. */
  rates(isIsolated: boolean): HourlyRates | undefined;
  readonly rows: RowsOf;
  readonly log: Log;
}

/** What is stored is read when it is first needed: megabytes of it must not hold up the first request. */
export function createMemory(parts: MemoryParts): AccountMemory {
  let made: AccountMemory | undefined;
  const memory = () => {
    made ??= recall(parts);
    return made;
  };
  return {
    enrich: (observations, bars, nowMs) =>
      observations.length === 0 ? observations : memory().enrich(observations, bars, nowMs),
    insight: (query) => memory().insight(query),
    due: (changes, nowMs) => (made === undefined && changes.length === 0 ? [] : memory().due(changes, nowMs)),
    keep(changes, nowMs) {
      if (made !== undefined || changes.length > 0) memory().keep(changes, nowMs);
    },
    rest: (nowMs) => made?.rest(nowMs) ?? [],
    shots: () => made?.shots() ?? [],
  };
}

function recall({ account, rules, ledger, prices, rates, rows, log }: MemoryParts): AccountMemory {
  const restored = restore(account, rules, ledger, log);
  const subjects = new Map<Subject, Remembered>();
  for (const [subject, stored] of restored.stored) subjects.set(subject, remember(subject, rules, stored));
  const written = new Map<Subject, ReadonlySet<string>>(restored.written);
  const ids = new Set(rules.map(({ id }) => id));
  /** An alert that opens at the first look of all is compared with that look: what happens since is known. */
  const calmBefore = (subject: Subject): Look | undefined => {
    const about = subjects.get(subject);
    return about?.calmBefore ?? (about?.observation && { observation: about.observation, prices: about.prices });
  };
  const steps = (subject: Subject) => subjects.get(subject)?.steps ?? [];
  const about = { account, isOurs: (rule: string) => ids.has(rule), calmBefore, steps };
  const baselines = createBaselines(about, restored.baselines);
  const turns = createTurns();
  const estimates = createEstimates();
  const speed = new Set(rules.filter(({ ladder }) => ladder.kind === "drop").map(({ id }) => id));
  const debtFree = rules.filter(({ ladder, field }) => ladder.kind === "drop" && fieldInfo(field).needsDebt !== true);
  /** What `due` handed out last, until `keep` says that it is stored. */
  let pending: readonly Writing[] = [];
  let toDrop = restored.dropped;
  /** Since the last `keep`: while nobody looks there is nothing new to write. */
  let hasLooked = false;

  /** Undefined: there is nothing to remember of it, as of hundreds of pairs that owe nothing. */
  const take = (observation: Observation, now: Prices | undefined): Remembered | undefined => {
    const { subject } = observation;
    let about = subjects.get(subject);
    if (observation.class !== "OK") {
      if (about !== undefined && observation.class === "MISSING") about.isMissing = true;
      return undefined;
    }
    if (about === undefined) {
      if (!observation.hasDebt && !debtFree.some((rule) => rule.covers(observation))) return undefined;
      about = remember(subject, rules, NOTHING_STORED);
      subjects.set(subject, about);
    }
    const step = see(about, observation, now);
    if (step !== undefined) baselines.add(subject, step);
    return about;
  };

  const rowsIn = ({ about: { subject }, texts }: Writing): readonly Memory[] =>
    [...texts].flatMap(([kind, body]) =>
      body === null && written.get(subject)?.has(kind) !== true ? [] : [{ account, subject, kind, body }],
    );

  /** What an alert on speed that is told now was seen by is stored with it: else a restart would know of no fall. */
  const toldOfSpeed = (changes: readonly AlertChange[]): readonly Remembered[] =>
    changes.flatMap(({ id, state }) => {
      const isTold = state?.phase === "firing" && state.toldAtMs === state.lastAtMs;
      const isSpeed = isTold && id.account === account && speed.has(id.rule);
      return (isSpeed ? subjects.get(id.subject) : undefined) ?? [];
    });

  return {
    enrich(observations, bars, nowMs) {
      if (observations.length === 0) return observations;
      hasLooked = true;
      const now = prices();
      const taken = observations.map((observation) => take(observation, now));
      estimates.refresh(taken, bars, nowMs);
      return observations.map((observation, i) => withTime(observation, taken[i], nowMs));
    },
    insight(query) {
      const { id, observation, transition, bars } = query;
      const about = subjects.get(id.subject);
      return insightOf(query, {
        prices: prices(),
        baseline: baselines.of(id, transition.state, transition.kind === "opened"),
        estimate: () => about && estimateOf(about, bars, observation.atMs),
        rates,
        rows,
        log,
      });
    },
    due(changes, nowMs) {
      const began = baselines.due(changes);
      if (!hasLooked) return began;
      const chosen = new Set([...toldOfSpeed(changes), ...turns.of(subjects, nowMs)]);
      pending = [...chosen].map((about) => ({ about, texts: textsOf(about, nowMs) }));
      return [...toDrop, ...began, ...pending.flatMap(rowsIn)];
    },
    keep(changes, nowMs) {
      for (const subject of baselines.keep(changes)) {
        const about = subjects.get(subject);
        if (about !== undefined) beginAnew(about);
      }
      for (const { about, texts } of pending) {
        const { subject } = about;
        about.isChanged = false;
        about.storedAtMs = nowMs;
        written.set(subject, new Set([...texts].flatMap(([kind, body]) => (body === null ? [] : kind))));
        if (!isForgotten(about)) continue;
        subjects.delete(subject);
        written.delete(subject);
      }
      if (hasLooked) toDrop = [];
      pending = [];
      hasLooked = false;
    },
    rest(nowMs) {
      const changed = [...subjects.values()].filter(({ isChanged }) => isChanged);
      return changed.flatMap((about) => rowsIn({ about, texts: textsOf(about, nowMs) }));
    },
    shots() {
      const found: Shot[] = [];
      for (const { observation, prices: then, isMissing } of subjects.values()) {
        if (observation !== undefined && !isMissing) found.push({ observation, prices: then });
      }
      return found;
    },
  };
}

interface Writing {
  readonly about: Remembered;
  /** By kind; null: forgotten. */
  readonly texts: ReadonlyMap<string, string | null>;
}

/** Only what has something to add is copied. */
function withTime(observation: Observation, about: Remembered | undefined, nowMs: number): Observation {
  if (about === undefined) return observation;
  const minutes = about.asksMinutes && observation.hasDebt ? minutesOf(about, nowMs) : undefined;
  const timed =
    minutes === undefined
      ? observation
      : { ...observation, values: { ...observation.values, minutesToLiquidation: minutes } };
  const falls = about.windows.length === 0 ? undefined : fallsOf(about, timed);
  return falls === undefined ? timed : { ...timed, falls };
}
