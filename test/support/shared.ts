// What every watch of an account shares (ledger, book, clock, channel), over a store in memory: what would be sent is only collected. A
// second one over the same store is a restart.
import type { Locale } from "../../src/core/format.ts";
import type { RuleConfig } from "../../src/core/rules/types.ts";
import { type Ledger, openLedger } from "../../src/ledger.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Teller } from "../../src/tell.ts";
import { createTestClock, type TestClock } from "./clock.ts";
import { bookOf, messageText, UTC } from "./desk.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

export interface SharedOptions {
  readonly clock?: TestClock;
  readonly store?: MemoryStore;
  readonly locale?: Locale;
  readonly rules?: readonly RuleConfig[];
}

export interface TestShared extends Teller {
  readonly clock: TestClock;
  readonly ledger: Ledger;
  readonly store: MemoryStore;
  /** What was told since this was last asked, without the names of incidents (#A1B2-3 becomes #3). */
  told(): readonly string[];
  /** "asset ROSE/delist-schedule warning" */
  firing(): readonly string[];
}

export const ZH: Locale = { timezone: "Asia/Shanghai", language: "zh-CN" };

export function openShared(options: SharedOptions = {}): TestShared {
  const { clock = createTestClock(), store = createMemoryStore(), locale = UTC, rules } = options;
  const notifiers = [{ name: "desk", recipients: ["#desk"] }];
  const stillWaiting = () => () => true;
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers,
    log: silentLog,
    isWatched: () => true,
    stillWaiting,
  });
  const texts: string[] = [];
  return {
    ledger,
    store,
    clock,
    locale,
    book: bookOf(rules === undefined ? {} : { rules }),
    muted: () => new Set(),
    deliver: (rows) => void texts.push(...rows.map(({ message }) => messageText(message))),
    told: () => texts.splice(0).map((text) => text.replaceAll(/#[0-9A-Z]{4}-(\d+)/g, "#$1")),
    firing: () =>
      ledger
        .alerts()
        .flatMap(({ id, state }) => (state?.phase === "firing" ? [`${id.subject}/${id.rule} ${state.severity}`] : [])),
  };
}
