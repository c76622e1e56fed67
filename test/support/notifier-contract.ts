// What every notifier owes the pipeline, checked against a real server of its kind. A new adapter brings an `open` that starts one
// and a table of the faults that it knows; the tests are the same for all. Their names begin with the id of the fault they show.
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Clock,
  type Delivery,
  type Message,
  type Notifier,
  NotifyError,
  type Section,
} from "../../src/core/ports.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Log, makeLogger } from "../../src/lib/log.ts";
import type { NotifierDeps } from "../../src/notify/index.ts";
import { clean } from "../../src/notify/text.ts";
import { ENDLESS, endless, shortLabel } from "./labels.ts";
import { crash, critical, deliveryOf, keyOf } from "./messages.ts";
import { createWarpClock } from "./warp-clock.ts";

/** One message as the other side has it. */
export interface Arrived {
  readonly key: string | undefined;
  /** All that a person can read of it, decoded from the medium. */
  readonly text: string;
}

export interface NotifierWorld extends AsyncDisposable {
  readonly notifier: Notifier;
  arrived(): readonly Arrived[];
  /** What is wrong with the form of what arrived: a mention, a header, a tag, a line that no text may make. */
  flaws(): readonly string[];
  /** Leaves the next attempt without an answer; resolves once it has come in. Undefined where nothing can hang. */
  readonly hang: (() => { readonly reached: Promise<void> }) | undefined;
  /** Makes the credentials wrong; undefined where there are none. */
  readonly spoilCredentials: (() => void) | undefined;
  /** Must never be seen in an error or a log. */
  readonly secrets: readonly string[];
}

/** Something that the other side, or the way to it, does to one attempt. */
export interface Fault<World extends NotifierWorld> {
  /** In the table of notifier faults: N1 to N17. */
  readonly id: string;
  readonly name: string;
  readonly kind: NotifyError["kind"];
  /** What the error says; it is read by people on the other channels. */
  readonly says?: string | RegExp;
  /** The least wait that the pipeline is told to keep. */
  readonly waitMs?: number;
  /** Only the deadline ends it: resolves when the attempt has come so far, and then a minute passes at once. */
  until?(world: World): Promise<void>;
  /** Makes the next attempt fail this way. */
  stage(world: World): void;
}

interface Kit<World extends NotifierWorld> {
  readonly traits: readonly Trait[];
  readonly faults: readonly Fault<World>[];
  open(deps: NotifierDeps): Promise<World>;
}

type Trait = "can be silent" | "has credentials" | "tells everything";

const NEVER = new AbortController().signal;

