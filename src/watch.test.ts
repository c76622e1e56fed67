// When a daemon must give up: the key is refused for good, and a hiccup of the exchange is not that.
import { expect, test } from "vitest";
import { BARS_3X, debtFree } from "../test/support/answers.ts";
import { createTestClock } from "../test/support/clock.ts";
import { bookOf, UTC } from "../test/support/desk.ts";
import { createMemoryStore } from "../test/support/memory-store.ts";
import type { Failure, ReadResult, Source } from "./core/ports.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";
import { watchOf } from "./watch.ts";

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
