// An outbox that was filled under another config.
import { expect, test } from "vitest";
import { createMemoryStore } from "../test/support/memory-store.ts";
import { critical, keyOf } from "../test/support/messages.ts";
import type { NewRow } from "./core/ports.ts";
import { leftovers } from "./leftovers.ts";
import { type Log, silentLog } from "./lib/log.ts";

const rowFor = (notifier: string, recipient: string): NewRow => ({
  key: keyOf(`${notifier} ${recipient}`),
  notifier,
  recipient,
  incidents: ["main|cross|cross-margin-level@1"],
  message: critical,
  rootKey: keyOf("root"),
  edits: [],
  enqueuedAtMs: 5,
});

function left(rows: readonly NewRow[], channels: Parameters<typeof leftovers>[1]) {
  const store = createMemoryStore();
  store.commit({ alerts: [], rows, snapshot: undefined });
  const warnings: string[] = [];
  const warn = (_: object, text: string) => void warnings.push(text);
  const log: Log = { trace() {}, debug() {}, info() {}, warn, error() {} };
  const { rows: kept, undelivered } = leftovers(store, channels, log);
  expect(kept).toEqual(store.pending(0)); // what is delivered is what is stored
  return {
    undelivered,
    kept: kept.map(({ notifier, recipient, rootKey }) => [notifier, recipient, rootKey]),
    warnings,
  };
}

test("stays as it is while its channels are there", () => {
  const { kept, warnings } = left([rowFor("desk", "C1")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([["desk", "C1", keyOf("root")]]);
  expect(warnings).toEqual([]);
});

test("goes to the address that was mended, in a conversation of its own", () => {
  const { kept, warnings } = left([rowFor("desk", "C-wrong")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([["desk", "C1", null]]);
  expect(warnings).toEqual([`undelivered under an address that is gone from the config: ${critical.title}`]);
});

test("reaches a new address once, however many old ones it waited for", () => {
  const rows = [rowFor("mail", "a@x.com"), rowFor("mail", "b@x.com")];
  expect(left(rows, [{ name: "mail", recipients: ["c@x.com"] }]).kept).toEqual([["mail", "c@x.com", null]]);
});

test("goes with a notifier that is gone, and it is said what nobody was told", () => {
  const { kept, undelivered } = left([rowFor("pager", "x")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([]);
  expect(undelivered).toEqual([critical.title]);
});

test("stays stored, and holds up no start, when the disk takes nothing", () => {
  const store = createMemoryStore();
  store.commit({ alerts: [], rows: [rowFor("desk", "C-wrong"), rowFor("mail", "a@x.com")], snapshot: undefined });
  store.failure = "the disk is full";
  const channels = [
    { name: "desk", recipients: ["C1"] },
    { name: "mail", recipients: ["a@x.com"] },
  ];
  expect(leftovers(store, channels, silentLog).rows.map(({ notifier }) => notifier)).toEqual(["mail"]);
  expect(store.pending(0)).toHaveLength(2);
});
