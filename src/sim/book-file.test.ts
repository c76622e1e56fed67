import { expect, test } from "vitest";
import { crossBook, holding, pairBook, TIERS } from "./book.ts";
import { parseBookFile } from "./book-file.ts";
import type { Entry } from "./journal.ts";
import { play } from "./play.ts";
import { derivedPath } from "./price-path.ts";

const parse = (file: unknown) => parseBookFile(JSON.stringify(file));

test("reads positions, with zeros for what is left out", () => {
  const { book } = parse({
    cross: {
      assets: [
        { asset: "BTC", free: 2 },
        { asset: "USDT", borrowed: 6000, interest: 1 },
      ],
      bars: { normalBar: 1.25, marginCallBar: 1.16, forceLiquidationBar: 1.1 },
    },
    isolated: [
      { symbol: "ETHUSDT", base: { free: 10 }, quote: { borrowed: 1200 }, tier: "5x" },
      { symbol: "BTCUSDT", enabled: false },
    ],
    hourlyInterestRate: 0.00001,
  });
  expect(book).toEqual({
    cross: crossBook([holding("BTC", { free: 2 }), holding("USDT", { borrowed: 6000, interest: 1 })], {
      normalBar: 1.25,
      marginCallBar: 1.16,
      forceLiquidationBar: 1.1,
    }),
    isolated: [
      pairBook("ETHUSDT", { base: { free: 10 }, quote: { borrowed: 1200 }, tier: TIERS["5x"] }),
      pairBook("BTCUSDT", { enabled: false }),
    ],
    hourlyInterestRate: 0.00001,
  });
});

test("an empty file is an account that was never opened", () => {
  expect(parse({}).book).toMatchObject({ cross: undefined, isolated: [] });
});

test("a tier may be given by its ratios", () => {
  const tier = { maxLeverage: 4.2, initialRatio: 1.31, marginCallRatio: 1.2, liquidationRatio: 1.16 };
  expect(parse({ isolated: [{ symbol: "BTCUSDT", tier }] }).book.isolated[0]?.tier).toEqual(tier);
});

test("every deed of the script does what it says", () => {
  const start = Date.parse("2020-03-12T10:00:00Z");
  const deeds = [
    { do: "deposit", on: "cross", asset: "USDT", amount: 100 },
    { do: "withdraw", on: "cross", asset: "USDT", amount: 10 },
    { do: "borrow", on: "cross", asset: "USDT", amount: 1000 },
    { do: "repay", on: "cross", asset: "USDT", amount: 400 },
    { do: "sell", on: "cross", asset: "BTC", amount: 1, into: "USDT" },
    { do: "transfer", on: "cross", asset: "USDT", amount: 5, to: "FUNDING" },
    { do: "transfer", on: "cross", asset: "USDT", amount: 3, to: "LTCUSDT" },
    { do: "repayLoan", amount: 5 },
    { do: "rights", set: { transferOutEnabled: false } },
    { do: "close", on: "BTCUSDT" },
    { do: "disable", on: "BTCUSDT" },
    { do: "enable", on: "BTCUSDT" },
    { do: "disable", on: "LTCUSDT" },
    { do: "remove", on: "ETHUSDT" },
  ];
  const { book, actionsFor } = parse({
    cross: { assets: [{ asset: "BTC", free: 2 }] },
    isolated: [{ symbol: "BTCUSDT", base: { free: 1 } }, { symbol: "ETHUSDT" }, { symbol: "LTCUSDT" }],
    hourlyInterestRate: 0,
    actions: deeds.map((deed, index) => ({ at: new Date(start + index * 1000).toISOString(), ...deed })),
  });
  const script = { path: derivedPath(() => 5_000), actions: actionsFor("key"), liquidationMs: 60_000 };
  const [after, events] = play(book, start - 1, start + 60_000, script);
  expect(after.cross?.assets).toEqual([holding("BTC", { free: 1 }), holding("USDT", { free: 5_682, borrowed: 600 })]);
  expect(after.cross?.rights).toEqual({ transferOutEnabled: false });
  expect(after.isolated).toEqual([pairBook("BTCUSDT"), pairBook("LTCUSDT", { quote: { free: 3 }, enabled: false })]);
  expect(events).toHaveLength(deeds.length);
  expect(events[0]).toEqual({ atMs: start, kind: "action", text: "cross: deposit 100 USDT" });
});

