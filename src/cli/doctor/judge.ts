// What the exchange's answers mean to the doctor. Pure: an answer goes in, a finding comes out. Only what is really broken has failed;
// what nobody can tell is a warning that says so.
import type { ClockRead } from "../../binance/client.ts";
import { SKEW_WARNING_MS } from "../../binance/server-time.ts";
import { type Finding, failed, good, warning } from "../../core/finding.ts";
import { clockTime, duration, level, limit, zoneName } from "../../core/format.ts";
import type { Read } from "../../core/history.ts";
import type { HourlyRates } from "../../core/interest.ts";
import { judgeKey, type RightsRead } from "../../core/key-rights.ts";
import type { Prices } from "../../core/market.ts";
import { owes } from "../../core/observe.ts";
import type { CrossAnswer, Failure, IsolatedAnswer, PairAnswer, ReadResult } from "../../core/ports.ts";
import { en } from "../../core/words/en.ts";
import { count } from "../text.ts";

const NETWORK = "check this machine's network, DNS and firewall, and exchange.baseUrl";
const SET_CLOCK = "set this machine's clock (NTP)";

/** What to do about it. */
const ADVICE: Readonly<Record<Failure["code"], string>> = {
  unreachable: NETWORK,
  timeout: NETWORK,
  unavailable: "nothing to mend here; try again in a minute",
  rate_limited: "wait; see whether another program behind this IP address uses up the limit",
  banned: "wait for its end, and let no program behind this IP address ask meanwhile",
  rejected_key:
    "at Binance, API Management, look at the key, its rights, and whether this machine's IP address is on its list",
  bad_signature: "put the secret that belongs to this API key into the configuration",
  clock_skew: SET_CLOCK,
  bad_response: "see whether exchange.baseUrl is Binance's API, and nothing on the way answers in its place",
};

/** "Binance has banned this address (HTTP 418) until 02:14 UTC (12 min)" */
function failureText(failure: Failure, nowMs: number): string {
  const { untilMs } = failure;
  if (untilMs === undefined) return en.failure(failure, undefined).replace(/\.$/, "");
  const time = `${clockTime(untilMs, nowMs, { timezone: "UTC", language: "en" })} ${zoneName(untilMs, "UTC")}`;
  return en.failure(failure, { time, left: duration(untilMs - nowMs, "en") }).replace(/\.$/, "");
}

const failureFinding = (failure: Failure, nowMs: number): Finding =>
  failed(failureText(failure, nowMs), ADVICE[failure.code]);

// ---------------------------------------------------------------- the clock

type Unread = { readonly ok: false; readonly failure: Failure };

/** Requests carry the exchange's time, so a wrong clock does not blind the watch; but the first ones of a start carry this machine's. */
export function clockFinding(
  read: ({ readonly ok: true } & ClockRead) | Unread,
  { recvWindowMs, nowMs }: { readonly recvWindowMs: number; readonly nowMs: number },
): Finding {
  if (!read.ok) return failureFinding(read.failure, nowMs);
  const { aheadMs, roundTripMs } = read;
  const offMs = Math.max(0, Math.abs(aheadMs) - roundTripMs / 2); // surely off by so much
  const seconds = (ms: number) => `${(ms / 1000).toFixed(3)} s`;
  const text = `this machine's clock is ${seconds(Math.abs(aheadMs))} ${aheadMs < 0 ? "behind" : "ahead of"} Binance's (answer after ${seconds(roundTripMs)})`;
  if (offMs > recvWindowMs) return failed(text, SET_CLOCK);
  return offMs > SKEW_WARNING_MS ? warning(text, SET_CLOCK) : good(text);
}

// ---------------------------------------------------------------- the key

/** Whether the key works at all, the account reads show: not to know its rights is no failure. */
export function keyFinding(read: RightsRead, mustBeReadOnly: boolean, nowMs: number): Finding {
  if (read.ok) return judgeKey(read.rights, { mustBeReadOnly });
  const watched = mustBeReadOnly
    ? "; run watches all the same, and refuses the key once it can be read and may do more"
    : "";
  return warning(
    `what the key may do cannot be read: ${failureText(read.failure, nowMs)}`,
    `at Binance, API Management, see that only “Enable Reading” is on, and that only this machine's IP address may use it${watched}`,
  );
}

// ---------------------------------------------------------------- the accounts

/** "Fail to retrieve margin assets": two programs asked with one key at the same moment. */
const TOO_SOON = -21003;

export function readFinding(result: ReadResult): Finding {
  if (!result.ok && result.failure.exchangeCode === TOO_SOON) {
    const todo = "another program, or a running margind, uses this key at the same moment: try again";
    return warning(failureText(result.failure, result.atMs), todo);
  }
  if (!result.ok) return failureFinding(result.failure, result.atMs);
  const { answer, atMs } = result;
  return answer.source === "cross" ? crossFinding(answer) : isolatedFinding(answer, atMs);
}

