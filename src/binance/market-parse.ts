// Answers about the market, unknown → typed. The one thing to know: a list that is missing is an error and never "nothing", because
// "not on the schedule" would end an alert.
// Source: https://developers.binance.com/docs/margin_trading/market-data, pages Get-Delist-Schedule and Get-Margin-Restricted-Assets;
// https://developers.binance.com/docs/binance-spot-api-docs/rest-api (symbol price ticker);
// https://developers.binance.com/docs/margin_trading/borrow-and-repay, page Get-a-future-hourly-interest-rate.
import type { HourlyRates } from "../core/interest.ts";
import type { Delisting, Prices, Restrictions } from "../core/market.ts";
import { decimalIn, listIn, objectIn, textIn, timeIn } from "./fields.ts";
import { shapeError } from "./problems.ts";

/** [{"delistTime":1686161202000,"crossMarginAssets":["BTC"],"isolatedMarginSymbols":["ADAUSDT"]}]. Throws bad_response. */
export function parseDelistings(body: unknown): readonly Delisting[] {
  return listIn("the schedule", body).map((entry, index) => {
    const path = `[${index}]`;
    const raw = objectIn<"delistTime" | "crossMarginAssets" | "isolatedMarginSymbols">(path, entry);
    return {
      atMs: timeIn(`${path}.delistTime`, raw.delistTime),
      assets: names(`${path}.crossMarginAssets`, raw.crossMarginAssets),
      symbols: names(`${path}.isolatedMarginSymbols`, raw.isolatedMarginSymbols),
    };
  });
}

/** {"openLongRestrictedAsset":["BTC"],"maxCollateralExceededAsset":[]}. Throws bad_response. */
export function parseRestrictions(body: unknown): Restrictions {
  const raw = objectIn<"openLongRestrictedAsset" | "maxCollateralExceededAsset">("the answer about restrictions", body);
  return {
    openLong: names("openLongRestrictedAsset", raw.openLongRestrictedAsset),
    maxCollateral: names("maxCollateralExceededAsset", raw.maxCollateralExceededAsset),
  };
}

/** [{"symbol":"BTCUSDT","price":"4.00000200"}]. A pair without a price (zero) is left out. Throws bad_response. */
export function parsePrices(body: unknown): Prices {
  const prices = new Map<string, number>();
  for (const [index, row] of listIn("the list of prices", body).entries()) {
    const raw = objectIn<"symbol" | "price">(`[${index}]`, row);
    const symbol = textIn(`[${index}].symbol`, raw.symbol);
    const price = decimalIn(`[${index}].price`, raw.price);
    if (price > 0) prices.set(symbol, price);
  }
  return prices;
}

/** {"symbol":"BTCUSDT","price":"4.00000200"}: the answer about one pair. Throws bad_response. */
export const parsePrice = (body: unknown): Prices => parsePrices([objectIn("the price", body)]);

/** [{"asset":"BTC","nextHourlyInterestRate":"0.00000571"}]. Throws bad_response. */
export function parseRates(body: unknown): HourlyRates {
  const rows = listIn("the list of rates", body).map((row, index) => {
    const raw = objectIn<"asset" | "nextHourlyInterestRate">(`[${index}]`, row);
    const path = `[${index}].nextHourlyInterestRate`;
    const rate = decimalIn(path, raw.nextHourlyInterestRate);
    if (rate < 0) throw shapeError(path, raw.nextHourlyInterestRate, "a rate");
    return [textIn(`[${index}].asset`, raw.asset), rate] as const;
  });
  return new Map(rows);
}

/** Null is how some answers write an empty list; a list that is not there at all is a changed answer. */
const names = (path: string, value: unknown): readonly string[] =>
  value === null ? [] : listIn(path, value).map((name, index) => textIn(`${path}[${index}]`, name));