test("a transfer names the place that it goes to", () => {
  const { book, actionsFor } = parse({
    cross: { assets: [{ asset: "BTC", free: 2 }] },
    actions: [
      { at: "2020-03-12T10:00:00Z", do: "transfer", on: "cross", asset: "BTC", amount: 1, to: "FUNDING" },
      { at: "2020-03-12T10:00:01Z", do: "withdraw", on: "cross", asset: "BTC", amount: 1 },
    ],
  });
  const entries = actionsFor("key").flatMap(({ change }) => {
    const written: Entry[] = [];
    change(book, { usdt: () => 1, index: () => 1 }, (all) => written.push(...all));
    return written.filter(({ kind }) => kind === "transfer");
  });
  expect(entries).toMatchObject([{ other: "FUNDING" }, { other: "SPOT" }]);
  expect(actionsFor("key")[0]?.text).toBe("cross: transfer 1 BTC to FUNDING");
});

test("announcements are for everybody, and not among the actions", () => {
  const { actionsFor, market } = parse({
    isolated: [{ symbol: "ETHUSDT" }],
    actions: [
      { at: "2020-03-12T10:00:00Z", do: "delist", when: "2020-03-19T10:00:00Z", symbols: ["ETHUSDT"], assets: ["ETH"] },
      { at: "2020-03-12T11:00:00Z", do: "restrict", openLong: ["BNB"] },
      { at: "2020-03-12T12:00:00Z", do: "setRate", asset: "ETH", hourlyRate: 0.000009 },
      { at: "2020-03-19T10:00:00Z", do: "close", on: "ETHUSDT" }, // at the same moment: before the pair goes
    ],
  });
  expect(actionsFor("key").map(({ text }) => text)).toEqual(["ETHUSDT: close"]);
  expect(market).toEqual([
    {
      atMs: Date.parse("2020-03-12T10:00:00Z"),
      text: "the exchange announces: ETH, ETHUSDT will be delisted at 2020-03-19T10:00:00.000Z",
      delisting: { atMs: Date.parse("2020-03-19T10:00:00Z"), assets: ["ETH"], symbols: ["ETHUSDT"] },
    },
    {
      atMs: Date.parse("2020-03-12T11:00:00Z"),
      text: "the exchange restricts: BNB for new longs, nothing as collateral",
      restrictions: { openLong: ["BNB"], maxCollateral: [] },
    },
    {
      atMs: Date.parse("2020-03-12T12:00:00Z"),
      text: "the exchange sets the hourly interest rate of ETH to 0.0009 %",
      rate: { asset: "ETH", hourlyRate: 0.000009 },
    },
  ]);
});

