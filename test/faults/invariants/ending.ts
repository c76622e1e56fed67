// How things end: a stop leaves nothing behind; and when nothing has gone wrong for hours (--liveness), the outbox is empty, what
// fires is what is true, and everything says that it is well.
import type { AlertState } from "../../../src/core/lifecycle.ts";
import { seenOf } from "../answers.ts";
import type { Happening } from "../history.ts";
import type { DeliveryOracle } from "./delivery.ts";
import { covers, judge } from "./judge.ts";
import { isFiring, type Oracle, type OracleParts, rankOf } from "./scene.ts";

export function ending(
  { scenario, truth, books, time, disk, scene, violate }: OracleParts,
  states: ReadonlyMap<string, AlertState>,
  { duties }: DeliveryOracle,
): Oracle {
  let lastPing: (Happening & { readonly kind: "ping" }) | undefined;

  function expectCalm(): void {
    const { config } = scene;
    if (config === undefined) {
      violate("liveness", "nothing has gone wrong for hours, and the program does not run");
      return;
    }
    const waiting = [...disk.content.rows.values()].filter(
      ({ deliveredAtMs, mergedInto }) => deliveredAtMs === null && mergedInto === null,
    );
    if (waiting.length + duties.size > 0)
      violate(
        "liveness",
        `nothing has gone wrong for hours, and ${waiting.length} rows still wait (${duties.size} in memory)`,
      );
    for (const [name, state] of states) {
      if (isFiring(state) && /\|(blind|undelivered|disk)$/.test(name))
        violate("liveness", `nothing has gone wrong for hours, and ${name} still fires`);
    }
    for (const { name, cross, isolated } of config.accounts) {
      const symbols = isolated === "none" ? [] : isolated === "all" ? ["BTCUSDT", "ETHUSDT", "SOLUSDT"] : isolated;
      for (const subject of [...(cross ? ["cross"] : []), ...symbols.map((symbol) => `isolated ${symbol}`)])
        expectTruth(name, subject);
    }
    if (scenario.beatMs < 3_600_000 && lastPing?.problem !== undefined)
      violate("liveness", `nothing has gone wrong for hours, and the heartbeat says: ${lastPing.problem}`);
  }

  function expectTruth(account: string, subject: string): void {
    const place = `${account} ${subject.replace("isolated ", "")}`;
    const position = truth.at(place, time.nowMs());
    if (!position.isPresent) return; // what fired on it stays until somebody sees it again
    const seen = seenOf(subject, position, books.flagsOff(place, time.nowMs()));
    for (const rule of scene.config?.rules ?? []) {
      if (!covers(rule, subject)) continue;
      const state = states.get(`${account}|${subject}|${rule.id}`);
      const rank = isFiring(state) ? rankOf(state.severity) : -1;
      const { sure, heldMaybe } = judge(rule, seen);
      if (rank < sure || rank > heldMaybe)
        violate(
          "liveness",
          `nothing has moved for hours, ${account} ${subject} is at ${seen.value} ${seen.status}, and ${rule.id} is at rung ${rank}`,
        );
    }
    if (isFiring(states.get(`${account}|${subject}|position-gone`)))
      violate("liveness", `${account} ${subject} is there, and is still called gone`);
  }

  return {
    see(happening) {
      if (happening.kind === "ping") lastPing = happening;
      if (happening.kind === "stopped" && happening.sleeping > 0)
        violate("leaks", `${happening.sleeping} sleepers or calls are left after a stop`);
    },
    end() {
      if (time.nowMs() >= scenario.calmMs) expectCalm();
    },
  };
}
