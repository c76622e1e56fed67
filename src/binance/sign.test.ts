// The numbers H1 … E4 are those of the published vectors of Binance's documents. None of the keys is in use anywhere.
import { constants, createHmac, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { expect, test } from "vitest";
import { Secret } from "../lib/secret.ts";
import { createSigner, queryString, signedQuery } from "./sign.ts";

const hmac = createSigner({
  kind: "hmac",
  secret: new Secret("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
});
const ED25519_PEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----`;
const pem = (text: string) => createSigner({ kind: "pem", secret: new Secret(text) });

const ORDER = "timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const WIDE = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96";

test.each([
  [
    "H1",
    `symbol=LTCBTC&side=BUY&type=LIMIT&${ORDER}`,
    "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
  ],
  [
    "H2",
    `symbol=${WIDE}&side=BUY&type=LIMIT&${ORDER}`,
    "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
  ],
  [
    "H3 (query and body without a separator)",
    `symbol=LTCBTC&side=BUY&type=LIMIT&${ORDER.replace("GTC&", "GTC")}`,
    "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
  ],
  ["M1", "recvWindow=5000&timestamp=1499827319559", "82f4e72e95e63d666b6da651e82a701722ad8a785a169318d91f36f279c55821"],
  ["M2", "timestamp=1499827319559&recvWindow=5000", "6cd35332399b004466463b9ad65a112a14f31fb9ddfd5e19bd7298fbd491dbc7"],
  [
    "M3",
    "symbols=BTCUSDT%2CETHUSDT&recvWindow=5000&timestamp=1499827319559",
    "dd2508b8e7f5ed63246549d2aad2c1324430af3a265db3eb9ba701f9b9054902",
  ],
  [
    "M4 (a literal comma: nothing here may build it)",
    "symbols=BTCUSDT,ETHUSDT&recvWindow=5000&timestamp=1499827319559",
    "989965de23a7a70504072c4763488c7bbf324eef7e73c2ddc89e64249b961e13",
  ],
  [
    "H2n (raw UTF-8: nothing here may build it)",
    `symbol=１２３４５６&side=BUY&type=LIMIT&${ORDER}`,
    "ca2cdfbf21d2e2958de492c7f2dd1f059dd2ed4d4459d26a5ec7928db50c8d4f",
  ],
])("signs %s with HMAC as published", (_, payload, signature) => {
  expect(hmac(payload)).toBe(signature);
});

const M1_SIGNATURE = "82f4e72e95e63d666b6da651e82a701722ad8a785a169318d91f36f279c55821";
const M3_SIGNATURE = "dd2508b8e7f5ed63246549d2aad2c1324430af3a265db3eb9ba701f9b9054902";
const at = { recvWindowMs: 5000, atMs: 1499827319559, sign: hmac };

test("builds the payload of M1 for an account read, signature last", () => {
  expect(signedQuery([], at)).toBe(`recvWindow=5000&timestamp=1499827319559&signature=${M1_SIGNATURE}`);
});

test("cuts a fraction of a millisecond off the timestamp", () => {
  expect(signedQuery([], { ...at, atMs: 1499827319559.75 })).toContain(
    `timestamp=1499827319559&signature=${M1_SIGNATURE}`,
  );
});

test("signs and sends the comma of a list as %2C (M3), not as itself (M4)", () => {
  const query = signedQuery([["symbols", "BTCUSDT,ETHUSDT"]], at);
  expect(query).toBe(`symbols=BTCUSDT%2CETHUSDT&recvWindow=5000&timestamp=1499827319559&signature=${M3_SIGNATURE}`);
  expect(query).not.toContain("989965de23a7a70504072c4763488c7bbf324eef7e73c2ddc89e64249b961e13");
});

test("signs a symbol outside ASCII percent-encoded (H2), never raw (H2n)", () => {
  const names = ["symbol", "side", "type", "timeInForce", "quantity", "price", "recvWindow", "timestamp"] as const;
  const values = ["１２３４５６", "BUY", "LIMIT", "GTC", "1", "0.1", "5000", "1499827319559"];
  const payload = queryString(names.map((name, i) => [name, values[i] ?? ""] as const));
  expect(payload).toBe(`symbol=${WIDE}&side=BUY&type=LIMIT&${ORDER}`);
  expect(hmac(payload)).not.toBe("ca2cdfbf21d2e2958de492c7f2dd1f059dd2ed4d4459d26a5ec7928db50c8d4f");
});

test("survives half a surrogate pair in a symbol", () => {
  expect(queryString([["symbols", "A\ud800"]])).toBe("symbols=A%EF%BF%BD");
});

const E2 =
  "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000";

test.each([
  [
    "E1",
    ["A", "EXAMPLE", "SPOT", "1", "20240627-11:17:25.223"].join("\u0001"),
    "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==",
  ],
  ["E2", E2, "inDT086KVIP8vgUfw5sV3VTkescWztiAGlf4x8FLKHM4NInsn0c1kYVLoGMO8cyjfR6vmTku2YQE0gtfVVlfCw=="],
  [
    "E3",
    E2.replace("BTCUSDT", WIDE),
    "vECjNXSlVOz1DskXXQ866KhikKY8cxajBXKAU0COlYYemqEr45TXiRS/jNB3LyHHh48pu7z2S6pTFhmhWNRBBw==",
  ],
  [
    "E4",
    "recvWindow=5000&timestamp=1668481559918",
    "yG//h2Cfs3v2ChLCggtYAMLXxMNID3TY57ovA53fl9lzq8tluz+3qjDv3eSKqKQBAZNJGlgpfClpX/eZdmj0BQ==",
  ],
])("signs %s with Ed25519 as published, percent-encoded", (_, payload, signature) => {
  expect(pem(ED25519_PEM)(payload)).toBe(encodeURIComponent(signature));
});

test("reads a PEM whose line ends are written as \\n", () => {
  const payload = "recvWindow=5000&timestamp=1668481559918";
  expect(pem(ED25519_PEM.replaceAll("\n", "\\n"))(payload)).toBe(pem(ED25519_PEM)(payload));
});

// RSA: no key pair is published, so a throw-away key makes the round trip and the published signature shows the encoding.
const RSA_SIGNATURE =
  "HZ8HOjiJ1s/igS9JA+n7+7Ti/ihtkRF5BIWcPIEluJP6tlbFM/Bf44LfZka/iemtahZAZzcO9TnI5uaXh3++lrqtNonCwp6/245UFWkiW1elpgtVAmJPbogcAv6rSlokztAfWk296ZJXzRDYAtzGH0gq7CgSJKfH+XxaCmR0WcvlKjNQnp12/eKXJYO4tDap8UCBLuyxDnR7oJKLHQHJLP0r0EAVOOSIbrFang/1WOq+Jaq4Efc4XpnTgnwlBbWTmhWDR1pvS9iVEzcSYLHT/fNnMRxFc7u+j3qI//5yuGuu14KR0MuQKKCSpViieD+fIti46sxPTsjSemoUKp0oXA==";

test("signs with RSA PKCS#1 v1.5 and SHA-256, percent-encoded", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signature = pem(text)(E2);
  expect(signature).toMatch(/^[A-Za-z0-9%]+$/);
  const key = { key: createPublicKey(privateKey), padding: constants.RSA_PKCS1_PADDING };
  expect(verify("sha256", Buffer.from(E2), key, Buffer.from(decodeURIComponent(signature), "base64"))).toBe(true);
});

test("encodes a base64 signature as documented: / is %2F, + is %2B, = is %3D", () => {
  const encoded = queryString([["signature", RSA_SIGNATURE]]);
  expect(encoded).toBe(
    `signature=${RSA_SIGNATURE.replaceAll("/", "%2F").replaceAll("+", "%2B").replaceAll("=", "%3D")}`,
  );
});

const exported = (type: "ec" | "rsa-pss" | "x25519") => {
  const { privateKey } =
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : type === "x25519"
        ? generateKeyPairSync("x25519")
        : generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
};
const ed25519 = generateKeyPairSync("ed25519");

test.each([
  ["an empty file", "", /not a PEM/],
  ["an HMAC secret", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j", /not a PEM/],
  ["a cut PEM", ED25519_PEM.slice(0, 60), /cannot be read/],
  ["a PEM with a wrong body", ED25519_PEM.replace("MC4C", "AAAA"), /cannot be read/],
  [
    "an encrypted key",
    ed25519.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString(),
    /encrypted/,
  ],
  ["the public key", ed25519.publicKey.export({ type: "spki", format: "pem" }).toString(), /public key/],
  ["an elliptic-curve key", exported("ec"), /type ec; Binance takes Ed25519 and RSA/],
  ["an X25519 key", exported("x25519"), /type x25519/],
  ["an RSA-PSS key", exported("rsa-pss"), /type rsa-pss/],
])("refuses %s in words that hold no part of it", (_, text, words) => {
  let message = "";
  try {
    pem(text);
  } catch (error) {
    message = error instanceof Error ? error.message : "";
    expect(error instanceof Error && error.cause).toBeUndefined();
  }
  expect(message).toMatch(words);
  for (const line of text.split("\n").filter((part) => part.length > 30)) expect(message).not.toContain(line);
});

test("refuses an empty HMAC secret", () => {
  expect(() => createSigner({ kind: "hmac", secret: new Secret("") })).toThrow("the API secret is empty");
});

test("agrees with node's HMAC for any text", () => {
  const text = "symbols=A%2CB&recvWindow=60000&timestamp=1";
  const sign = createSigner({ kind: "hmac", secret: new Secret("k") });
  expect(sign(text)).toBe(createHmac("sha256", "k").update(text).digest("hex"));
});
