// Signs requests. The one thing to know: one query string is built, percent-encoded, signed and sent, byte for byte; whoever
// takes it apart and puts it together again (URL, URLSearchParams) breaks the signature.
import { createHmac, createPrivateKey, type KeyObject, sign as signWith } from "node:crypto";
import type { Secret } from "../lib/secret.ts";

/** An HMAC secret, or an Ed25519 or RSA private key as unencrypted PKCS#8 PEM. */
export interface Credential {
  readonly kind: "hmac" | "pem";
  readonly secret: Secret;
}

/** Payload → signature, percent-encoded, ready to be appended. */
export type Sign = (payload: string) => string;

export type Params = readonly (readonly [name: string, value: string])[];

/** Reads the key once. Throws, in a sentence without any part of the key, when it can never sign. */
export function createSigner({ kind, secret }: Credential): Sign {
  if (kind === "hmac") return hmacSigner(secret);
  const key = readPrivateKey(secret);
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return (payload) => encodeURIComponent(signWith(null, Buffer.from(payload), key).toString("base64"));
    case "rsa": // RSASSA-PKCS1-v1_5, which is node's default padding
      return (payload) => encodeURIComponent(signWith("sha256", Buffer.from(payload), key).toString("base64"));
    default:
      throw new Error(`the private key is of type ${key.asymmetricKeyType}; Binance takes Ed25519 and RSA`);
  }
}

/** Parameters in the order given, then recvWindow, timestamp and, last, the signature. */
export function signedQuery(params: Params, { recvWindowMs, atMs, sign }: Stamp): string {
  const payload = queryString([...params, ["recvWindow", `${recvWindowMs}`], ["timestamp", `${Math.floor(atMs)}`]]);
  return `${payload}&signature=${sign(payload)}`;
}

export interface Stamp {
  readonly recvWindowMs: number;
  /** Server time, taken after the last wait. */
  readonly atMs: number;
  readonly sign: Sign;
}

/** name=value&…, percent-encoded: a comma becomes %2C. */
export function queryString(params: Params): string {
  return params.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

// encodeURIComponent throws on half a surrogate pair; toWellFormed makes it U+FFFD, which the exchange refuses in words.
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

function hmacSigner(secret: Secret): Sign {
  if (secret.reveal() === "") throw new Error("the API secret is empty");
  return (payload) => createHmac("sha256", secret.reveal()).update(payload).digest("hex");
}

function readPrivateKey(secret: Secret): KeyObject {
  // A PEM from an environment variable often has its line ends as \n in two characters.
  const pem = secret.reveal().replaceAll("\\n", "\n").trim();
  if (!pem.startsWith("-----BEGIN ")) {
    throw new Error("the private key is not a PEM: expected -----BEGIN PRIVATE KEY----- (PKCS#8) and base64 lines");
  }
  if (pem.includes("ENCRYPTED")) {
    throw new Error("the private key is encrypted: give it without a passphrase (openssl pkcs8 -topk8 -nocrypt)");
  }
  if (pem.includes("BEGIN PUBLIC KEY")) throw new Error("this is the public key: the private key is needed to sign");
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's own text says nothing to a person, and what it was given must not travel on as a cause.
    throw new Error(
      "the private key cannot be read: expected an Ed25519 or RSA key as PKCS#8 PEM, whole and unencrypted",
    );
  }
}
