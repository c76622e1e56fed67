// A desk that watches: the pure core from answer to messages, with the states and the picture kept between two looks, as cycle.ts
// and ledger.ts keep them, but without clock, store or promises.
import {
  type Advance,
  type AlertChange,
  advance,
  advanceOwn,
  applied,
  type Rulebook,
  type States,
} from "../../src/core/advance.ts";
import { announce, type Notification } from "../../src/core/announce.ts";
import type { Blindness } from "../../src/core/feed.ts";
import type { Locale } from "../../src/core/format.ts";
import { pictureOf, withSeverities } from "../../src/core/picture.ts";
import type { Answer, Bars, Message, Section } from "../../src/core/ports.ts";
import { builtinRules } from "../../src/core/rules/builtin.ts";
import { compile } from "../../src/core/rules/compile.ts";
import type { Route, RuleConfig } from "../../src/core/rules/types.ts";
import type { Situation } from "../../src/core/situation.ts";
import type { Snapshot } from "../../src/core/store.ts";
import { BARS_3X, observe } from "./answers.ts";

export interface DeskOptions {
  readonly rules?: readonly RuleConfig[];
  readonly routes?: readonly Route[];
  readonly notifiers?: readonly string[];
  readonly bars?: Bars;
  readonly locale?: Locale;
  /** Between the answer and the commit. */
  readonly ageMs?: number;
  /** What the desk before this one kept: this one goes on as after a restart. */
  readonly kept?: Kept;
}

/** What a store would hold. */
export interface Kept {
  readonly states: States;
  readonly picture: Snapshot | undefined;
}

export interface Told {
  readonly situations: readonly Situation[];
  readonly notifications: readonly Notification[];
  readonly changes: readonly AlertChange[];
}

export interface Desk {
  states(): States;
  kept(): Kept;
  /** Answers that came together. */
  look(atMs: number, ...answers: readonly Answer[]): Told;
  /** The watchdog's look: blind, or no longer. */
  watch(nowMs: number, blindness: Blindness | undefined): Told;
  /** Commits what came of something else. */
  take(moved: Advance, nowMs: number): Told;
}

export const UTC: Locale = { timezone: "UTC", language: "en" };

export function bookOf({ rules = builtinRules, routes = [], notifiers = ["desk"] }: DeskOptions = {}): Rulebook {
  return { rules: rules.flatMap((rule) => compile(rule) ?? []), routes, notifiers, maxGapMs: 30_000 };
}

export function openDesk(options: DeskOptions = {}): Desk {
  const { bars = BARS_3X, locale = UTC, ageMs = 2_000 } = options;
  const book = bookOf(options);
  const used = {
    cross: new Set(book.rules.flatMap(({ on, field }) => (on === "cross" ? [field] : []))),
    isolated: new Set(book.rules.flatMap(({ on, field }) => (on === "isolated" ? [field] : []))),
  };
  let states: States = options.kept?.states ?? new Map();
  let picture = options.kept?.picture;

  const take = ({ changes, situations }: Advance, nowMs: number): Told => {
    const told = announce(changes, situations, { book, states, nowMs, locale });
    states = applied(states, told.changes);
    return { situations, ...told };
  };

  return {
    states: () => states,
    kept: () => structuredClone({ states, picture }),
    take,
    look(atMs, ...answers) {
      const indebted = new Set(picture?.known.map(({ subject }) => subject));
      const observations = answers.flatMap((answer) => observe(answer, { atMs, bars, used, indebted }));
      const results = answers.map((answer) => ({ ok: true, atMs, answer }) as const);
      const before = picture;
      const known = (_: string, subject: string) => before?.known.find((item) => item.subject === subject);
      const moved = advance(observations, { states, book, bars, nowMs: atMs + ageMs, known });
      const after = applied(states, moved.changes);
      picture = pictureOf({
        account: "main",
        sources: ["cross", "isolated"],
        before,
        states: after,
        observations,
        results,
      });
      return take(moved, atMs + ageMs);
    },
    watch(nowMs, blindness) {
      const known = withSeverities(picture?.known ?? [], states, "main");
      const id = { account: "main", subject: "feed", rule: "blind" } as const;
      const facts = { about: "blind", blindness, known } as const;
      return take(advanceOwn(id, blindness === undefined ? null : "critical", facts, { states, book, nowMs }), nowMs);
    },
  };
}

/** A section as a person reads it. */
const sectionText = ({ headline, lines, ref }: Section): string => [headline, ...lines, ref].join("\n");

/** A message as a person reads it: the title where it says more than the first section, the sections, then the rest. */
export function messageText({ title, sections, more }: Message): string {
  const [first] = sections;
  const head = first?.headline === title ? [] : [title];
  return [...head, ...sections.map(sectionText), ...more].join("\n");
}
