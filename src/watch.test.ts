// When a daemon must give up: the key is refused for good, and a hiccup of the exchange is not that. And which alerts end with the
// configuration that had them watched.
import { expect, test } from "vitest";
import { BARS_3X, debtFree } from "../test/support/answers.ts";
import { createTestClock } from "../test/support/clock.ts";
import { bookOf, UTC } from "../test/support/desk.ts";
import { createMemoryStore } from "../test/support/memory-store.ts";
import { openShared } from "../test/support/shared.ts";
import { advanceOwn } from "./core/advance.ts";
import type { Failure, ReadResult, Source, Subject } from "./core/ports.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";
import { sayOrphans, type WatchedAccount, watchOf } from "./watch.ts";

const failed = (source: Source, code: Failure["code"]): ReadResult => ({
  ok: false,
  atMs: 0,
  source,
  failure: { code, detail: "" },
});
const refused = (source: Source) => failed(source, "rejected_key");
const good: ReadResult = { ok: true, atMs: 0, answer: debtFree() };

function watch() {
  const store = createMemoryStore();
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers: [],
    log: silentLog,
    isWatched: () => true,
    stillWaiting: () => () => false,
  });
  const account = { name: "main", poll: "", cross: true, isolated: "all" } as const;
  const exchange = { account: "main", bars: () => BARS_3X, poll: () => [] };
  const shared = {
    ledger,
    book: bookOf(),
    clock: createTestClock(),
    locale: UTC,
    deliver() {},
    muted: () => new Set<string>(),
  };
  return watchOf(account, exchange, shared, silentLog);
}

test.each<{ name: string; polls: readonly (readonly ReadResult[])[]; gives: boolean }>([
  { name: "nothing yet", polls: [], gives: false },
  { name: "one refusal", polls: [[refused("cross"), refused("isolated")]], gives: false },
  {
    name: "two refusals in a row of every source",
    polls: [
      [refused("cross"), refused("isolated")],
      [refused("cross"), refused("isolated")],
    ],
    gives: true,
  },
  {
    name: "two refusals, each poll without the source that was still being read",
    polls: [[refused("cross")], [refused("isolated")], [refused("cross")], [refused("isolated")]],
    gives: true,
  },
  { name: "two refusals of one source of two", polls: [[refused("cross")], [refused("cross")]], gives: false },
  {
    name: "refusals with another failure between",
    polls: [
      [refused("cross"), refused("isolated")],
      [failed("cross", "unavailable"), refused("isolated")],
      [refused("cross"), refused("isolated")],
    ],
    gives: false,
  },
  {
    name: "refusals after a valid answer",
    polls: [[good], [refused("cross"), refused("isolated")], [refused("cross"), refused("isolated")]],
    gives: false,
  },
])("gives up after $name: $gives", ({ polls, gives }) => {
  const account = watch();
  for (const results of polls) account.note(results);
  expect(account.isRefused()).toBe(gives);
});

const SLOWLY = { poll: "0 * * * * *", isolated: "all" } as const;
const EVERYTHING: WatchedAccount = {
  ...{ name: "main", poll: "", cross: true, isolated: "all" },
  flows: SLOWLY,
  transfers: { ...SLOWLY, allow: [] },
  delistings: SLOWLY,
};

test.each<[Subject, string, Partial<WatchedAccount>, boolean]>([
  ["asset LINK", "delist-schedule", {}, true],
  ["asset LINK", "delist-schedule", { delistings: undefined }, false],
  ["asset LINK", "delist-schedule", { flows: undefined, transfers: undefined }, true],
  ["asset LINK", "restricted-asset", { delistings: undefined }, false],
  ["isolated BTCUSDT", "delist-schedule", { delistings: undefined }, false],
  ["isolated BTCUSDT", "delist-schedule", { isolated: ["ETHUSDT"] }, false],
  ["asset LINK", "delist-schedule", { cross: false }, false],
  ["asset LINK", "restricted-asset", { cross: false }, false],
  ["isolated BTCUSDT", "delist-schedule", { cross: false }, true],
  ["source liquidation loans", "exchange-changed", { cross: false }, false],
  ["source capital flow", "exchange-changed", { cross: false }, true],
  ["cross", "liquidation-loan", {}, true],
  ["cross", "liquidation-loan", { flows: undefined }, false],
  ["cross", "stream-margin-call", { flows: undefined, delistings: undefined }, true],
  ["cross", "stream-margin-call", { cross: false }, false],
  ["source capital flow", "exchange-changed", {}, true],
  ["source capital flow", "exchange-changed", { flows: undefined }, false],
  ["source transfer history", "exchange-changed", { transfers: undefined }, false],
  ["source delist schedule", "exchange-changed", { delistings: undefined }, false],
  ["source cross account", "exchange-changed", { flows: undefined, delistings: undefined }, true],
  ["source cross account", "exchange-changed", { cross: false }, false],
  ["source isolated pairs", "exchange-changed", { isolated: "none" }, false],
])("an alert on %s by %s goes on with %j: %s", (subject, rule, over, goesOn) => {
  const shared = openShared();
  const id = { account: "main", subject, rule };
  const scene = { states: shared.ledger.states, book: shared.book, nowMs: 1000 };
  const { changes } = advanceOwn(id, "warning", { about: "loan", loans: [] }, scene);
  shared.ledger.commit({ changes, notifications: [] }, undefined, 1000);
  expect(shared.ledger.alerts()).toHaveLength(1);
  sayOrphans([{ ...EVERYTHING, ...over }], shared.ledger, shared.book, 2000, UTC);
  expect(shared.ledger.alerts()).toHaveLength(goesOn ? 1 : 0);
});
