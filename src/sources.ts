// What one account reads of the exchange, source by source: tells when one is taken away, changes its fields or is not readable for long.
// The one thing to know: only a good answer ends a trouble, and one of an account only when every field that rules use is in it.
import { notice, stateKey } from "./core/advance.ts";
import type { Context } from "./core/observe.ts";
import {
  type AlertId,
  type CrossAnswer,
  type Failure,
  type IsolatedAnswer,
  type Severity,
  StoreError,
} from "./core/ports.ts";
import type { SourceTrouble } from "./core/situation.ts";
import { advanceSlowly } from "./core/slow.ts";
import {
  ACCOUNT_SOURCES,
  afterFailure,
  afterFields,
  afterSuccess,
  fieldsIn,
  isAccountSource,
  isWhole,
  NEW_SOURCE,
  renamesIn,
  type SourceState,
  severityOf,
  troubleOf,
} from "./core/source-trouble.ts";
import { type Teller, tell } from "./tell.ts";

export interface Sources {
  /**
   * What one read of a source came to; undefined: it succeeded. Names: "capital flow", "transfer history", "forced liquidations",
   * "liquidation loans", "delist schedule", "restricted assets"; "cross account" and "isolated pairs" for failures only.
   */
  note(source: string, outcome: Failure | undefined): void;
  /** A valid answer of the account, with the fields that rules use. */
  noteAnswer(answer: CrossAnswer | IsolatedAnswer, used: Context["used"]): void;
}

const HOUR_MS = 3_600_000;
const REMIND_MS: Readonly<Record<Severity, number>> = { critical: HOUR_MS, warning: 24 * HOUR_MS, info: 24 * HOUR_MS };
const RULE = "exchange-changed";

export function createSources(teller: Teller, account: string): Sources {
  const { ledger, book, clock } = teller;
  const states = new Map<string, SourceState>();
  const stateOf = (source: string) => states.get(source) ?? NEW_SOURCE;
  const idOf = (source: string): AlertId => ({ account, subject: `source ${source}`, rule: RULE });
  const isFiring = (source: string) => ledger.states.get(stateKey(account, idOf(source).subject))?.has(RULE) ?? false;

  /** `isOver`: this is evidence that nothing is wrong; else silence leaves an alert standing. */
  const judge = (source: string, isOver: boolean): void => {
    const trouble = troubleOf(source, stateOf(source), clock.monoMs());
    if (trouble === undefined && !(isOver && isFiring(source))) return; // the common case
    const severity = trouble === undefined ? null : severityOf(source, trouble);
    const scene = { states: ledger.states, book, nowMs: clock.wallMs() };
    const facts = { about: "source", trouble } as const;
    tell(advanceSlowly(idOf(source), severity, facts, scene, REMIND_MS[severity ?? "info"]), teller);
  };

  /** Told once in the life of the state. */
  const tellRenames = (source: string, answer: CrossAnswer | IsolatedAnswer): void => {
    for (const [oldName, fields] of renamesIn(answer)) {
      const name = `renamed.${account}.${oldName}`;
      if (isKnown(name)) continue;
      const trouble: SourceTrouble = { kind: "renamed", field: fields.join(", "), oldName };
      const moved = notice(idOf(source), "info", { about: "source", trouble }, { book, nowMs: clock.wallMs() });
      tell(moved, teller, [{ name, value: fields.join(",") }]);
    }
  };

  const isKnown = (name: string): boolean => {
    try {
      return ledger.fact(name) !== undefined;
    } catch (error) {
      if (error instanceof StoreError) return true; // told when the disk can say whether it was told
      throw error;
    }
  };

  return {
    note(source, outcome) {
      const before = stateOf(source);
      const now = { monoMs: clock.monoMs(), wallMs: clock.wallMs() };
      states.set(source, outcome === undefined ? afterSuccess(before) : afterFailure(before, outcome, now));
      judge(source, outcome === undefined && !isAccountSource(source));
    },
    noteAnswer(answer, used) {
      const source = ACCOUNT_SOURCES[answer.source];
      const look = fieldsIn(answer, used);
      const wasGone = stateOf(source).gone !== undefined;
      const before = afterSuccess(stateOf(source));
      const after = look === undefined ? before : afterFields(before, look);
      states.set(source, after);
      judge(source, isWhole(after, look, wasGone));
      tellRenames(source, answer);
    },
  };
}