const ODD_TODO = "margind may be blind for a rule that needs it; please report what Binance sends";

function crossFinding({ opened, assets, marginLevel, problems }: CrossAnswer): Finding {
  if (!opened) return warning("there is no cross margin account", "open it at Binance, or set cross: false");
  const [odd] = problems;
  if (odd !== undefined) return warning(`the answer is odd: ${odd}`, ODD_TODO);
  if (assets === undefined || !assets.some(owes)) return good("read; nothing is owed");
  return good(marginLevel === undefined ? "read; it has debt" : `read; margin level ${level(marginLevel)}`);
}

function isolatedFinding({ asked, pairs, unread }: IsolatedAnswer, nowMs: number): Finding {
  const named = asked === "all" ? [] : asked;
  const isAnswered = (symbol: string) => pairs.some((pair) => pair.symbol === symbol);
  const unknown = named.filter((symbol) => !isAnswered(symbol) && !unread?.symbols.includes(symbol));
  if (unknown.length > 0) {
    return failed(
      `Binance has no isolated pair ${listed(unknown)} for this key`,
      "correct the symbol under isolated, or open the pair at Binance",
    );
  }
  if (unread !== undefined) {
    const text = `${listed(unread.symbols)} could not be read: ${failureText(unread.failure, nowMs)}`;
    return warning(text, ADVICE[unread.failure.code]);
  }
  const unopened = asked === "all" ? [] : pairs.filter(({ isolatedCreated }) => isolatedCreated === false);
  if (unopened.length > 0) {
    const text = `${listed(unopened.map(({ symbol }) => symbol))} was never opened`;
    return warning(text, "open the pair at Binance, or take it out of isolated");
  }
  const odd = pairs.find(({ problems }) => problems.length > 0);
  if (odd !== undefined) return warning(`the answer is odd: ${odd.symbol}: ${odd.problems[0]}`, ODD_TODO);
  return good(`read; ${count(pairs.length, "pair")}, ${debts(pairs)}`);
}

function debts(pairs: readonly PairAnswer[]): string {
  const indebted = pairs.filter(({ base, quote }) => [base, quote].some((leg) => leg !== undefined && owes(leg)));
  return indebted.length === 0 ? "nothing is owed" : `${indebted.length} with debt`;
}

/** Of what is read beside the polls. Not to have it is no failure: the level is watched all the same. */
export function historyFinding(
  found: readonly { readonly name: string; readonly failure: Failure | undefined }[],
  nowMs: number,
): Finding {
  const unread = found.flatMap(({ name, failure }) => (failure === undefined ? [] : [{ name, failure }]));
  const [first] = unread;
  if (first === undefined) return good(`read: ${found.map(({ name }) => name).join(", ")}`);
  const names = unread.map(({ name }) => name).join(", ");
  const todo = `${ADVICE[first.failure.code]}; until then nothing that only these tell is noticed, or turn them off (flows, transfers, delistings)`;
  return warning(`${names} cannot be read: ${failureText(first.failure, nowMs)}`, todo);
}

/** Not to have them is no failure: the polls come as they would without. */
export function pricesFinding(read: Read<Prices>, nowMs: number): Finding {
  if (read.ok && read.value.size > 0) return good(`read; of ${count(read.value.size, "symbol")}`);
  const why = read.ok ? "the answer has none" : failureText(read.failure, nowMs);
  const first = read.ok ? ADVICE.bad_response : ADVICE[read.failure.code];
  return warning(
    `public prices cannot be read: ${why}`,
    `${first}; until then nothing is seen between polls, or turn them off (exchange.prices)`,
  );
}

export function interestFinding(read: Read<HourlyRates>, asset: string, nowMs: number): Finding {
  const rate = read.ok ? read.value.get(asset) : undefined;
  if (rate !== undefined) return good(`read; ${asset} costs ${limit(rate * 100, 0)} % an hour`);
  const why = read.ok ? `the answer has none of ${asset}` : failureText(read.failure, nowMs);
  const first = read.ok ? ADVICE.bad_response : ADVICE[read.failure.code];
  return warning(
    `interest rates cannot be read: ${why}`,
    `${first}; until then nobody notices one that jumps, or turn them off (interest)`,
  );
}

const LISTED_MAX = 5;

function listed(symbols: readonly string[]): string {
  const more = symbols.length - LISTED_MAX;
  return more > 0 ? `${symbols.slice(0, LISTED_MAX).join(", ")} and ${more} more` : symbols.join(", ");
}