export function notifierContract<World extends NotifierWorld>(label: string, { traits, faults, open }: Kit<World>) {
  const testOf = (trait: Trait, name: string, run: () => Promise<void>) => {
    if (traits.includes(trait)) test(name, run);
  };
  const start = () => open(testDeps());
  const to = (world: World, message: Message, over: Partial<Delivery> = {}) =>
    deliveryOf(message, { recipient: world.notifier.recipients[0] ?? "", ...over });

  describe.concurrent(`${label} keeps the notifiers' contract:`, () => {
    test("it names a recipient and verifies without sending anything", async () => {
      await using world = await start();
      expect(world.notifier.recipients).not.toEqual([]);
      await world.notifier.verify(NEVER);
      expect(world.arrived()).toEqual([]);
    });

    test("it delivers every word of a message, once, and gives a receipt of plain strings", async () => {
      await using world = await start();
      const receipt = await world.notifier.send(to(world, crash), NEVER);
      expect(Object.values(receipt)).not.toEqual([]);
      expect(Object.values(receipt).every((value) => typeof value === "string")).toBe(true);
      expect(world.arrived()).toHaveLength(1);
      for (const words of wordsOf(crash)) expect(world.arrived()[0]?.text).toContain(words);
    });

    test("it delivers every word in plain form", async () => {
      await using world = await start();
      await world.notifier.send(to(world, crash, { plain: true }), NEVER);
      for (const words of wordsOf(crash)) expect(world.arrived()[0]?.text).toContain(words);
    });

    test("it hands over the same key on a repeat", async () => {
      await using world = await start();
      await world.notifier.send(to(world, critical), NEVER);
      await world.notifier.send(to(world, critical, { attempt: 2 }), NEVER);
      const keys = world.arrived().map(({ key }) => key);
      expect(keys).toHaveLength(2);
      expect(keys[0]).toBe(keys[1]);
    });

    test("it does nothing for a signal that has aborted already", async () => {
      await using world = await start();
      const error = await failure(world.notifier.send(to(world, critical), AbortSignal.abort()));
      expect(error.kind).toBe("not_sent");
      expect(world.arrived()).toEqual([]);
    });

    testOf("can be silent", "it stops at once when the signal aborts while the other side is silent", async () => {
      await using world = await start();
      const { reached } = world.hang?.() ?? expect.fail("nothing can hang");
      const abort = new AbortController();
      const sending = failure(world.notifier.send(to(world, critical), abort.signal));
      await reached;
      abort.abort(new Error("margind is stopping"));
      expect((await sending).kind).toBe("ambiguous");
    });

    testOf("has credentials", "N2: wrong credentials are refused for good, and shown nowhere", async () => {
      const logged: string[] = [];
      await using world = await open(testDeps({ logged }));
      (world.spoilCredentials ?? expect.fail("no credentials to spoil"))();
      const errors = [
        await failure(world.notifier.verify(NEVER)),
        await failure(world.notifier.send(to(world, critical), NEVER)),
      ];
      expect(errors.map(({ kind }) => kind)).toEqual(["refused", "refused"]);
      expectNoSecret(world.secrets, errors, logged);
    });

    test("it can be closed, used or not, and closed twice", async () => {
      await using unused = await start();
      await unused.notifier.close();
      await using used = await start();
      await used.notifier.send(to(used, critical), NEVER);
      await used.notifier.close();
      await used.notifier.close();
    });
  });

  if (faults.length > 0) {
    describe.concurrent(`${label}: what a failure means, without a secret in its error or the log`, () => {
      // written out: a table would cut the names short
      for (const { id, name, kind, says, waitMs, until, stage } of faults)
        test(`${id}: ${name} is ${kind}`, async () => {
          const logged: string[] = [];
          const clock = createWarpClock();
          await using world = await open(testDeps({ logged, clock }));
          stage(world);
          const sending = failure(world.notifier.send(to(world, critical), NEVER));
          await until?.(world).then(() => clock.skip(MINUTE_MS));
          const error = await sending;
          expect(error.kind).toBe(kind);
          if (says !== undefined) expect(error.message).toMatch(says);
          if (waitMs !== undefined) expect(error.retryAfterMs).toBe(waitMs);
          expectNoSecret(world.secrets, [error], logged);
          await world.notifier.send(to(world, critical, { attempt: 2 }), NEVER);
          const keys = new Set(world.arrived().map(({ key }) => key));
          expect([...keys]).toEqual([keyOf(critical.title)]);
          expect(world.flaws()).toEqual([]);
        });
    });
  }

  describe.concurrent(`${label} and any text:`, () => {
    test("N17: what an exchange or a config may hold arrives, and steers nothing", async () => {
      await using world = await start();
      await fc.assert(
        fc.asyncProperty(fc.array(shortLabel, { minLength: 3, maxLength: 12 }), fc.boolean(), async (texts, plain) => {
          const before = world.arrived().length;
          await world.notifier.send(to(world, messageOf(texts), { plain }), NEVER);
          const text = squeezed(world.arrived()[before]?.text ?? "");
          for (const words of texts) expect(text).toContain(squeezed(clean(words)));
          expect(world.flaws()).toEqual([]);
        }),
        { numRuns: 20, interruptAfterTimeLimit: 5_000 },
      );
    });

    test.each(ENDLESS)("N17: a label of 50 kB made of %j is accepted, its reference with it", async (unit) => {
      await using world = await start();
      const label = endless(unit);
      for (const plain of [false, true]) {
        await world.notifier.send(to(world, messageOf([label, label, label, label]), { plain }), NEVER);
        await world.notifier.send(to(world, singleOf(label), { plain }), NEVER);
      }
      expect(world.arrived().map(({ text }) => text.includes("#T-1"))).toEqual([true, true, true, true]);
      expect(world.flaws()).toEqual([]);
    });

    test.each([
      { name: "as the core tells it", inFull: 5, plain: false },
      { name: "as the core tells it, in plain form", inFull: 5, plain: true },
      { name: "each in full", inFull: 200, plain: false },
      { name: "each in full, in plain form", inFull: 200, plain: true },
    ])("N15: 200 alerts at once are one message, critical first ($name)", async ({ inFull, plain }) => {
      await using world = await start();
      await world.notifier.send(to(world, storm(200, inFull), { plain }), NEVER);
      expect(world.arrived()).toHaveLength(1);
      expect(world.flaws()).toEqual([]);
      const text = world.arrived()[0]?.text ?? "";
      const named = Array.from({ length: 200 }, (_, index) => index).filter((index) => text.includes(`PAIR${index} `));
      const counted = Number(/… and (\d+) more/.exec(text)?.[1] ?? 0);
      expect(named.length + counted).toBe(200);
      expect(named).toEqual(named.map((_, index) => index)); // the worst are never among those left out
      expect(text.indexOf("PAIR0 ")).toBeLessThan(text.indexOf("PAIR1 "));
      if (traits.includes("tells everything")) expect(counted).toBe(0);
    });

    test.each(Object.entries(BROKEN))(
      "N16: a message with %s is not lost: its raw values arrive",
      async (_, message) => {
        await using world = await start();
        for (const plain of [false, true]) await world.notifier.send(to(world, critical, { message, plain }), NEVER);
        for (const { text } of world.arrived()) {
          expect(text).toContain("margin level 1.24");
          expect(text).not.toMatch(/undefined|null|NaN|\[object/);
        }
        expect(world.arrived()).toHaveLength(2);
        expect(world.flaws()).toEqual([]);
      },
    );
  });
}

/** The longest deadline of any attempt. */
const MINUTE_MS = 60_000;

/** The NotifyError that `attempt` rejects with; anything else fails the test. */
export async function failure(attempt: Promise<unknown>): Promise<NotifyError> {
  const outcome = await attempt.then(
    () => "no error",
    (error: unknown) => error,
  );
  if (outcome instanceof NotifyError) return outcome;
  throw new Error("expected a NotifyError", { cause: outcome });
}

interface DepsOptions {
  /** Lines of the log, at its most talkative. */
  readonly logged?: string[];
  readonly clock?: Clock;
  readonly printed?: string[];
}

const traceLog = (lines: string[]): Log =>
  makeLogger({ level: "trace", format: "json", write: (line) => void lines.push(line) });

export function testDeps({ logged = [], clock = systemClock, printed = [] }: DepsOptions = {}): NotifierDeps {
  return {
    clock,
    log: traceLog(logged),
    instance: "0f8b6c1e-demo",
    timezone: "UTC",
    language: "en",
    out: { write: (text) => void printed.push(text) },
  };
}

/** Real time, but every wait of at least `fromMs` is `factor` times shorter: deadlines of a minute end while a test looks on. */
export const hurried = (factor: number, fromMs = 0): Clock => ({
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms < fromMs ? ms : ms / factor, signal),
});

