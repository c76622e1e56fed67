// A real mail server, OpenSMTPD, that takes every mail and puts it into one Maildir per recipient; and a relay before it that can
// be closed, or lose the server's answer to a mail that it has accepted.
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import PostalMime, { type Email } from "postal-mime";
import { expect, until } from "./harness.ts";
import { freePort, run, start } from "./programs.ts";

/** User that delivers into the Maildirs; it exists on every Debian. */
const NOBODY = 65_534;
/** Ends a mail (RFC 5321, 4.1.1.4). */
const END_OF_DATA = "\r\n.\r\n";

export interface StoredMail {
  readonly arrivedNs: bigint;
  readonly parsed: Email;
  /** As margind wrote it, without the trace lines that the server put above. */
  readonly bytes: string;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  /** The mails of one mailbox (the part before the @), oldest first. */
  mailbox(user: string): Promise<readonly StoredMail[]>;
  said(): string;
}

export async function startMailServer(folder: string): Promise<MailServer> {
  const maildirs = join(folder, "maildirs");
  mkdirSync(maildirs, { recursive: true });
  chownSync(maildirs, NOBODY, NOBODY);
  const port = await freePort();
  const config = join(folder, "smtpd.conf");
  writeFileSync(
    config,
    `listen on lo port ${port} hostname mail.test
action "keep" maildir "${maildirs}/%{rcpt.user:raw}" virtual { "@" = "nobody" }
match from any for any action "keep"
`,
  );
  chmodSync(config, 0o600); // smtpd reads no configuration that others may write
  await run("smtpd", ["-n", "-f", config]);
  const smtpd = start("smtpd", ["-d", "-f", config]);
  await until("OpenSMTPD greets", 20_000, () => greets(port), smtpd.said);
  return {
    port,
    said: smtpd.said,
    mailbox: (user) => readMailbox(join(maildirs, user, "new")),
    async [Symbol.asyncDispose]() {
      await smtpd.end("SIGTERM"); // its parent process ends the others
    },
  };
}

function greets(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.setTimeout(2000, () => socket.destroy());
    socket.once("data", () => {
      socket.end("QUIT\r\n");
      resolve(true);
    });
    socket.on("error", () => undefined).once("close", () => resolve(undefined));
  });
}

async function readMailbox(folder: string): Promise<readonly StoredMail[]> {
  const mails = await Promise.all(filesIn(folder).map(readMail));
  return mails.sort((a, b) => (a.arrivedNs < b.arrivedNs ? -1 : 1));
}

async function readMail(file: string): Promise<StoredMail> {
  const text = readFileSync(file, "utf8");
  const first = text.search(/^From: /m);
  expect(first !== -1, `a mail without From: ${text.slice(0, 200)}`);
  return {
    arrivedNs: statSync(file, { bigint: true }).mtimeNs,
    parsed: await PostalMime.parse(text),
    bytes: text.slice(first),
  };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return []; // the server makes a mailbox with its first mail
  }
}

// ---------------------------------------------------------------- the way to it

/**
 * - open: everything passes.
 * - closed: connections are refused.
 * - deaf: mails pass, but the answer to a finished mail does not come back.
 */
export type RelayMode = "open" | "closed" | "deaf";

export interface Relay extends AsyncDisposable {
  readonly port: number;
  become(mode: RelayMode): Promise<void>;
}

export async function startRelay(target: number): Promise<Relay> {
  const port = await freePort();
  let mode: RelayMode = "closed";
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(target, "127.0.0.1");
    connect(client, upstream, () => mode === "deaf");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
  });
  const become = async (next: RelayMode) => {
    if (mode === "closed" && next !== "closed") await listen(server, port);
    if (mode !== "closed" && next === "closed") await close(server, sockets);
    mode = next;
  };
  await become("open");
  return { port, become, [Symbol.asyncDispose]: () => become("closed") };
}

function connect(client: Socket, upstream: Socket, isDeaf: () => boolean): void {
  let tail = "";
  let isFinished = false;
  client.on("data", (chunk) => {
    tail = (tail + chunk.toString("latin1")).slice(-END_OF_DATA.length);
    isFinished = tail === END_OF_DATA;
    upstream.write(chunk);
  });
  upstream.on("data", (chunk) => {
    if (!(isDeaf() && isFinished)) client.write(chunk);
  });
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on("error", () => other.destroy()).on("close", () => other.destroy());
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
