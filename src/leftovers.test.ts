// An outbox that was filled under another config.
import { expect, test } from "vitest";
import { createMemoryStore } from "../test/support/memory-store.ts";
import { critical, keyOf } from "../test/support/messages.ts";
import type { NewRow } from "./core/ports.ts";
import { leftovers } from "./leftovers.ts";
import type { Log } from "./lib/log.ts";

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
  const kept = leftovers(store, channels, log);
  expect(kept).toEqual(store.pending(0)); // what is delivered is what is stored
  return { kept: kept.map(({ notifier, recipient, rootKey }) => [notifier, recipient, rootKey]), warnings };
}

test("stays as it is while its channels are there", () => {
  const { kept, warnings } = left([rowFor("desk", "C1")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([["desk", "C1", keyOf("root")]]);
  expect(warnings).toEqual([]);
});

test("goes to the address that was mended, in a conversation of its own", () => {
  const { kept, warnings } = left([rowFor("desk", "C-wrong")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([["desk", "C1", null]]);
  expect(warnings).toEqual([`undelivered, goes to the new address: ${critical.title}`]);
});

test("reaches a new address once, however many old ones it waited for", () => {
  const rows = [rowFor("mail", "a@x.com"), rowFor("mail", "b@x.com")];
  expect(left(rows, [{ name: "mail", recipients: ["c@x.com"] }]).kept).toEqual([["mail", "c@x.com", null]]);
});

test("goes with a notifier that is gone, and the log says what nobody was told", () => {
  const { kept, warnings } = left([rowFor("pager", "x")], [{ name: "desk", recipients: ["C1"] }]);
  expect(kept).toEqual([]);
  expect(warnings).toEqual([`never delivered, its notifier is gone from the config: ${critical.title}`]);
});
