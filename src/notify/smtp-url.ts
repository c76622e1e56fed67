// smtp://user:password@host:587 and smtps://…:465, taken apart. User and password may be percent-encoded, as in every URL.

import { isLoopback } from "../lib/loopback.ts";
import { Secret } from "../lib/secret.ts";

/** What an smtp:// connection does about encryption. */
export type SmtpTls = "starttls" | "none";

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (smtps). Without it STARTTLS is demanded unless the settings say tls: none. */
  readonly isSecure: boolean;
  readonly login: { readonly user: string; readonly password: Secret } | undefined;
}

export const SMTP_URL_EXPECTED = "expected smtps://user:password@host:465 or smtp://user:password@host:587";

/** Undefined when the text is no such address. Never says why: the text holds a password. */
export function parseSmtpUrl(text: string): SmtpServer | undefined {
  const url = /^smtps?:\/\/\S+$/i.test(text) ? URL.parse(text) : null;
  if (url === null || url.hostname === "" || !/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    return undefined;
  }
  const isSecure = url.protocol === "smtps:";
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user === undefined || password === undefined || (user === "") !== (password === "")) return undefined;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (isSecure ? 465 : 587) : Number(url.port),
    isSecure,
    login: user === "" ? undefined : { user, password: new Secret(password) },
  };
}

/** Why `tls` cannot be had with this address: credentials without TLS may only go to this very machine. */
export function tlsProblem({ isSecure, login, host }: SmtpServer, tls: SmtpTls): string | undefined {
  if (tls === "starttls") return undefined;
  if (isSecure) return "smtps:// is encrypted from the start: leave tls out, or write smtp://";
  if (login === undefined || isLoopback(host)) return undefined;
  return "tls: none would show the password to the network: take it out of the url, or leave tls out";
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // "%" that starts no escape: the person meant a literal % and has to write %25
  }
}
