import { expect, test } from "vitest";
import { type Deed, judgeKey, type KeyRights, keyRefusal } from "./key-rights.ts";

const CLEAN: KeyRights = { granted: [], unknown: [], unsaid: [], mayRead: true, isAddressBound: true };
const granted = (...rights: readonly (readonly [string, Deed])[]): Partial<KeyRights> => ({
  granted: rights.map(([name, deed]) => ({ name, deed })),
});
const WITHDRAW = granted(["enableWithdrawals", "withdraw"]);

const LEAVE = "at Binance, API Management, leave only “Enable Reading” on";
const BIND = "restrict it there to this machine's IP address";

test.each<[string, Partial<KeyRights>, boolean, string, string, string | undefined]>([
  ["a clean key", {}, false, "good", "the key may only read, and only from listed addresses", undefined],
  [
    "a clean key where it must be one",
    {},
    true,
    "good",
    "the key may only read, and only from listed addresses",
    undefined,
  ],
  ["withdrawals", WITHDRAW, false, "warning", "the key MAY WITHDRAW (enableWithdrawals)", LEAVE],
  [
    "withdrawals where reading alone is allowed",
    WITHDRAW,
    true,
    "failed",
    "the key MAY WITHDRAW (enableWithdrawals); requireReadOnlyKey forbids it",
    LEAVE,
  ],
  [
    "all deeds, the worst first, each once",
    granted(["enableMargin", "borrow"], ["a", "trade"], ["b", "trade"], ["c", "transfer"], ["d", "withdraw"]),
    false,
    "warning",
    "the key MAY WITHDRAW, TRANSFER, TRADE AND BORROW (enableMargin, a, b, c, d)",
    LEAVE,
  ],
  ["no address list", { isAddressBound: false }, false, "warning", "the key WORKS FROM ANY ADDRESS", BIND],
  [
    "no address list where it must only read",
    { isAddressBound: false },
    true,
    "warning",
    "the key WORKS FROM ANY ADDRESS",
    BIND,
  ],
  [
    "trading from anywhere",
    { ...granted(["enableFutures", "trade"]), isAddressBound: false },
    false,
    "warning",
    "the key MAY TRADE (enableFutures); it WORKS FROM ANY ADDRESS",
    `${LEAVE}, and ${BIND}`,
  ],
  [
    "a right of the future",
    { unknown: ["enableEarn"] },
    true,
    "warning",
    "it has a right that margind does not know (enableEarn)",
    LEAVE,
  ],
  [
    "gaps in the answer",
    { unsaid: ["enableFutures"] },
    true,
    "warning",
    "Binance does not say all of it (enableFutures)",
    LEAVE,
  ],
  [
    "a key that may not read",
    { mayRead: false },
    false,
    "failed",
    "the key may not even read (enableReading)",
    "at Binance, API Management, switch “Enable Reading” on",
  ],
])("%s", (_, rights, mustBeReadOnly, status, text, todo) => {
  const expected = todo === undefined ? { status, text } : { status, text, todo };
  expect(judgeKey({ ...CLEAN, ...rights }, { mustBeReadOnly })).toEqual(expected);
});

test.each<[string, Partial<KeyRights>, boolean]>([
  ["a clean key", {}, false],
  ["a key for any address", { isAddressBound: false }, false],
  ["a right that nobody knows", { unknown: ["enableEarn"] }, false],
  ["a gap in the answer", { unsaid: ["enableWithdrawals"] }, false],
  ["borrowing", granted(["enableMargin", "borrow"]), true],
  ["trading", granted(["enableFutures", "trade"]), true],
  ["transfers", granted(["permitsUniversalTransfer", "transfer"]), true],
  ["withdrawals", WITHDRAW, true],
])("with requireReadOnlyKey %s is a reason not to run: %s", (_, rights, isReason) => {
  expect(keyRefusal("main", { ...CLEAN, ...rights }) !== undefined).toBe(isReason);
});

test("the reason names the account, the rights and both ways out", () => {
  expect(keyRefusal("main", { ...CLEAN, ...WITHDRAW })).toBe(
    "requireReadOnlyKey is set, but the API key of main MAY WITHDRAW (enableWithdrawals). Give margind a key that may only read, or take requireReadOnlyKey out of the configuration.",
  );
});
