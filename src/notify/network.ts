// What a network error means, in words for a person. Node, undici and nodemailer bury the code at different depths.
import { DeadlineError } from "./deadline.ts";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  UND_ERR_SOCKET: "the connection broke",
  ECONNECTION: "the connection broke",
  ENOTFOUND: "the name is not known (DNS)",
  EAI_AGAIN: "no answer from DNS",
  EDNS: "no answer from DNS",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stopped half-way",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the answer is too large",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority that this machine does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an authority that this machine does not know",
};

/**
 * "connection refused", "no complete answer within 15 s", "stopped": a clause without address, header or body.
 * When `signal` has aborted, that is what happened, whatever error it came out as.
 */
export function networkProblem(error: unknown, signal: AbortSignal): string {
  const reason: unknown = signal.aborted ? signal.reason : error;
  if (reason instanceof DeadlineError) return reason.message;
  if (signal.aborted)
    return reason instanceof Error && reason.name === "TimeoutError" ? "no answer in time" : "stopped";
  const codes = codesOf(error, 4);
  const known = codes.map((code) => WORDS[code]).find((words) => words !== undefined);
  if (known !== undefined) return known;
  const [code] = codes;
  return code === undefined ? "the connection failed" : `the connection failed (${code})`;
}

/** The error codes from the outside in: the deepest cause is rarely the clearest, so the first known one wins. */
function codesOf(error: unknown, depth: number): string[] {
  if (!(error instanceof Error) || depth === 0) return [];
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  // nodemailer keeps the system's code as originalCode and writes its own, coarser one over it
  const own = [property(error, "originalCode"), property(error, "code")].filter((code) => code !== undefined);
  return [...own, ...codesOf(inner, depth - 1)];
}

function property(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" && /^[A-Z][A-Z0-9_]*$/.test(value) ? value : undefined;
}
