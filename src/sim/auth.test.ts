import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { checkSigned, createVerify, findKey, withoutSignature } from "./auth.ts";
import type { Reply } from "./reply.ts";

// Credentials published in Binance's documentation; they belong to nobody.
const SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const ED25519_PEM =
  "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n-----END PRIVATE KEY-----\n";

const publicPem = (privatePem: string) =>
  createPublicKey(createPrivateKey(privatePem)).export({ type: "spki", format: "pem" }).toString();

const hmac = createVerify({ kind: "hmac", secret: SECRET });
const ed25519 = createVerify({ kind: "pem", publicKeyPem: publicPem(ED25519_PEM) });

test.each([
  {
    name: "the documented order",
    payload:
      "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
    signature: "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
  },
  {
    name: "a percent-encoded symbol",
    payload:
      "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
    signature: "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
  },
  {
    name: "recvWindow before timestamp",
    payload: "recvWindow=5000&timestamp=1499827319559",
    signature: "82f4e72e95e63d666b6da651e82a701722ad8a785a169318d91f36f279c55821",
  },
  {
    name: "timestamp before recvWindow",
    payload: "timestamp=1499827319559&recvWindow=5000",
    signature: "6cd35332399b004466463b9ad65a112a14f31fb9ddfd5e19bd7298fbd491dbc7",
  },
  {
    name: "an encoded comma",
    payload: "symbols=BTCUSDT%2CETHUSDT&recvWindow=5000&timestamp=1499827319559",
    signature: "dd2508b8e7f5ed63246549d2aad2c1324430af3a265db3eb9ba701f9b9054902",
  },
  {
    name: "a literal comma",
    payload: "symbols=BTCUSDT,ETHUSDT&recvWindow=5000&timestamp=1499827319559",
    signature: "989965de23a7a70504072c4763488c7bbf324eef7e73c2ddc89e64249b961e13",
  },
])("HMAC: takes the signature of $name, in either case, and of nothing else", ({ payload, signature }) => {
  expect(hmac(payload, signature)).toBe(true);
  expect(hmac(payload, signature.toUpperCase())).toBe(true);
  expect(hmac(`${payload}0`, signature)).toBe(false);
  expect(
    hmac(
      payload,
      signature.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
    ),
  ).toBe(false);
});

test.each([
  {
    payload:
      "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000",
    signature: "inDT086KVIP8vgUfw5sV3VTkescWztiAGlf4x8FLKHM4NInsn0c1kYVLoGMO8cyjfR6vmTku2YQE0gtfVVlfCw==",
  },
  {
    payload:
      "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000",
    signature: "vECjNXSlVOz1DskXXQ866KhikKY8cxajBXKAU0COlYYemqEr45TXiRS/jNB3LyHHh48pu7z2S6pTFhmhWNRBBw==",
  },
  {
    payload: "recvWindow=5000&timestamp=1668481559918",
    signature: "yG//h2Cfs3v2ChLCggtYAMLXxMNID3TY57ovA53fl9lzq8tluz+3qjDv3eSKqKQBAZNJGlgpfClpX/eZdmj0BQ==",
  },
])("Ed25519: takes the signature of $payload, percent-encoded", ({ payload, signature }) => {
  expect(ed25519(payload, encodeURIComponent(signature))).toBe(true);
  expect(ed25519(`${payload}0`, encodeURIComponent(signature))).toBe(false);
});

test("a signature in base64 that was not percent-encoded is refused", () => {
  expect(
    ed25519(
      "recvWindow=5000&timestamp=1668481559918",
      "yG//h2Cfs3v2ChLCggtYAMLXxMNID3TY57ovA53fl9lzq8tluz+3qjDv3eSKqKQBAZNJGlgpfClpX/eZdmj0BQ==",
    ),
  ).toBe(false);
});

test.each(["", "%", "%zz", "not base64!", "%00", "AAAA"])("Ed25519: refuses the signature %j", (signature) => {
  expect(ed25519("timestamp=1", signature)).toBe(false);
});

test("RSA: takes a signature of its own key", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = createVerify({ kind: "pem", publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString() });
  const signature = encodeURIComponent(sign("sha256", Buffer.from("timestamp=1"), privateKey).toString("base64"));
  expect(rsa("timestamp=1", signature)).toBe(true);
  expect(rsa("timestamp=2", signature)).toBe(false);
});

