// What every notifier owes the pipeline, checked against a real server of its kind. A new adapter brings an `open` that starts one
// and says how to make it fail; the tests are the same for all.
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Clock, type Delivery, type Message, type Notifier, NotifyError } from "../../src/core/ports.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { NotifierDeps } from "../../src/notify/index.ts";
import { clean } from "../../src/notify/text.ts";
import { crash, critical, deliveryOf } from "./messages.ts";

/** One message as the other side has it. */
export interface Arrived {
  readonly key: string | undefined;
  /** All that a person can read of it, decoded from the medium. */
  readonly text: string;
}

export interface Fault {
  readonly name: string;
  readonly kind: NotifyError["kind"];
  /** Makes the next attempt fail this way. */
  stage(): void;
}

export interface NotifierWorld extends AsyncDisposable {
  readonly notifier: Notifier;
  arrived(): readonly Arrived[];
  readonly faults: readonly Fault[];
  /** Leaves the next attempt without an answer; resolves once it has come in. Undefined where nothing can hang. */
  readonly hang: (() => { readonly reached: Promise<void> }) | undefined;
  /** Makes the credentials wrong; undefined where there are none. */
  readonly spoilCredentials: (() => void) | undefined;
  /** Must never be seen in an error or a log. */
  readonly secrets: readonly string[];
  readonly logged: readonly string[];
}

const NEVER = new AbortController().signal;

type Trait = "can be silent" | "can fail" | "has credentials";

export function notifierContract(
  label: string,
  traits: readonly Trait[],
  open: (deps: NotifierDeps, logged: string[]) => Promise<NotifierWorld>,
) {
  const testOf = (trait: Trait, name: string, run: () => Promise<void>) => {
    if (traits.includes(trait)) test(name, run);
  };
  const start = () => {
    const logged: string[] = [];
    return open(testDeps({ logged }), logged);
  };
  const to = (world: NotifierWorld, message: Message, over: Partial<Delivery> = {}) =>
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

    test("it renders any text that an exchange or a config may hold", async () => {
      await using world = await start();
      await fc.assert(
        fc.asyncProperty(fc.array(hostileText, { minLength: 3, maxLength: 12 }), async (texts) => {
          const before = world.arrived().length;
          await world.notifier.send(to(world, messageOf(texts)), NEVER);
          const text = squeezed(world.arrived()[before]?.text ?? "");
          for (const words of texts) expect(text).toContain(squeezed(clean(words)));
        }),
        { numRuns: 12 },
      );
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

    testOf(
      "can fail",
      "it says by the kind of its error what a failure means, and delivers when tried again",
      async () => {
        await using world = await start();
        expect(world.faults).not.toEqual([]);
        for (const fault of world.faults) {
          fault.stage();
          const error = await failure(world.notifier.send(to(world, critical), NEVER));
          expect({ fault: fault.name, kind: error.kind }).toEqual({ fault: fault.name, kind: fault.kind });
          await world.notifier.send(to(world, critical, { attempt: 2 }), NEVER);
        }
      },
    );

    testOf("has credentials", "it refuses wrong credentials for good, and shows them nowhere", async () => {
      await using world = await start();
      (world.spoilCredentials ?? expect.fail("no credentials to spoil"))();
      const errors = [
        await failure(world.notifier.verify(NEVER)),
        await failure(world.notifier.send(to(world, critical), NEVER)),
      ];
      expect(errors.map(({ kind }) => kind)).toEqual(["refused", "refused"]);
      expectNoSecret(world, errors);
    });

    testOf("can fail", "it shows no secret in any error or log", async () => {
      await using world = await start();
      const errors: unknown[] = [];
      for (const fault of world.faults) {
        fault.stage();
        errors.push(await failure(world.notifier.send(to(world, critical), NEVER)));
      }
      expectNoSecret(world, errors);
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
}

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
  readonly logged?: string[];
  readonly clock?: Clock;
  readonly printed?: string[];
}

export function testDeps({ logged = [], clock = systemClock, printed = [] }: DepsOptions = {}): NotifierDeps {
  return {
    clock,
    log: { debug: (fields, message) => void logged.push(`${message} ${inspect(fields, { depth: 9 })}`) },
    instance: "0f8b6c1e-demo",
    timezone: "UTC",
    language: "en",
    out: { write: (text) => void printed.push(text) },
  };
}

/** Real time, but every wait is `factor` times shorter: deadlines of a minute end while a test looks on. */
export const hurried = (factor: number): Clock => ({
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
});

function expectNoSecret(world: NotifierWorld, errors: readonly unknown[]): void {
  const seen = [...errors.map((error) => inspect(error, { depth: 9, showHidden: true })), ...world.logged].join("\n");
  for (const secret of world.secrets) expect(seen).not.toContain(secret);
}

function wordsOf({ title, sections, more }: Message): string[] {
  return [title, ...more, ...sections.flatMap(({ headline, lines, ref }) => [headline, ...lines, ref])];
}

/** Media fold and trim blanks as they like. */
const squeezed = (text: string): string => text.replace(/\s+/g, "");

const SNIPPETS = [
  "<!channel>",
  "<@U123>",
  "@here",
  "*bold*",
  "_it_ ~s~ `code`",
  ":skull:",
  "> quote",
  "&amp; & <",
  "<script>alert(1)</script>",
  '" onclick="x',
  "\u001b[31mred",
  "a\r\nBcc: x@y.test",
  "\r\n.\r\n",
  "\u202Eevil",
  "👩‍👩‍👧‍👦",
  "\uD83D",
  "强制平仓",
  "=?utf-8?Q?x?=",
  "%s {} $1",
  "\u0000",
];
const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ unit: "binary", maxLength: 20 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => `x${parts.join(" ")}x`);

function messageOf([headline = "", subject = "", ...lines]: readonly string[]): Message {
  const section = { kind: "opened" as const, severity: "warning" as const, headline, lines, ref: "#T-1" };
  return { kind: "opened", severity: "warning", title: headline, sections: [section], more: [subject], subject };
}
