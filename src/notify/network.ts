// Why an attempt ended without an answer, in words for a person: the deadline, the program's stop, or the network.
import { networkProblem } from "../lib/network.ts";
import { DeadlineError } from "./deadline.ts";

/**
 * "connection refused", "no complete answer within 15 s", "stopped": a clause without address, header or body.
 * When `signal` has aborted, that is what happened, whatever error it came out as.
 */
export function attemptProblem(error: unknown, signal: AbortSignal): string {
  const reason: unknown = signal.aborted ? signal.reason : error;
  if (reason instanceof DeadlineError) return reason.message;
  if (signal.aborted)
    return reason instanceof Error && reason.name === "TimeoutError" ? "no answer in time" : "stopped";
  return networkProblem(error).words;
}

/** A line of a stack that names a place in the code, and cannot be a line of somebody's message. */
const FRAME = /^ {4}at [^()]*\(?(?:node:|file:\/\/|\/)\S+:\d+:\d+\)?$/;

/**
 * The error for `cause`: what kind it was and where it came from, without its words and fields. Libraries put replies, pieces of what
 * was received (HTTPParserError.data) and whole dialogues there, and the other side may say back what we sent it.
 */
export function bare(error: unknown): Error {
  const { name, stack = "" } = error instanceof Error ? error : new TypeError();
  const told = new Error(networkProblem(error).words);
  const frames = stack.split("\n").filter((line) => FRAME.test(line));
  told.name = /^\w+$/.test(name) ? name : "Error";
  told.stack = [`${told.name}: ${told.message}`, ...frames].join("\n");
  return told;
}