test("a key that cannot sign requests is refused at the start", () => {
  const { publicKey } = generateKeyPairSync("x25519");
  const publicKeyPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  expect(() => createVerify({ kind: "pem", publicKeyPem })).toThrow("a key of type x25519 cannot sign requests");
  expect(() => createVerify({ kind: "pem", publicKeyPem: "no key" })).toThrow();
});

const SERVER_MS = 1_499_827_319_559;
const codeOf = (reply: Reply | undefined) => (reply === undefined ? "accepted" : JSON.stringify(reply.body));
const anySignature = () => true;

test.each([
  { name: "now", query: `timestamp=${SERVER_MS}`, code: "accepted" },
  { name: "999 ms ahead", query: `timestamp=${SERVER_MS + 999}`, code: "accepted" },
  { name: "1000 ms ahead", query: `timestamp=${SERVER_MS + 1000}`, code: "-1021" },
  { name: "5000 ms old", query: `timestamp=${SERVER_MS - 5000}`, code: "accepted" },
  { name: "5001 ms old", query: `timestamp=${SERVER_MS - 5001}`, code: "-1021" },
  { name: "5001 ms old, window 5001", query: `recvWindow=5001&timestamp=${SERVER_MS - 5001}`, code: "accepted" },
  { name: "60 s old, window 60000", query: `recvWindow=60000&timestamp=${SERVER_MS - 60_000}`, code: "accepted" },
  { name: "window 60001", query: `recvWindow=60001&timestamp=${SERVER_MS}`, code: "-1131" },
  { name: "1000 ms ahead, window 60000", query: `recvWindow=60000&timestamp=${SERVER_MS + 1000}`, code: "-1021" },
  { name: "window in words", query: `recvWindow=long&timestamp=${SERVER_MS}`, code: "-1100" },
  { name: "without a timestamp", query: "recvWindow=5000", code: "-1102" },
  { name: "with an empty timestamp", query: "timestamp=", code: "-1102" },
  { name: "with a timestamp in words", query: "timestamp=now", code: "-1102" },
])("a request $name: $code", ({ query, code }) => {
  expect(codeOf(checkSigned(`${query}&signature=aa`, anySignature, SERVER_MS))).toContain(code);
});

const TIME = `timestamp=${SERVER_MS}`;

test.each([
  { name: "no signature", query: TIME, code: "-1102" },
  { name: "an empty signature", query: `${TIME}&signature=`, code: "-1102" },
  { name: "a signature that is not last", query: `signature=aa&${TIME}`, code: "-1022" },
  { name: "a parameter after the signature", query: `${TIME}&signature=aa&x=1`, code: "-1022" },
  { name: "a byte beyond ASCII", query: `symbol=ï¼&${TIME}&signature=aa`, code: "-1022" },
])("$name is refused with $code", ({ query, code }) => {
  expect(codeOf(checkSigned(query, anySignature, SERVER_MS))).toContain(code);
});

test("the signature is checked over the raw query, not over what it decodes to", () => {
  const seen: string[] = [];
  const spy = (payload: string) => seen.push(payload) > 0;
  checkSigned(`b=%2C&a=,&c=+%20&${TIME}&signature=aa`, spy, SERVER_MS);
  expect(seen).toEqual([`b=%2C&a=,&c=+%20&${TIME}`]);
});

const keys = new Map([["known-key", { name: "entry" }]]);

test.each([
  { apiKey: undefined, code: "-2014" },
  { apiKey: "", code: "-2014" },
  { apiKey: "white space", code: "-2014" },
  { apiKey: "a".repeat(129), code: "-2014" },
  { apiKey: "another-key", code: "-2015" },
])("the key $apiKey is refused with $code", ({ apiKey, code }) => {
  const found = findKey(apiKey, keys);
  expect(JSON.stringify(found)).toContain(code);
  expect(found).toMatchObject({ refusal: { status: 401 } });
});

test("a known key is found", () => {
  expect(findKey("known-key", keys)).toEqual({ key: { name: "entry" } });
});

test.each([
  { query: "a=1&signature=xyz", kept: "a=1" },
  { query: "signature=xyz&a=1", kept: "&a=1" },
  { query: "a=1", kept: "a=1" },
])("$query is kept as $kept", ({ query, kept }) => {
  expect(withoutSignature(query)).toBe(kept);
});
