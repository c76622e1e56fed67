// What rules that look back must say of an answer: worked out anew from the answers before it. The one thing to know: what the program
// surely knew bounds it from below, and everything that the exchange ever showed bounds it from above; between them nobody can tell.
import { SEVERITIES, type Severity } from "../../../src/core/ports.ts";
import type { RuleConfig } from "../../../src/core/rules/types.ts";
import type { Change } from "../../../src/core/store.ts";
import { LONGEST_FALL_MS } from "../priced.ts";
import { DAY, HOUR, SECOND } from "../time.ts";
import type { Look } from "./alerts.ts";
import { covers, DOUBT, isOfTime, type Judgement, left, NOTHING, type OfTime } from "./judge.ts";
import { rankOf, type Scene } from "./scene.ts";

type Glance = Omit<Look, "ofTime">;
type DropRule = RuleConfig & { readonly ladder: { readonly kind: "drop" } };

/** From an answer to its commit, as elsewhere; so much earlier or later its stamp may be. */
const WORK_MS = 90 * SECOND;
/** The program cuts a window in so many parts, and may see one part more. */
const PARTS = 256;
/** Percent of a fall that rounding may hide. */
const FALL_DOUBT = 0.01;
/** The time that is left is worked out anew after so long. */
const REWORKED_MS = 35 * SECOND;
const ANYTHING: Judgement = { sure: -1, maybe: 2, heldSure: -1, heldMaybe: 2 };
const NO_RULES: OfTime = new Map();

export interface Falls {
  /** @param place "main|cross". @param before the looks at it until now that count, the latest last. */
  judgements(place: string, look: Glance, before: readonly Glance[]): OfTime;
  /** Something is on the disk now. */
  onStored(change: Change, watch: number, nowMs: number): void;
}

export function createFalls(scene: Scene): Falls {
  /** When a watch last wrote what a rule looks back on, in the pass that saw it, by place, kind and watch. */
  const writtenMs = new Map<string, number>();
  /** Every look, also those that the program did not make use of in the end, by place. */
  const shown = new Map<string, readonly Glance[]>();

  function keep(place: string, look: Glance): void {
    const fromMs = look.atMs - LONGEST_FALL_MS - HOUR;
    shown.set(place, [...(shown.get(place) ?? []).filter(({ atMs }) => atMs > fromMs), look]);
  }

  function fallen(place: string, rule: DropRule, look: Glance, before: readonly Glance[]): Judgement {
    const { withinMs } = rule.ladder;
    if (scene.clockTouchedMs > look.atMs - LONGEST_FALL_MS - DAY) return ANYTHING; // by which clock is the window?
    const isKnown = ({ atMs, watch }: Glance) =>
      watch === look.watch || atMs < (writtenMs.get(`${place}|tops ${rule.id}|${watch}`) ?? 0) - WORK_MS;
    const [sureFromMs, maybeFromMs] = [
      look.atMs - withinMs + WORK_MS,
      look.atMs - withinMs * (1 + 1 / PARTS) - WORK_MS,
    ];
    const known = new Set(before.map(({ atMs }) => atMs));
    let isSame = true;
    let [sure, maybe] = [look.seen.value, look.seen.value];
    for (const each of (shown.get(place) ?? []).toReversed()) {
      if (each.atMs < maybeFromMs) break;
      if (!each.seen.isPresent) continue;
      const isTaken = known.has(each.atMs);
      if (!each.seen.hasDebt) {
        isSame = false; // what was before says nothing of this debt, if the program saw that
        if (isTaken && each.watch === look.watch) break;
        continue;
      }
      maybe = Math.max(maybe, each.seen.value);
      if (isSame && isTaken && each.atMs >= sureFromMs && isKnown(each)) sure = Math.max(sure, each.seen.value);
    }
    return bounds(rule, look.seen.value, sure, maybe);
  }

  /** Another look a moment ago may have left its own result behind. */
  function lasting(look: Glance, before: readonly Glance[]): Judgement {
    const now = left(look.seen.value);
    const isFirst = look.atMs - (before.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) > REWORKED_MS;
    return isFirst && scene.disturbedMs < look.atMs - DAY ? now : ANYTHING;
  }

  return {
    judgements(place, look, before) {
      const [, subject = ""] = place.split("|");
      const rules = (scene.config?.rules ?? []).filter((rule) => isOfTime(rule) && covers(rule, subject));
      if (rules.length === 0) return NO_RULES;
      const judged = new Map(
        rules.map((rule) => {
          const found = !look.seen.hasDebt
            ? NOTHING
            : isDrop(rule)
              ? fallen(place, rule, look, before)
              : lasting(look, before);
          return [rule.id, found] as const;
        }),
      );
      keep(place, look);
      return judged;
    },
    onStored({ memories = [], snapshot }, watch, nowMs) {
      if (snapshot === undefined) return; // written later than it was made
      for (const { account, subject, kind } of memories) writtenMs.set(`${account}|${subject}|${kind}|${watch}`, nowMs);
    },
  };
}

const isDrop = (rule: RuleConfig): rule is DropRule => rule.ladder.kind === "drop";

/** From one top and from another. */
function bounds({ ladder, hysteresisPct }: DropRule, value: number, sureTop: number, maybeTop: number): Judgement {
  const [surePct, maybePct] = [(100 * (sureTop - value)) / sureTop, (100 * (maybeTop - value)) / maybeTop];
  const { rungs, onlyBelow } = ladder;
  const edge = onlyBelow?.kind === "number" ? onlyBelow.value : Number.POSITIVE_INFINITY;
  const worst = (isBreached: (atPct: number) => boolean): number =>
    Math.max(
      -1,
      ...SEVERITIES.map((severity: Severity) => (isBreached(rungs[severity] ?? 1000) ? rankOf(severity) : -1)),
    );
  const stay = 1 - hysteresisPct / 100;
  return {
    sure: value < edge - DOUBT ? worst((at) => surePct > at + FALL_DOUBT) : -1,
    maybe: value < edge + DOUBT ? worst((at) => maybePct > at - FALL_DOUBT) : -1,
    heldSure: value < edge * 1.02 - DOUBT ? worst((at) => surePct > at * stay + FALL_DOUBT) : -1,
    heldMaybe: value < edge * 1.02 + DOUBT ? worst((at) => maybePct > at * stay - FALL_DOUBT) : -1,
  };
}
