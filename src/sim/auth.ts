// Who is asking, and is it really them? The one thing to know: the signature covers the raw query string exactly as it was
// received, up to "&signature=", which must come last; nothing is decoded or put in order before it is verified.
import { createHmac, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  badKeyFormat,
  badRecvWindow,
  badSignature,
  early,
  illegalCharacters,
  late,
  missingParameter,
  type Reply,
  rejectedKey,
} from "./reply.ts";

/** What the exchange keeps of a key: the shared secret, or the public half of an Ed25519 or RSA pair as PEM. */
export type KeyCredential =
  | { readonly kind: "hmac"; readonly secret: string }
  | { readonly kind: "pem"; readonly publicKeyPem: string };

/** Does the signature, percent-encoded as it stood in the query, belong to the payload? */
export type Verify = (payload: string, signature: string) => boolean;

const MARK = "&signature=";
const RECV_WINDOW_DEFAULT_MS = 5_000;
const RECV_WINDOW_MAX_MS = 60_000;
const AHEAD_MAX_MS = 1_000;

/** Throws for a PEM that is not an Ed25519 or RSA public key. */
export function createVerify(credential: KeyCredential): Verify {
  if (credential.kind === "hmac") {
    const { secret } = credential;
    return (payload, signature) =>
      createHmac("sha256", secret).update(payload).digest("hex") === signature.toLowerCase();
  }
  const key = createPublicKey(credential.publicKeyPem);
  const digest = digestFor(key);
  return (payload, signature) => {
    const base64 = decodeBase64Param(signature);
    return base64 !== undefined && verify(digest, Buffer.from(payload), key, Buffer.from(base64, "base64"));
  };
}

/** Ed25519 hashes by itself; RSA is RSASSA-PKCS1-v1_5 with SHA-256. */
function digestFor({ asymmetricKeyType }: KeyObject): string | null {
  if (asymmetricKeyType === "ed25519") return null;
  if (asymmetricKeyType === "rsa") return "sha256";
  throw new Error(`a key of type ${asymmetricKeyType} cannot sign requests: Ed25519 and RSA can`);
}

/** Base64 after percent-decoding; a bare "+" means a space there and spoils it, the commonest mistake of clients. */
function decodeBase64Param(signature: string): string | undefined {
  if (!/^([\w\-.~*]|%[0-9a-f]{2})+$/i.test(signature)) return undefined;
  const text = signature.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? text : undefined;
}

/** The key's entry, or the refusal. */
export function findKey<Key extends object>(
  apiKey: string | undefined,
  keys: ReadonlyMap<string, Key>,
): { readonly key: Key } | { readonly refusal: Reply } {
  if (apiKey === undefined || !/^[A-Za-z0-9_-]{1,128}$/.test(apiKey)) return { refusal: badKeyFormat() };
  const key = keys.get(apiKey);
  return key === undefined ? { refusal: rejectedKey() } : { key };
}

/** Checks timestamp, recvWindow and signature of a raw query string, in the order in which the exchange complains. */
export function checkSigned(rawQuery: string, isValid: Verify, serverMs: number): Reply | undefined {
  const params = new URLSearchParams(rawQuery);
  const timestamp = params.get("timestamp") ?? "";
  const recvWindow = params.get("recvWindow");
  if (!/^\d{1,16}$/.test(timestamp)) return missingParameter("timestamp");
  if (!params.get("signature")) return missingParameter("signature");
  if (recvWindow !== null && !/^\d{1,9}(\.\d{1,3})?$/.test(recvWindow)) return illegalCharacters("recvWindow");
  const windowMs = recvWindow === null ? RECV_WINDOW_DEFAULT_MS : Number(recvWindow);
  if (windowMs > RECV_WINDOW_MAX_MS) return badRecvWindow();
  return checkTime(Number(timestamp), windowMs, serverMs) ?? checkSignature(rawQuery, isValid);
}

function checkTime(timestampMs: number, windowMs: number, serverMs: number): Reply | undefined {
  if (timestampMs >= serverMs + AHEAD_MAX_MS) return early();
  return serverMs - timestampMs > windowMs ? late() : undefined;
}

function checkSignature(rawQuery: string, isValid: Verify): Reply | undefined {
  const at = rawQuery.lastIndexOf(MARK);
  const signature = rawQuery.slice(at + MARK.length);
  const isLast = at !== -1 && !signature.includes("&");
  // Since 2026-01-15 what is signed has to be percent-encoded: no byte beyond ASCII may stand in it.
  const isEncoded = /^[\x21-\x7e]*$/.test(rawQuery);
  return isLast && isEncoded && isValid(rawQuery.slice(0, at), signature) ? undefined : badSignature();
}

/** The query as it may be kept and shown: without the signature. */
export const withoutSignature = (rawQuery: string): string => rawQuery.replace(/(^|&)signature=[^&]*/g, "");
