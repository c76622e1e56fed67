import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { ENDLESS, endless } from "../../test/support/labels.ts";
import { crash, critical, deliveryOf } from "../../test/support/messages.ts";
import { notifierContract, testDeps } from "../../test/support/notifier-contract.ts";
import type { NotifierDeps, Out } from "./adapter.ts";
import { terminal } from "./console.ts";

const SIGNAL = new AbortController().signal;
const ESC = "\u001b";

const connect = (deps: NotifierDeps) => terminal.create("here", terminal.schema.parse({ type: "console" }), deps);

notifierContract("The console", {
  traits: ["tells everything"],
  faults: [],
  open: async (deps) => {
    const printed: string[] = [];
    const sent: string[] = [];
    const inner = connect({ ...deps, out: { write: (text) => void printed.push(text) } });
    return {
      // the terminal shows no key: people refer to messages by their reference
      notifier: {
        ...inner,
        send: (delivery, signal) => inner.send(delivery, signal).finally(() => sent.push(delivery.key)),
      },
      arrived: () => printed.map((text, index) => ({ key: sent[index], text })),
      flaws: () => printed.flatMap(flawsOf),
      hang: undefined,
      spoilCredentials: undefined,
      secrets: [],
      async [Symbol.asyncDispose]() {},
    };
  },
});

/** No text may steer the terminal, or begin a line that looks like ours. */
function flawsOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return [...lines.filter((line) => !line.startsWith("┃")), ...(/(?!\n)[\p{Cc}\u202A-\u202E]/u.exec(text) ?? [])];
}

async function print(out: Omit<Out, "write">, message = critical): Promise<string> {
  const printed: string[] = [];
  const deps = { ...testDeps(), out: { ...out, write: (text: string) => void printed.push(text) } };
  await connect(deps).send(deliveryOf(message), SIGNAL);
  return printed.join("");
}

test("a file or a pipe gets plain text, as wide as it is", async () => {
  expect(await print({})).toMatchInlineSnapshot(`
    "┃ 12 Mar 23:05  CRITICAL · main · cross margin level 1.24 (below 1.30)
    ┃   Liquidation at 1.10 is an 11.3 % fall away (all collateral together).
    ┃   Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.
    ┃   Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04. #A1B2-3

    "
  `);
});

test("several alerts come under a common first line", async () => {
  expect(await print({}, crash)).toMatchInlineSnapshot(`
    "┃ 12 Mar 23:05  CRITICAL · main · 5 alerts
    ┃ CRITICAL · main · cross margin level 1.24 (below 1.30)
    ┃   Liquidation at 1.10 is an 11.3 % fall away (all collateral together).
    ┃   Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.
    ┃   Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04. #A1B2-3
    ┃ WARNING · main · ETHUSDT isolated distance to liquidation 5.4 % (below 6 %)
    ┃   Liquidation at 118.20 USDT is a 5.4 % fall away (index price 124.95). #E5F6-1
    ┃ RESOLVED · main · cross margin level 1.52
    ┃   Critical for 3 h 12 min, lowest 1.19 at 01:40 UTC. 4 messages. #A1B2-9
    ┃ • INFO · main · BNBUSDT isolated distance to liquidation 9.1 % #0A1B-1
    ┃ • INFO · main · ADAUSDT isolated distance to liquidation 9.8 % #2C3D-1

    "
  `);
});

test.each([
  { name: "a terminal", out: { isTTY: true, hasColors: () => true }, isColoured: true },
  { name: "a terminal with NO_COLOR", out: { isTTY: true, hasColors: () => false }, isColoured: false },
  { name: "a terminal that cannot say", out: { isTTY: true }, isColoured: false },
  { name: "a pipe", out: { hasColors: () => true }, isColoured: false },
])("$name is written to in colour: $isColoured", async ({ out, isColoured }) => {
  const text = await print(out);
  expect(text.includes(ESC)).toBe(isColoured);
  expect(stripVTControlCharacters(text)).toBe(await print({}));
});

test("no line is wider than the terminal", async () => {
  const text = await print({ isTTY: true, columns: 60 });
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(text.replace(/\n┃ +/g, " ")).toContain("or sell and repay 23,400 USDT.");
});

test("N17: a word without end is broken too: none of its pieces can pass for a line of ours", async () => {
  const headline = `x\u00A0${"y".repeat(500)}`;
  const text = await print(
    { isTTY: true, columns: 60 },
    { ...critical, title: headline, sections: [{ ...section, headline }] },
  );
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(text.replace(/\n┃ +/g, "")).toContain("y".repeat(500));
});

test.each(ENDLESS)("N17: a label of 50 kB made of %j does not hold up the program", async (unit) => {
  const headline = endless(unit);
  const startedMs = performance.now();
  for (const columns of [undefined, 60]) {
    await print({ isTTY: true, columns }, { ...critical, title: headline, sections: [{ ...section, headline }] });
    await print({}, { ...critical, title: headline, sections: [{ ...section, headline }] });
  }
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

test("Chinese is broken between characters, which are two columns wide", async () => {
  const headline = "严重 · main · 全仓保证金水平 1.24 低于 1.30 强制平仓线 1.10 距离 11.3 %".repeat(2);
  const text = await print(
    { isTTY: true, columns: 40 },
    { ...critical, title: headline, sections: [{ ...section, headline }] },
  );
  const widths = text.split("\n").map((line) => [...line].length + (line.match(/\p{Script=Han}/gu)?.length ?? 0));
  expect(Math.max(...widths)).toBeLessThanOrEqual(40);
});
const [section = expect.fail("a section is missing")] = critical.sections;

test("N17: no text from outside steers the terminal", async () => {
  const headline = `${ESC}[2J${ESC}]0;gone\u0007 \u009b31m\u202Eevil`;
  const text = await print({}, { ...critical, title: headline, sections: [{ ...section, headline }] });
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
});
