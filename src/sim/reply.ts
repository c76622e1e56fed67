// What the simulator sends back, and the exchange's own errors: {"code":-1121,"msg":"Invalid symbol."}.

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const ok = (body: unknown): Reply => ({ status: 200, body });

export const refuse = (status: number, code: number, msg: string): Reply => ({ status, body: { code, msg } });

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

/** Paths that the exchange does not have answer in another shape: that of its web framework. */
export function frameworkError(status: 404 | 405, path: string, serverMs: number): Reply {
  const error = status === 404 ? "Not Found" : "Method Not Allowed";
  const message = status === 404 ? "No message available" : "Only GET is supported";
  const body = { timestamp: new Date(serverMs).toISOString(), status, error, message, path };
  return status === 405 ? { status, body, headers: { Allow: "GET" } } : { status, body };
}
