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
