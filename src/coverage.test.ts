// Which alerts end with the configuration that had them watched.
import { expect, test } from "vitest";
import { UTC } from "../test/support/desk.ts";
import { openShared } from "../test/support/shared.ts";
import { advanceOwn } from "./core/advance.ts";
import type { Subject } from "./core/ports.ts";
import { sayOrphans } from "./coverage.ts";
import type { WatchedAccount } from "./watch.ts";

const SLOWLY = { poll: "0 * * * * *", isolated: "all" } as const;
const EVERYTHING: WatchedAccount = {
  ...{ name: "main", poll: "", cross: true, isolated: "all" },
  flows: SLOWLY,
  transfers: { ...SLOWLY, allow: [] },
  delistings: SLOWLY,
  interest: { poll: "", times: 4 },
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
  ["asset USDT", "interest-rate", {}, true],
  ["asset USDT", "interest-rate", { interest: undefined }, false],
  ["asset USDT", "interest-rate", { cross: false }, true], // pairs owe it too
  ["asset USDT", "interest-rate", { isolated: "none", delistings: undefined, flows: undefined }, true],
  ["source interest rates", "exchange-changed", {}, true],
  ["source interest rates", "exchange-changed", { interest: undefined }, false],
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
