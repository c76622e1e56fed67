// One SMTP session: connect, TLS, log in, hand over one mail, leave. nodemailer speaks the protocol; we make the connection, with a
// deadline of its own, and cut it: a server that drips its greeting keeps nodemailer's time-outs quiet for ever, and its close()
// leaves the socket open. No pool: a pooled connection that has gone stale would lose its first mail.
import { createRequire } from "node:module";
import { connect, type Socket } from "node:net";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { Clock } from "../core/ports.ts";
import { untilAborted, within } from "./deadline.ts";
import { pulled } from "./pulled.ts";
import type { SmtpServer, SmtpTls } from "./smtp-url.ts";

export interface Envelope {
  readonly from: string;
  readonly to: string;
}

export interface Accepted {
  /** The server's last reply. */
  readonly response: string;
  /** Set by servers that put a Message-ID of their own in place of ours (Amazon SES, Microsoft 365). */
  readonly serverMessageId: string | undefined;
}

export interface SmtpOptions {
  readonly server: SmtpServer;
  readonly tls: SmtpTls;
  readonly clock: Clock;
}

export interface SmtpClient {
  /** `onHandover` is called when the server has said "go on" and the mail's bytes leave: from then on a failure is ambiguous. */
  deliver(envelope: Envelope, bytes: Buffer, signal: AbortSignal, onHandover: () => void): Promise<Accepted>;
  /** Connects and logs in, sends nothing. */
  probe(signal: AbortSignal): Promise<void>;
  /** Drops sessions that are still saying goodbye. */
  close(): void;
}

/** The server offers no login although the settings hold a password: sending without one is not what was asked for. */
export class NoLoginError extends Error {
  override readonly name = "NoLoginError";
}

const CONNECT_MAX_MS = 10_000;
const SILENCE_MAX_MS = 20_000;

export function createSmtpClient({ server, tls, clock }: SmtpOptions): SmtpClient {
  const open = new Set<SMTPConnection>();

  /** Runs `use` in a session that is ready for mail. Rejects with nodemailer's error or the signal's reason, the socket closed. */
  async function inSession<T>(signal: AbortSignal, use: (session: SMTPConnection) => Promise<T>): Promise<T> {
    const socket = await within(CONNECT_MAX_MS, { clock, signal, missing: "no connection" }, (limit) =>
      connected(server, limit),
    );
    const Connection = loadConnection();
    const session = new Connection({
      host: server.host,
      port: server.port,
      secure: server.isSecure,
      requireTLS: !server.isSecure && tls === "starttls",
      ignoreTLS: tls === "none",
      connection: socket,
      connectionTimeout: CONNECT_MAX_MS,
      greetingTimeout: CONNECT_MAX_MS,
      socketTimeout: SILENCE_MAX_MS,
    });
    open.add(session);
    session.once("end", () => open.delete(session));
    try {
      const result = await Promise.race([
        untilAborted(signal),
        untilBroken(session),
        greeted(session, server).then(() => use(session)),
      ]);
      session.quit();
      topmost(session)?.unref(); // nobody waits for the server's goodbye
      return result;
    } catch (error) {
      cut(session);
      throw error;
    }
  }

  return {
    deliver: (envelope, bytes, signal, onHandover) =>
      inSession(signal, (session) => handOver(session, envelope, bytes, onHandover)),
    probe: (signal) => inSession(signal, async () => undefined),
    close() {
      for (const session of open) cut(session);
    },
  };
}

// The CommonJS build: the ESM one loads node:http in a way that costs four times as much.
const load = createRequire(import.meta.url);
function loadConnection(): typeof SMTPConnection {
  const library: typeof import("nodemailer/lib/smtp-connection") = load("nodemailer/lib/smtp-connection");
  return library.default;
}

/** The TLS socket once there is one: destroying the plain one beneath it in the middle of a handshake crashes Node. */
function topmost(session: SMTPConnection): Socket | undefined {
  return session._socket || undefined;
}

function cut(session: SMTPConnection): void {
  const socket = topmost(session);
  session.close();
  socket?.destroy();
}

function connected({ host, port }: SmtpServer, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.removeListener("error", reject);
      socket.on("error", () => undefined); // the session listens too; this one keeps a late error from ending the process
      resolve(socket);
    });
  });
}

/** Never resolves. Stays attached: an "error" event that nobody hears would end the process. */
function untilBroken(session: SMTPConnection): Promise<never> {
  return new Promise((_, reject) => {
    session.on("error", reject);
  });
}

async function greeted(session: SMTPConnection, { login }: SmtpServer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    session.connect((error) => (error ? reject(error) : resolve()));
  });
  if (login === undefined) return;
  if (!session.allowsAuth) throw new NoLoginError();
  await new Promise<void>((resolve, reject) => {
    const credentials = { user: login.user, pass: login.password.reveal() };
    session.login({ credentials }, (error) => (error ? reject(error) : resolve()));
  });
}

function handOver(
  session: SMTPConnection,
  { from, to }: Envelope,
  bytes: Buffer,
  onHandover: () => void,
): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    session.send({ from, to, size: bytes.length }, pulled(bytes, onHandover), (error, info) => {
      if (error) return reject(error);
      const [refused] = info?.rejectedErrors ?? [];
      if (refused !== undefined) return reject(refused);
      resolve({ response: info?.response ?? "", serverMessageId: info?.serverMessageId });
    });
  });
}
