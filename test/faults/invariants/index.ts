// All invariants, in the order in which they look at what happened.
import type { Change } from "../../../src/core/store.ts";
import type { Happening } from "../history.ts";
import { MINUTE } from "../time.ts";
import { alerts } from "./alerts.ts";
import { beside } from "./beside.ts";
import { delivery } from "./delivery.ts";
import { ending } from "./ending.ts";
import { events } from "./events.ts";
import { feed } from "./feed.ts";
import { memories } from "./memories.ts";
import { pacing } from "./pacing.ts";
import { priced } from "./priced.ts";
import { createScene, nameOf, type OracleParts } from "./scene.ts";
import { secrets } from "./secrets.ts";

export interface Invariants {
  see(happening: Happening): void;
  look(): void;
  end(): void;
  /** A line of the log, with everything that was handed to it. */
  line(text: string): void;
}

export const LOOK_EVERY_MS = 2 * MINUTE;

export function createInvariants(parts: Omit<OracleParts, "scene">, signatures: ReadonlySet<string>): Invariants {
  const { scene, see } = createScene(parts.time);
  const all = { ...parts, scene };
  const canaries = secrets(all, signatures);
  const states = alerts(all);
  const deliveries = delivery(all);
  const oracles = [
    pacing(all),
    canaries,
    states,
    deliveries,
    feed(all, states.states, deliveries),
    ...(all.scenario.beside === undefined ? [] : [events(all), beside(all, states.states)]),
    memories(all),
    ...(all.scenario.priced === undefined ? [] : [priced(all)]),
    ending(all, states.states, deliveries),
  ];
  return {
    see(happening) {
      const told = happening.kind === "commit" ? { ...happening, change: settled(happening.change) } : happening;
      see(told);
      for (const oracle of oracles) oracle.see(told);
    },
    look() {
      for (const oracle of oracles) oracle.look?.();
    },
    end() {
      for (const oracle of oracles) oracle.end?.();
    },
    line: canaries.line,
  };
}

/** What a disk did not take before comes first in a change; of one alert the last state holds, and the others never were. */
function settled(change: Change): Change {
  const last = new Map(change.alerts.map((each) => [nameOf(each.id), each]));
  return last.size === change.alerts.length ? change : { ...change, alerts: [...last.values()] };
}
