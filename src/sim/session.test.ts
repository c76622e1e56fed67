import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import type { Clock } from "../core/ports.ts";
import { runSession, type SessionSettings } from "./session.ts";

const temp = tempFolder();
afterAll(() => temp[Symbol.dispose]());

function fileOf(name: string, text: string): string {
  const file = join(temp.path, name);
  writeFileSync(file, text);
  return file;
}

const SETTINGS: SessionSettings = {
  port: 0,
  host: "127.0.0.1",
  csv: true,
  seed: 1,
  speed: 3_600,
  startMs: Date.parse("2020-03-12T10:00:00Z"),
  credentials: undefined,
  book: undefined,
};

/** A clock on which a sleep takes no real time; the session ends when it has slept `ticks` times. */
function fakeWorld(ticks: number) {
  const stopping = new AbortController();
  const lines: string[] = [];
  const slept: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    wallMs: () => Date.parse("2026-11-01T08:30:00Z") + nowMs,
    monoMs: () => nowMs,
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
      if (slept.length >= ticks) stopping.abort();
    },
  };
  return { lines, world: { clock, signal: stopping.signal, print: (line: string) => void lines.push(line) } };
}

test("says where it listens, what to save, and what happens in simulated time", async () => {
  const { lines, world } = fakeWorld(20);
  await runSession(SETTINGS, world);
  const text = lines.join("\n");
  expect(text).toMatch(/^Simulated exchange on http:\/\/127\.0\.0\.1:\d+: no real account, no real money\.$/m);
  expect(text).toContain(
    "Prices: real bitcoin prices of March 2020, 2020-03-09 00:00 to 2020-03-15 00:00, from 2020-03-12 10:00; 3600 simulated seconds a second.",
  );
  expect(text).toMatch(
    /baseUrl: http:\/\/127\.0\.0\.1:\d+\n[\s\S]*apiKey: margindSimulatorKey\w+\n\s+apiSecret: margindSimulatorSecret\w+/,
  );
  expect(text).toMatch(
    /stream:\n {6}riskUrl: (ws:\/\/127\.0\.0\.1:\d+)\n {6}userUrl: \1\/ws-api\/v3\n[\s\S]*stream: true/,
  );
  expect(lines.filter((line) => line.startsWith("2020-"))).toEqual([
    "2020-03-10 00:00  cross: 5 LINK are transferred to the funding wallet",
    "2020-03-12 10:40  isolated BTCUSDT: the owner's stop-loss sells 2.39 BTC; the debt stays",
  ]);
});

test("with recorded prices the book is played from their beginning, so that a late start finds its past", async () => {
  const { lines, world } = fakeWorld(1);
  await runSession({ ...SETTINGS, startMs: Date.parse("2020-03-13T00:00:00Z") }, world);
  expect(lines.filter((line) => line.startsWith("2020-")).map((line) => line.slice(0, 16))).toEqual([
    "2020-03-10 00:00",
    "2020-03-12 10:40",
    "2020-03-12 23:10",
  ]);
});

test("says once that the recorded prices have ended", async () => {
  const { lines, world } = fakeWorld(10);
  await runSession({ ...SETTINGS, startMs: Date.parse("2020-03-14T23:59:00Z") }, world);
  expect(lines.filter((line) => line.includes("end here"))).toHaveLength(1);
});

test("without bars it is a random walk from the full hour", async () => {
  const { lines, world } = fakeWorld(2);
  await runSession({ ...SETTINGS, csv: undefined, seed: 7, startMs: undefined, speed: 1 }, world);
  expect(lines.join("\n")).toContain(
    "Prices: a random walk with seed 7, from 2026-11-01 08:00; 1 simulated second a second.",
  );
});

test("takes a file of bars and a file of positions", async () => {
  const csv = fileOf("bars.csv", "open_time_ms,open,high,low,close\n1583971200000,5000,5000,4000,4000\n");
  const book = fileOf(
    "book.json",
    '{"isolated":[{"symbol":"BTCUSDT","base":{"free":1},"quote":{"borrowed":4000},"tier":"5x"}]}',
  );
  const { lines, world } = fakeWorld(10);
  await runSession({ ...SETTINGS, csv, book, startMs: undefined }, world);
  expect(lines.filter((line) => line.includes("the exchange takes over"))).toHaveLength(1);
});

test("does not print a secret that it was given", async () => {
  const { lines, world } = fakeWorld(1);
  await runSession({ ...SETTINGS, credentials: { apiKey: "my-key", secret: "my-own-secret" } }, world);
  expect(lines.join("\n")).toContain("apiKey: my-key");
  expect(lines.join("\n")).not.toContain("my-own-secret");
});

test.each([
  {
    name: "a file that is not there",
    change: { csv: "/no/such/file.csv" },
    says: "/no/such/file.csv: there is no such file",
  },
  {
    name: "bars that are none",
    change: { csv: fileOf("bad.csv", "a,b") },
    says: "bad.csv: line 1: expected the header",
  },
  { name: "a book that is none", change: { book: fileOf("bad.json", '{"x":1}') }, says: "bad.json: " },
  {
    name: "an address of another machine",
    change: { host: "192.0.2.1" },
    says: "192.0.2.1 port 0: this machine has no such address.",
  },
])("refuses $name in one sentence", async ({ change, says }) => {
  const { world } = fakeWorld(1);
  const failed = runSession({ ...SETTINGS, ...change }, world);
  await expect(failed).rejects.toMatchObject({ name: "SessionError", message: expect.stringContaining(says) });
});

test("refuses a port that is taken", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const failed = runSession({ ...SETTINGS, port }, fakeWorld(1).world);
  await expect(failed).rejects.toThrow(`127.0.0.1 port ${port} is taken: choose another with --port.`);
  await new Promise((resolve) => other.close(resolve));
});

test("says of a book whose actions lie before the start that they will not happen", async () => {
  const action = { at: "2020-03-08T12:00:00Z", do: "deposit", on: "cross", asset: "USDT", amount: 1 };
  const book = { cross: { assets: [{ asset: "BTC", free: 1 }] }, actions: [action] };
  const file = fileOf("late.json", JSON.stringify(book));
  const { lines, world } = fakeWorld(1);
  await runSession({ ...SETTINGS, book: file }, world);
  expect(lines).toContain("1 of the book's 1 actions lie before the start and will not happen: see --start.");
});
