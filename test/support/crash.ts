// An account that a test can put anywhere: the cross level is what `level` says, and so is what the exchange answers.
import { systemClock } from "../../src/lib/clock.ts";
import {
  type Answer,
  CROSS,
  CROSS_BODY,
  type FakeExchange,
  flawOf,
  ISOLATED,
  isolatedBody,
  pairBody,
  type Seen,
  startExchange,
} from "./exchange.ts";

export interface Account {
  /** Cross margin level; undefined: no debt. */
  level: number | undefined;
  /** Isolated pairs with debt: distance to liquidation in percent by symbol. */
  pairs: Record<string, number>;
  /** Instead of what the account would answer. */
  answer: Answer | undefined;
  /** How long the exchange thinks before it answers. */
  slowMs: number;
  /** Instead of the documented answer, by path; "hang": none ever comes. */
  answers: Record<string, Answer | "hang" | ((request: Seen) => Answer | Promise<Answer>)>;
}

export async function startAccount(): Promise<{ readonly account: Account; readonly exchange: FakeExchange }> {
  const account: Account = { level: 2, pairs: {}, answer: undefined, slowMs: 0, answers: {} };
  const exchange = await startExchange({
    script: async (request) => {
      const { path } = request;
      if (account.slowMs > 0) await systemClock.sleep(account.slowMs);
      if (account.answer !== undefined) return account.answer;
      const isKeyed = !path.startsWith("/api/");
      if (isKeyed && flawOf(request, systemClock.wallMs()) !== undefined) return undefined; // and it is refused
      const answer = account.answers[path];
      if (answer === "hang") return "handled";
      if (answer !== undefined) return typeof answer === "function" ? answer(request) : answer;
      if (path === CROSS) return { body: crossBody(account.level) };
      if (path === ISOLATED) return { body: { ...isolatedBody(["ETHUSDT"]), assets: pairRows(account.pairs) } };
      return undefined;
    },
  });
  return { account, exchange };
}

const BASIC = {
  borrowed: "0.00000000",
  free: "0.00000000",
  interest: "0.00000000",
  locked: "0.00000000",
  netAsset: "0.00000000",
};

/** 45,000 USDT of debt against BTC: DESIGN.md's example at 1.24. */
export function crossBody(level: number | undefined) {
  const debt = level === undefined ? "0.00000000" : "45000.00000000";
  return {
    ...CROSS_BODY,
    marginLevel: level === undefined ? "999.00000000" : level.toFixed(8),
    totalLiabilityOfBtc: level === undefined ? "0.00000000" : "5.00000000",
    totalAssetOfBtc: ((level ?? 1) * 5).toFixed(8),
    userAssets: [
      { ...BASIC, asset: "BTC", free: "9.00000000", netAsset: "9.00000000" },
      { ...BASIC, asset: "USDT", borrowed: debt, netAsset: `-${debt}` },
    ],
  };
}

export function pairRows(pairs: Readonly<Record<string, number>>) {
  return Object.entries(pairs).map(([symbol, distancePct]) => {
    const row = pairBody(symbol);
    const liquidatePrice = (10_000 * (1 - distancePct / 100)).toFixed(8);
    return {
      ...row,
      baseAsset: { ...row.baseAsset, free: "3.00000000", totalAsset: "3.00000000", netAsset: "3.00000000" },
      quoteAsset: { ...row.quoteAsset, borrowed: "20000.00000000", netAsset: "-20000.00000000" },
      marginLevel: "1.50000000",
      marginLevelStatus: "NORMAL",
      liquidatePrice,
    };
  });
}
