// What a play pushes, in the words of the two streams: the risk stream knows the cross account only, the user stream one place
// for each token.
// https://developers.binance.com/docs/margin_trading/risk-data-stream
// https://developers.binance.com/docs/margin_trading/trade-data-stream
import type { AssetBalance } from "../core/ports.ts";
import type { PushStream } from "../core/push.ts";
import { decimal } from "./answers.ts";
import type { Book } from "./book.ts";
import type { CallEntry, FlowEntry, Place, Posting, TransferEntry } from "./journal.ts";

export interface Push {
  readonly stream: PushStream;
  readonly apiKey: string;
  readonly place: Place;
  readonly event: object;
}

/** A play of one key's book, reached at `atMs` of the server's clock. */
export interface PlayedBook {
  readonly apiKey: string;
  readonly before: Book;
  readonly after: Book;
  readonly postings: readonly Posting[];
  readonly atMs: number;
}

/** In the order in which it happened; the new balances, of the whole play, come last. */
export function pushesOf({ apiKey, before, after, postings, atMs }: PlayedBook): readonly Push[] {
  const moved = postings
    .flatMap(({ entries }) => entries)
    .flatMap((entry): readonly Omit<Push, "apiKey">[] => {
      if (entry.kind === "margin-call") return [{ stream: "risk", place: "cross", event: marginCall(entry, atMs) }];
      if (entry.kind === "transfer") return [{ stream: "user", place: entry.place, event: balanceUpdate(entry, atMs) }];
      if (entry.kind === "flow" && entry.place === "cross" && isLiability(entry))
        return [{ stream: "risk", place: "cross", event: liabilityChange(entry, atMs) }];
      return [];
    });
  const places = new Set<Place>([...placesOf(before), ...placesOf(after)]);
  const positions = [...places].flatMap((place): readonly Omit<Push, "apiKey">[] => {
    const changed = changedBalances(before, after, place);
    return changed.length === 0 ? [] : [{ stream: "user", place, event: accountPosition(changed, atMs) }];
  });
  return [...moved, ...positions].map((push) => ({ apiKey, ...push }));
}

// ---------------------------------------------------------------- risk stream

const marginCall = ({ level }: CallEntry, atMs: number) => ({
  e: "MARGIN_LEVEL_STATUS_CHANGE",
  E: atMs,
  l: decimal(level).replace(/\.?0+$/, ""),
  s: "MARGIN_CALL",
});

const isLiability = ({ type }: FlowEntry): boolean => type === "BORROW" || type === "REPAY";

const liabilityChange = ({ asset, type, amount, interest = 0 }: FlowEntry, atMs: number) => ({
  e: "USER_LIABILITY_CHANGE",
  E: atMs,
  a: asset,
  t: type,
  p: decimal(amount - interest),
  i: decimal(interest),
});

export const listenKeyExpired = (listenKey: string, atMs: number) => ({ e: "listenKeyExpired", E: atMs, listenKey });

// ---------------------------------------------------------------- user stream

const balanceUpdate = ({ asset, amount, type }: TransferEntry, atMs: number) => ({
  e: "balanceUpdate",
  E: atMs,
  a: asset,
  d: decimal(type === "ROLL_IN" ? amount : -amount),
  T: atMs,
});

const accountPosition = (balances: readonly AssetBalance[], atMs: number) => ({
  e: "outboundAccountPosition",
  E: atMs,
  u: atMs,
  B: balances.map(({ asset, free, locked }) => ({ a: asset, f: decimal(free), l: decimal(locked) })),
});

export const streamTerminated = (atMs: number) => ({ e: "eventStreamTerminated", E: atMs });

const placesOf = ({ isolated }: Book): readonly Place[] => ["cross", ...isolated.map(({ symbol }) => symbol)];

function balancesAt(book: Book, place: Place): readonly AssetBalance[] {
  if (place === "cross") return book.cross?.assets ?? [];
  return book.isolated.filter(({ symbol }) => symbol === place).flatMap(({ base, quote }) => [base, quote]);
}

/** As they are afterwards; what is no longer there has become zero. */
function changedBalances(before: Book, after: Book, place: Place): readonly AssetBalance[] {
  const [old, now] = [balancesAt(before, place), balancesAt(after, place)];
  const gone = old
    .filter(({ asset }) => !now.some((each) => each.asset === asset))
    .map((balance) => ({ ...balance, free: 0, locked: 0 }));
  return [...now, ...gone].filter((balance) => {
    const was = old.find(({ asset }) => asset === balance.asset);
    return (was?.free ?? 0) !== balance.free || (was?.locked ?? 0) !== balance.locked;
  });
}