/** Looks at everything that an error holds, its causes with it, and at what the log makes of it in every way of logging it. */
export function expectNoSecret(secrets: readonly string[], errors: readonly Error[], logged: readonly string[]): void {
  const lines = [...logged];
  for (const error of errors) traceLog(lines).error({ error, err: error, cause: error.cause }, error.message);
  const inspected = errors.map((error) => `${error.stack}\n${inspect(error, { depth: 10, showHidden: true })}`);
  const seen = [...inspected, ...lines].join("\n");
  for (const secret of secrets) expect(seen).not.toContain(secret);
}

function wordsOf({ title, sections, more }: Message): string[] {
  return [title, ...more, ...sections.flatMap(({ headline, lines, ref }) => [headline, ...lines, ref])];
}

/** Media fold and trim blanks as they like. */
const squeezed = (text: string): string => text.replace(/\s+/g, "");

// ---------------------------------------------------------------- messages that put a notifier to the test

const sectionOf = (headline: string, lines: readonly string[], ref: string): Section => ({
  kind: "opened",
  severity: "warning",
  headline,
  lines,
  ref,
});

function messageOf([headline = "", subject = "", ...lines]: readonly string[]): Message {
  const sections = [sectionOf(headline, lines, "#T-1")];
  return { kind: "opened", severity: "warning", title: headline, sections, more: [subject], subject };
}

const singleOf = (label: string): Message => ({ ...messageOf([label, label, label]), more: [] });

/** So many alerts in one cycle, worst first; what is not told in full stands in the list of headlines. */
export function storm(count: number, inFull: number): Message {
  const alerts = Array.from({ length: count }, (_, index) => ({
    ...sectionOf(
      `CRITICAL · main · PAIR${index} isolated margin level 1.0${index}`,
      [
        "Liquidation at 118.20 USDT is a 1.4 % fall away (index price 119.88).",
        "Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.",
        "Critical since 23:05 UTC. Data 2 s old at 23:05:04.",
      ],
      `#S${index}-1`,
    ),
    severity: "critical" as const,
  }));
  const more = alerts.slice(inFull).map(({ headline, ref }) => `${headline} ${ref}`);
  const title = `CRITICAL · main · ${count} alerts`;
  return { kind: "opened", severity: "critical", title, sections: alerts.slice(0, inFull), more, subject: title };
}

const damaged = (field: string, value: unknown): Message =>
  JSON.parse(JSON.stringify(critical, (key, kept) => (key === field ? value : kept)));

/** Rows as no version writes them: the mistake that nobody has thought of. */
const BROKEN: Readonly<Record<string, Message>> = {
  "no lines": damaged("lines", undefined),
  "lines that are no list": damaged("lines", 5),
  "a line that is no text": damaged("lines", ["a", { b: "c" }]),
  "a headline that is no text": damaged("headline", 5),
  "a title that is no text": damaged("title", { text: 5 }),
  "a severity of some later version": damaged("severity", "catastrophic"),
  "a kind of some later version": damaged("kind", "escalated"),
  "no list of further alerts": damaged("more", undefined),
  "no subject": damaged("subject", undefined),
  "no sections": damaged("sections", undefined),
  "an empty list of sections": damaged("sections", []),
  "an empty section": damaged("sections", [null]),
  "no reference": damaged("ref", undefined),
};
