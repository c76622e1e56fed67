// The promise of delivery, whatever happens: any order of alerts, outcomes, waits, restarts and full disks. What the other side took is
// held against what was told to it.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  accept,
  type Channels,
  commit,
  type FakeNotifier,
  fail,
  openChannels,
  rowOf,
} from "../test/support/channels.ts";
import { compose } from "./core/compose.ts";
import type { Delivery, NewRow, Receipt, Section } from "./core/ports.ts";

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;

const OUTCOMES = ["accept", "slow", "not_sent", "refused", "ambiguous", "payload", "heard too late"] as const;
type Outcome = (typeof OUTCOMES)[number];

type Op =
  | { readonly op: "tell"; readonly alerts: readonly number[]; readonly isEnd: boolean }
  | { readonly op: "wait"; readonly ms: number }
  | { readonly op: "channel"; readonly outcome: Outcome }
  | { readonly op: "disk"; readonly isFull: boolean }
  | { readonly op: "restart" };

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant("tell"),
      alerts: fc.uniqueArray(fc.nat(3), { minLength: 1 }),
      isEnd: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("wait"), ms: fc.constantFrom(200, S, 10 * S, MIN, 3 * MIN, 20 * MIN) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("channel"), outcome: fc.constantFrom(...OUTCOMES) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("disk"), isFull: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart") }) },
);

/** What was told of each incident so far: "0.1" is the second incident of the alert 0. */
interface Story {
  readonly life: number;
  readonly seq: number;
}

/** Plays it, with a ledger of the simplest kind: what the disk does not take is kept and stored later. */
async function play(ops: readonly Op[]) {
  const desk = openChannels();
  const taken: Delivery[] = [];
  const stories = new Map<number, Story>();
  const last = new Map<string, number>();
  let [unheard, restarts, notes] = [0, 0, 0];
  let volatile: NewRow[] = [];

  const take = (delivery: Delivery): Promise<Receipt> => {
    taken.push(delivery);
    return accept(delivery);
  };
  const outcomes: Readonly<Record<Outcome, FakeNotifier["outcome"]>> = {
    accept: take,
    async slow(delivery) {
      const receipt = await take(delivery);
      await desk.clock.sleep(5 * S);
      return receipt;
    },
    not_sent: fail("not_sent"),
    refused: fail("refused"),
    ambiguous: fail("ambiguous"),
    payload: fail("payload"),
    async "heard too late"(delivery) {
      taken.push(delivery);
      unheard += 1;
      return fail("ambiguous")();
    },
  };
  const store = () => {
    volatile = volatile.filter(({ key }) => desk.deliveries.stillWaiting()(key));
    commit(desk.store, ...volatile);
    volatile = [];
  };
  const tell = (alerts: readonly number[], isEnd: boolean) => {
    const row = rowFor(alerts, isEnd, stories, last, desk, ++notes);
    try {
      desk.deliveries.add(commit(desk.store, row));
    } catch {
      volatile.push(row);
      desk.deliveries.add([{ ...row, id: -notes, attempts: 0, error: null, isAmbiguous: false }]);
    }
  };
  desk.first.outcome = take;
  for (const each of ops) {
    if (each.op === "tell") tell(each.alerts, each.isEnd);
    else if (each.op === "wait") await desk.clock.advance(each.ms);
    else if (each.op === "channel") desk.first.outcome = outcomes[each.outcome];
    else if (each.op === "disk") {
      desk.store.failure = each.isFull ? "the disk is full" : undefined;
      if (!each.isFull) store();
    } else if (volatile.length === 0) {
      // only what the disk never took is lost with the process
      restarts += 1;
      desk.restart();
    }
  }
  desk.store.failure = undefined;
  store();
  desk.first.outcome = take;
  await desk.clock.advance(H);
  return { desk, taken, last, unheard, restarts };
}

/** The next transition of each of these alerts, in one message. One that ended begins anew. */
function rowFor(
  alerts: readonly number[],
  isEnd: boolean,
  stories: Map<number, Story>,
  last: Map<string, number>,
  { clock }: Channels,
  note: number,
): NewRow {
  const told = alerts.map((alert) => {
    const { life, seq } = stories.get(alert) ?? { life: 0, seq: 0 };
    const kind: Section["kind"] = seq === 0 ? "opened" : isEnd ? "resolved" : "raised";
    stories.set(alert, kind === "resolved" ? { life: life + 1, seq: 0 } : { life, seq: seq + 1 });
    const incident = `${alert}.${life}`;
    last.set(incident, seq + 1);
    return {
      incident: `main|cross|${incident}`,
      kind,
      severity: "critical",
      headline: "H",
      lines: [],
      ref: `#${incident}-${seq + 1}`,
    } as const;
  });
  const message = compose(told, { account: "main", subject: "s" }, "en");
  return rowOf(`note ${note}`, {
    incidents: told.map(({ incident }) => incident),
    message,
    enqueuedAtMs: clock.wallMs(),
  });
}

/** ["0.1", 3] for each thing that a message tells. */
const tells = ({ message }: Delivery): [string, number][] =>
  [...message.sections, ...(message.moreSections ?? [])].map(({ ref }) => {
    const [, incident = "", seq] = /^#(.*)-(\d+)$/.exec(ref) ?? [];
    return [incident, Number(seq)];
  });

const isForgetful = (ops: readonly Op[]): boolean =>
  ops.some((each) => each.op === "disk" && each.isFull) && ops.some((each) => each.op === "restart");

test("P1, P2, P3: the last word on every incident arrives, in order, and nothing twice without a reason", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 40 }), async (ops) => {
      const { desk, taken, last, unheard, restarts } = await play(ops);
      expect(desk.deliveries.backlog().count).toBe(0);
      expect(desk.store.pending(0)).toEqual([]);
      for (const [incident, seq] of last) {
        const heard = taken.flatMap(tells).flatMap(([of, n]) => (of === incident ? [n] : []));
        // what was accepted while nothing could be written down is told again after a restart: then only first words have an order
        const words = isForgetful(ops) ? [...new Set(heard)] : heard;
        expect(words.at(-1)).toBe(seq);
        expect(words).toEqual(words.toSorted((a, b) => a - b));
        const copies = Math.max(...heard.map((n) => heard.filter((other) => other === n).length));
        expect(copies).toBeLessThanOrEqual(1 + unheard + restarts);
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("without restarts the same key always has the same words, and a message that may be there is not made into another", async () => {
  const living = op.filter((each) => each.op !== "restart");
  await fc.assert(
    fc.asyncProperty(fc.array(living, { minLength: 1, maxLength: 40 }), async (ops) => {
      const { taken, unheard } = await play(ops);
      const words = new Map<string, string>();
      for (const { key, message } of taken) {
        expect(words.get(key) ?? JSON.stringify(message)).toBe(JSON.stringify(message));
        words.set(key, JSON.stringify(message));
      }
      expect(taken.length).toBeLessThanOrEqual(words.size + unheard);
      const keysOf = new Map<string, Set<string>>();
      for (const delivery of taken) {
        for (const [incident, seq] of tells(delivery)) {
          const known = keysOf.get(`${incident}-${seq}`) ?? new Set();
          keysOf.set(`${incident}-${seq}`, known.add(delivery.key));
        }
      }
      expect([...keysOf.values()].every((keys) => keys.size === 1)).toBe(true);
    }),
    { numRuns: 300 },
  );
}, 60_000);
