// What an API key may do, as the exchange says it of the key that asks: GET /sapi/v1/account/apiRestrictions, weight 1 (IP).
// Source for the path, the weight and the names: https://developers.binance.com/docs/wallet/account/api-key-permission
// Not confirmed: whether a key with nothing but reading may ask; whether enablePortfolioMarginTrading, which is true in the documented
// sample of a key that may only read, ever is so for a real one. A failure of this read must therefore never end a watch.
import type { Deed, KeyRights } from "../core/key-rights.ts";
import { shapeError } from "./problems.ts";
import { flag, isObject, type Raw } from "./raw.ts";

export const RIGHTS_PATH = "/sapi/v1/account/apiRestrictions";

interface Right {
  readonly deed: Deed;
  /** Came later than the others, so an answer may lack it. */
  readonly isNewer?: true;
}

const RIGHTS: Readonly<Record<string, Right>> = {
  enableWithdrawals: { deed: "withdraw" },
  enableInternalTransfer: { deed: "transfer" }, // between a master account and its sub-accounts
  permitsUniversalTransfer: { deed: "transfer" },
  enableSpotAndMarginTrading: { deed: "trade" },
  enableFutures: { deed: "trade" },
  enableVanillaOptions: { deed: "trade" },
  enablePortfolioMarginTrading: { deed: "trade", isNewer: true }, // since 2023-11-02
  enableFixApiTrade: { deed: "trade", isNewer: true },
  enableMargin: { deed: "borrow" }, // "Enable Margin Loan, Repay & Transfer"
};
const HARMLESS: ReadonlySet<string> = new Set(["enableReading", "ipRestrict", "enableFixReadOnly"]);

/** The name of a right will be read by people: what could disguise itself there is left out. */
const NAME_SHAPE = /^[A-Za-z][A-Za-z0-9]{2,59}$/;
const UNKNOWN_MAX = 5;

/** Throws bad_response when the answer is not of the documented shape. */
export function parseRights(body: unknown): KeyRights {
  if (!isObject<Raw<"enableReading" | "ipRestrict">>(body))
    throw shapeError("the key's permissions", body, "an object");
  const found = new Map<string, unknown>(Object.entries(body));
  const names = Object.keys(RIGHTS);
  if (!["ipRestrict", "enableReading", ...names].some((name) => found.has(name))) {
    throw shapeError("enableReading", undefined, "true or false");
  }
  const isUnsaid = (name: string) =>
    flag(found.get(name)) === undefined && (found.has(name) || RIGHTS[name]?.isNewer !== true);
  return {
    granted: Object.entries(RIGHTS).flatMap(([name, { deed }]) => (found.get(name) === true ? [{ name, deed }] : [])),
    unknown: [...found]
      .flatMap(([name, value]) => (value === true && isStrange(name) ? [name] : []))
      .slice(0, UNKNOWN_MAX),
    unsaid: ["ipRestrict", ...names].filter(isUnsaid),
    mayRead: flag(body.enableReading),
    isAddressBound: flag(body.ipRestrict),
  };
}

const isStrange = (name: string): boolean =>
  !Object.hasOwn(RIGHTS, name) && !HARMLESS.has(name) && NAME_SHAPE.test(name);
