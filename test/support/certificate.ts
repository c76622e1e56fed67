// A throw-away TLS certificate for servers on localhost, made by hand: node:crypto signs but does not write certificates, and
// openssl need not be installed. Self-signed with P-256; valid from 2000 to 2049, so that no test depends on the day.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** For the names "localhost" and 127.0.0.1, or for another one, to be refused. */
export function makeCertificate(hostname = "localhost"): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(der(SET, sequence(oid("550403"), der(UTF8, Buffer.from(hostname)))));
  const validity = sequence(utcTime("000101000000Z"), utcTime("491231235959Z"));
  const addresses = hostname === "localhost" ? [der(SAN_IP, Buffer.from([127, 0, 0, 1]))] : [];
  const subjectAltName = sequence(der(SAN_DNS, Buffer.from(hostname)), ...addresses);
  const extensions = sequence(sequence(oid("551d11"), der(OCTETS, subjectAltName)));
  const body = sequence(
    der(EXPLICIT_0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    sequence(oid(ECDSA_SHA256)),
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(EXPLICIT_3, extensions),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", body, privateKey)]);
  const whole = sequence(body, sequence(oid(ECDSA_SHA256)), der(BITS, signature));
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { key, cert: pem("CERTIFICATE", whole) };
}

/** Makes this process believe `cert`, until the returned function is called. */
export function trust(cert: string): () => void {
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, cert]);
  return () => setDefaultCACertificates(before);
}

// ---------------------------------------------------------------- DER, as much of it as a certificate needs

const [BITS, OCTETS, UTF8, UTC_TIME, SET] = [0x03, 0x04, 0x0c, 0x17, 0x31];
const [EXPLICIT_0, EXPLICIT_3, SAN_DNS, SAN_IP] = [0xa0, 0xa3, 0x82, 0x87];
const ECDSA_SHA256 = "2a8648ce3d040302";

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...contents: Buffer[]): Buffer => der(0x30, ...contents);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const utcTime = (text: string): Buffer => der(UTC_TIME, Buffer.from(text));

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