test.each([
  { name: "no JSON", text: "{", says: "not JSON" },
  { name: "a list", text: "[]", says: "expected object" },
  { name: "an unknown key", text: '{"crosss":{}}', says: "crosss" },
  {
    name: "an amount as text",
    text: '{"cross":{"assets":[{"asset":"BTC","free":"2"}]}}',
    says: "cross.assets.0.free: expected a number",
  },
  {
    name: "a negative amount",
    text: '{"cross":{"assets":[{"asset":"BTC","free":-2}]}}',
    says: "cross.assets.0.free: must not be negative",
  },
  {
    name: "an unknown pair",
    text: '{"isolated":[{"symbol":"FOOBAR"}]}',
    says: "isolated.0.symbol: is not a pair of assets",
  },
  { name: "an unknown tier", text: '{"isolated":[{"symbol":"BTCUSDT","tier":"4x"}]}', says: "isolated.0.tier" },
  {
    name: "bars out of order",
    text: '{"cross":{"assets":[],"bars":{"normalBar":1.3,"marginCallBar":1.5,"forceLiquidationBar":1.1}}}',
    says: "cross.bars: expected normalBar > marginCallBar",
  },
  { name: "an unknown deed", text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"dance"}]}', says: "actions.0" },
  {
    name: "a time without a zone",
    text: '{"actions":[{"at":"2020-03-12T10:00:00","do":"close","on":"BTCUSDT"}]}',
    says: "actions.0.at: expected a time with its zone",
  },
  {
    name: "an action on a pair that is not there",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"close","on":"BTCUSDT"}]}',
    says: 'actions: "BTCUSDT: close": there is no isolated pair BTCUSDT',
  },
  {
    name: "an action on a cross account that is not there",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"deposit","on":"cross","asset":"BTC","amount":1}]}',
    says: "there is no cross account",
  },
  {
    name: "an action on a pair that it has removed before",
    text: '{"isolated":[{"symbol":"BTCUSDT"}],"actions":[{"at":"2020-03-12T11:00:00Z","do":"close","on":"BTCUSDT"},{"at":"2020-03-12T10:00:00Z","do":"remove","on":"BTCUSDT"}]}',
    says: 'actions: "BTCUSDT: close": there is no isolated pair BTCUSDT',
  },
  {
    name: "an unknown asset",
    text: '{"cross":{"assets":[{"asset":"FOO","free":1}]}}',
    says: "cross.assets.0.asset: is not an asset",
  },
  {
    name: "a transfer to nowhere",
    text: '{"cross":{"assets":[]},"actions":[{"at":"2020-03-12T10:00:00Z","do":"transfer","on":"cross","asset":"BTC","amount":1,"to":"MARS"}]}',
    says: "actions.0.to",
  },
  {
    name: "a transfer to where it comes from",
    text: '{"cross":{"assets":[]},"actions":[{"at":"2020-03-12T10:00:00Z","do":"transfer","on":"cross","asset":"BTC","amount":1,"to":"cross"}]}',
    says: "actions.0.to: must be another place than on",
  },
  {
    name: "a delisting before it is announced",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"delist","when":"2020-03-12T10:00:00Z","assets":["ETH"]}]}',
    says: "actions.0.when: must lie after at",
  },
  {
    name: "a delisting of nothing",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"delist","when":"2020-03-12T10:00:01Z"}]}',
    says: "actions.0: expected assets or symbols to delist",
  },
  {
    name: "an action on a pair that was delisted before",
    text: '{"isolated":[{"symbol":"BTCUSDT"}],"actions":[{"at":"2020-03-12T10:00:00Z","do":"delist","when":"2020-03-12T11:00:00Z","symbols":["BTCUSDT"]},{"at":"2020-03-12T11:00:01Z","do":"close","on":"BTCUSDT"}]}',
    says: 'actions: "BTCUSDT: close": there is no isolated pair BTCUSDT',
  },
  {
    name: "a rate below zero",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"setRate","asset":"ETH","hourlyRate":-0.1}]}',
    says: "actions.0.hourlyRate: must not be negative",
  },
  {
    name: "rights that do not exist",
    text: '{"actions":[{"at":"2020-03-12T10:00:00Z","do":"rights","set":{"flyEnabled":true}}]}',
    says: "actions.0.set",
  },
])("refuses $name", ({ text, says }) => {
  expect(() => parseBookFile(text)).toThrow(says);
});

test("tells all mistakes at once", () => {
  const text = '{"hourlyInterestRate":-1,"cross":{"assets":[{"asset":"BTC","free":-2}]}}';
  expect(() => parseBookFile(text)).toThrow(/cross\.assets\.0\.free: .*\nhourlyInterestRate: /);
});
