// What a network error means, in words for a person: one table for every peer. Node, undici and nodemailer bury the code at different
// depths. Only codes and kinds of error are shown, never a message: it may hold an address.

/** connection: may be better a second later; certificate: will not be; not_http: something else answers there. */
export interface NetworkProblem {
  readonly kind: "connection" | "certificate" | "not_http";
  /** A clause: "connection refused". */
  readonly words: string;
}

const CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ECONNECTION: "the connection broke",
  UND_ERR_SOCKET: "connection closed by the other side",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stopped half-way",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the answer is too large",
  ENOTFOUND: "name not found, DNS",
  EAI_AGAIN: "DNS does not answer",
  EDNS: "DNS does not answer",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no network",
  ENETDOWN: "no network",
  EMFILE: "this machine is out of file handles",
  ENFILE: "this machine is out of file handles",
};

const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet; is this machine's clock right?",
  CERT_REVOKED: "it was revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "a self-signed certificate in its chain",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its issuer is unknown",
  UNABLE_TO_GET_ISSUER_CERT: "its issuer is unknown",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its issuer is unknown",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another host",
};

const NOT_HTTP = /^(HPE_.*|HTTPParserError|UND_ERR_HEADERS_OVERFLOW)$/;
const TLS = /^(EPROTO$|ERR_SSL|ERR_TLS)/;

/** How deep causes are followed: a chain may be a circle. */
const DEPTH_MAX = 4;

export function networkProblem(error: unknown): NetworkProblem {
  const codes = codesOf(error, DEPTH_MAX);
  const known = codes.map(meaningOf).find((problem) => problem !== undefined);
  if (known !== undefined) return known;
  const [code] = codes;
  return { kind: "connection", words: code === undefined ? "the connection failed" : `the connection failed, ${code}` };
}

function meaningOf(code: string): NetworkProblem | undefined {
  const flaw = CERTIFICATE[code];
  if (flaw !== undefined) return { kind: "certificate", words: `TLS certificate: ${flaw}` };
  if (NOT_HTTP.test(code)) return { kind: "not_http", words: "not HTTP" };
  const words = CONNECTION[code] ?? (TLS.test(code) ? `TLS handshake failed, ${code}` : undefined);
  return words === undefined ? undefined : { kind: "connection", words };
}

/** The codes from the outside in: the deepest cause is rarely the clearest, so the first known one wins. */
function codesOf(error: unknown, depth: number): string[] {
  if (!(error instanceof Error) || depth === 0) return [];
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  // nodemailer keeps the system's code as originalCode and writes its own, coarser one over it
  const own = [property(error, "originalCode"), property(error, "code")].filter((code) => code !== undefined);
  const found = [...own, ...codesOf(inner, depth - 1)];
  return found.length === 0 && error.name !== "Error" ? [error.name] : found;
}

function property(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" && /^[A-Z][A-Z0-9_]*$/.test(value) ? value : undefined;
}
