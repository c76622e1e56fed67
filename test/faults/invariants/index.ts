// All invariants, in the order in which they look at what happened.
import type { Happening } from "../history.ts";
import { MINUTE } from "../time.ts";
import { alerts } from "./alerts.ts";
import { beside } from "./beside.ts";
import { delivery } from "./delivery.ts";
import { ending } from "./ending.ts";
import { events } from "./events.ts";
import { feed } from "./feed.ts";
import { pacing } from "./pacing.ts";
import { createScene, type OracleParts } from "./scene.ts";
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
    ending(all, states.states, deliveries),
  ];
  return {
    see(happening) {
      see(happening);
      for (const oracle of oracles) oracle.see(happening);
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
