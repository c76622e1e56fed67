// The channels: each takes messages at the notifier port, refuses, loses, hangs as planned, and its sink remembers what was
// accepted, when, and in which bytes.
import { type Delivery, type Notifier, NotifyError, type Receipt } from "../../src/core/ports.ts";
import type { Deed, Outcome } from "./history.ts";
import type { Random } from "./random.ts";
import { type ChannelFault, type ChannelPlan, type Config, type Death, faultAt } from "./scenario.ts";
import { type Life, MINUTE, SECOND, type Time } from "./time.ts";

export interface ChannelParts {
  readonly plans: readonly ChannelPlan[];
  readonly calmMs: number;
  readonly time: Time;
  randomFor(channel: string): Random;
  record(life: Life, deed: Deed): void;
  mayDie(life: Life, where: Death): void;
}

export interface Channels {
  /** The notifiers of one watch. */
  open(life: Life, config: Config): readonly Notifier[];
}

/** How an attempt goes on. */
interface Fate {
  readonly outcome: Outcome | "never";
  readonly isAccepted: boolean;
  readonly afterMs: number;
  readonly retryAfterMs?: number;
}

export function createChannels({ plans, calmMs, time, randomFor, record, mayDie }: ChannelParts): Channels {
  const randoms = new Map(plans.map(({ name }) => [name, randomFor(name)]));
  let receipts = 0;

  function fateOf(fault: ChannelFault | undefined, random: Random, delivery: Delivery): Fate {
    const soonMs = random.between(40, 400);
    switch (fault) {
      case undefined:
        return { outcome: "ok", isAccepted: true, afterMs: soonMs };
      case "slow":
        return { outcome: "ok", isAccepted: true, afterMs: random.between(5 * SECOND, 80 * SECOND) };
      case "limited":
        return {
          outcome: "not_sent",
          isAccepted: false,
          afterMs: soonMs,
          retryAfterMs: random.magnitude(SECOND, 5 * MINUTE),
        };
      case "unreachable":
        return { outcome: "not_sent", isAccepted: false, afterMs: random.between(1, 10 * SECOND) };
      case "lost":
        return { outcome: "ambiguous", isAccepted: true, afterMs: random.between(SECOND, 15 * SECOND) };
      case "maybe":
        return { outcome: "ambiguous", isAccepted: false, afterMs: random.between(SECOND, 15 * SECOND) };
      case "refused":
        return { outcome: "refused", isAccepted: false, afterMs: soonMs };
      case "payload":
        return delivery.plain && random.chance(0.8)
          ? { outcome: "ok", isAccepted: true, afterMs: soonMs }
          : { outcome: "payload", isAccepted: false, afterMs: soonMs };
      case "hang":
        return { outcome: "never", isAccepted: random.chance(0.5), afterMs: soonMs };
      case "broken":
        return { outcome: "error", isAccepted: random.chance(0.5), afterMs: soonMs };
    }
  }

  function open(life: Life, config: Config): readonly Notifier[] {
    return config.channels.flatMap(({ name, recipients }) => {
      const plan = plans.find((each) => each.name === name);
      const random = randoms.get(name);
      return plan === undefined || random === undefined ? [] : [notifier(life, { ...plan, recipients }, random)];
    });
  }

  /** Resolves after `ms`, if the process still lives; rejects as aborted unless it does not heed its signal. */
  function wait(life: Life, ms: number, signal: AbortSignal, happen: () => void): Promise<void> {
    time.spin(life);
    return new Promise((resolve, reject) => {
      let isOpen = true;
      life.sleeping += 1;
      const leave = () => {
        isOpen = false;
        life.sleeping -= 1;
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        if (!isOpen) return;
        leave();
        reject(new NotifyError("ambiguous", "cut off"));
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort);
      // What the other side does it does whether the process lives or not.
      time.at(time.nowMs() + ms, happen);
      time.reach(life, time.nowMs() + ms, () => {
        if (!isOpen) return;
        leave();
        if (life.isAlive) resolve();
      });
    });
  }

  function notifier(life: Life, plan: ChannelPlan, random: Random): Notifier {
    const { name, recipients } = plan;
    const accept = (delivery: Delivery) => {
      record(life, { kind: "accepted", notifier: name, delivery, bytes: JSON.stringify(delivery.message) });
      mayDie(life, "after accepted");
    };
    const end = (delivery: Delivery, { outcome, retryAfterMs }: Fate): Receipt => {
      if (outcome !== "never")
        record(life, { kind: "outcome", notifier: name, recipient: delivery.recipient, key: delivery.key, outcome });
      receipts += 1;
      if (outcome === "ok") return { ts: `${receipts}` };
      if (outcome === "error" || outcome === "never") throw new Error("the adapter broke");
      throw new NotifyError(outcome, `${name} says: ${outcome}`, retryAfterMs === undefined ? {} : { retryAfterMs });
    };
    return {
      name,
      recipients,
      async send(delivery, signal) {
        if (!life.isAlive) return new Promise(() => undefined);
        record(life, { kind: "attempt", notifier: name, delivery });
        const fate = fateOf(faultAt(plan, time.nowMs(), calmMs, random), random, delivery);
        await wait(life, fate.afterMs, signal, () => fate.isAccepted && accept(delivery));
        if (fate.outcome === "never") await wait(life, 300 * MINUTE, signal, () => undefined);
        return end(delivery, fate);
      },
      ...(plan.isLiving && {
        async decorate(_: Delivery, signal: AbortSignal) {
          await wait(life, random.between(50, 1500), signal, () => undefined).catch(() => undefined);
        },
      }),
      async verify(signal) {
        if (!life.isAlive) return new Promise(() => undefined);
        const fault = faultAt({ ...plan, kinds: [], rate: 0 }, time.nowMs(), calmMs, random);
        const outcome: Outcome = fault === "refused" ? "refused" : fault === "unreachable" ? "not_sent" : "ok";
        await wait(life, random.between(40, 400), signal, () => undefined);
        record(life, { kind: "verified", notifier: name, outcome });
        if (outcome !== "ok") throw new NotifyError(outcome, `${name} says: ${outcome}`);
      },
      async close() {},
    };
  }

  return { open };
}
