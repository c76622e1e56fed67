// What is read beside the polls: the history, the delistings, interest rates, and what the exchange pushes. Each of these keys may stand
// under an account, or at the top of the file for all of them; an account's own block only says what is different there.
import { z } from "zod";
import { flag, number } from "../lib/zod.ts";
import type { AccountConfig } from "./config.ts";
import { orOff, pairs } from "./shapes.ts";

/** Ends of a transfer. Source: transFrom and transTo of GET /sapi/v1/margin/transfer. */
export const TRANSFER_ENDS = [
  "SPOT",
  "FUTURES",
  "FIAT",
  "DELIVERY",
  "MINING",
  "ISOLATED_MARGIN",
  "FUNDING",
  "MOTHER_SPOT",
  "OPTION",
  "SUB_SPOT",
  "SUB_MARGIN",
  "CROSS_MARGIN",
] as const;

const DEFAULTS = {
  flows: { poll: "20 */5 * * * *", isolated: "all" },
  transfers: { poll: "40 */5 * * * *", isolated: "all", allow: [] },
  delistings: { poll: "50 7 * * * *" },
  interest: { poll: "0 7 * * * *", times: 3 },
} as const;
export const READINGS = ["flows", "transfers", "delistings", "interest"] as const;
export type Reading = (typeof READINGS)[number];

// No defaults inside: what is left out under an account comes from the top of the file first.
const pollAt = (poll: string) =>
  z
    .string()
    .describe(`When to read: cron with seconds, in UTC. Left out: "${poll}".`)
    .meta({ examples: [poll] })
    .exactOptional();
const historyPairs = pairs
  .describe(
    "Isolated pairs whose history is read: all (those that owe, or owed lately), none or a list. Left out: all.",
  )
  .exactOptional();

const flows = z.strictObject({ poll: pollAt(DEFAULTS.flows.poll), isolated: historyPairs });
const transfers = z.strictObject({
  poll: pollAt(DEFAULTS.transfers.poll),
  isolated: historyPairs,
  allow: z
    .array(z.enum(TRANSFER_ENDS))
    .describe("Where transfers out may go without an alert. Left out: nowhere.")
    .exactOptional(),
});
const delistings = z.strictObject({ poll: pollAt(DEFAULTS.delistings.poll) });
const interest = z.strictObject({
  poll: pollAt(DEFAULTS.interest.poll),
  times: number()
    .refine((times) => times > 1, "must be more than 1: it is so many times what is usual of a rate")
    .describe("A rate is told when it is above so many times its own median of 7 days. More than 1. Left out: 3.")
    .exactOptional(),
});

/** The keys as an account has them, and the file. */
export const readingKeys = {
  flows: orOff(flows).describe(
    "The capital flow, liquidation orders and what is left to repay after one. false: not read.",
  ),
  transfers: orOff(transfers).describe("Transfers into the account and out of it. false: not read."),
  delistings: orOff(delistings).describe("Delistings and restrictions of what is held or owed. false: not read."),
  interest: orOff(interest).describe("Interest rates of what is owed, and what they cost. false: not read."),
  stream: flag()
    .nullish()
    .describe("Listen to what the exchange pushes, so that a poll comes sooner. Left out: false."),
};

const keysSchema = z.object(readingKeys);
export type ReadingKeys = z.output<typeof keysSchema>;

type Block<T> = T | boolean | null | undefined;

/** What the account and the file say together; undefined: turned off. */
function merged<T extends object>(own: Block<T>, top: Block<T>): (T | Record<string, never>) | undefined {
  return isOff(own, top) ? undefined : { ...blockOf(top), ...blockOf(own) };
}

/** Under an account as under the file: is it not read? */
export const isOff = (own: Block<object>, top: Block<object>): boolean => (own ?? top) === false;

/** Whose isolated pairs' history is read, where it is said. */
export const pairsOf = <T>(own: Block<{ isolated?: T }>, top: Block<{ isolated?: T }>): T | undefined =>
  blockOf(own)?.isolated ?? blockOf(top)?.isolated;

const blockOf = <T extends object>(block: Block<T>): T | undefined =>
  typeof block === "object" && block !== null ? block : undefined;

/** Complete, every default filled in. */
export function readingsOf(
  own: ReadingKeys,
  top: ReadingKeys,
): Pick<AccountConfig, "flows" | "transfers" | "delistings" | "interest" | "stream"> {
  const flowsSaid = merged(own.flows, top.flows);
  const transfersSaid = merged(own.transfers, top.transfers);
  const delistingsSaid = merged(own.delistings, top.delistings);
  const interestSaid = merged(own.interest, top.interest);
  return {
    flows: flowsSaid && { ...DEFAULTS.flows, ...flowsSaid },
    transfers: transfersSaid && { ...DEFAULTS.transfers, ...transfersSaid },
    delistings: delistingsSaid && { ...DEFAULTS.delistings, ...delistingsSaid },
    interest: interestSaid && { ...DEFAULTS.interest, ...interestSaid },
    stream: own.stream ?? top.stream ?? false,
  };
}
