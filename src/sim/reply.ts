// What the simulator sends back, and the exchange's own errors: {"code":-1121,"msg":"Invalid symbol."}.

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const ok = (body: unknown): Reply => ({ status: 200, body });

export const refuse = (status: number, code: number, msg: string): Reply => ({ status, body: { code, msg } });

/** Thrown while a request is read: the exchange's answer to it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reply: Reply;

  constructor(reply: Reply) {
    super("the exchange refuses the request");
    this.reply = reply;
  }
}

// Texts as documented in the margin error list; where a code has several, the one that fits.

export const badKeyFormat = (): Reply => refuse(401, -2014, "API-key format invalid.");

export const rejectedKey = (): Reply => refuse(401, -2015, "Invalid API-key, IP, or permissions for action.");

export const badSignature = (): Reply => refuse(400, -1022, "Signature for this request is not valid.");

export const missingParameter = (name: string): Reply =>
  refuse(400, -1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);

export const illegalCharacters = (name: string): Reply =>
  refuse(400, -1100, `Illegal characters found in parameter '${name}'.`);

export const emptyParameter = (name: string): Reply => refuse(400, -1105, `Parameter '${name}' was empty.`);

export const badParameter = (name: string): Reply =>
  refuse(400, -1130, `Data sent for parameter '${name}' is not valid.`);

export const badCombination = (): Reply =>
  refuse(400, -1128, "Combination of optional parameters invalid. Recommendation: 'symbol' or 'symbols'.");

export const badRecvWindow = (): Reply => refuse(400, -1131, "recvWindow must be less than 60000");

export const late = (): Reply => refuse(400, -1021, "Timestamp for this request is outside of the recvWindow.");

export const early = (): Reply =>
  refuse(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");

export const badSymbol = (): Reply => refuse(400, -1121, "Invalid symbol.");

export const noCrossAccount = (): Reply => refuse(400, -3003, "Margin account does not exist.");

export const noIsolatedAccount = (): Reply => refuse(400, -11001, "Isolated margin account does not exist.");

export const tooFast = (): Reply => refuse(400, -21003, "Fail to retrieve margin assets.");

/** Of the capital flow, since 2026-02-02. */
export const badInterval = (): Reply => refuse(400, -4047, "Time interval must be within 0-7 days");

export const tooLongInterval = (maxMs: number): Reply =>
  refuse(400, -1127, `More than ${maxMs / 3_600_000} hours between startTime and endTime.`);

export const unknownListenKey = (): Reply => refuse(400, -1125, "This listenKey does not exist.");

/** As the paths of the old user stream answer since they are gone. */
export const gone = (): Reply => refuse(410, -1020, "This operation is not supported.");

/** Paths that the exchange does not have answer in another shape: that of its web framework. */
export function frameworkError(path: string, serverMs: number, allowed: readonly string[] = []): Reply {
  const isKnown = allowed.length > 0;
  const status = isKnown ? 405 : 404;
  const error = isKnown ? "Method Not Allowed" : "Not Found";
  const message = isKnown ? `Only ${allowed.join(" and ")} is supported` : "No message available";
  const body = { timestamp: new Date(serverMs).toISOString(), status, error, message, path };
  return isKnown ? { status, body, headers: { Allow: allowed.join(", ") } } : { status, body };
}
