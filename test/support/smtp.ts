// A real SMTP server whose replies can be scripted. It keeps every mail that it accepted, as bytes and parsed.
import { createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { listen, listening, openConnections, untilTrue } from "./server.ts";

export type SmtpStage = "connect" | "auth" | "mail" | "rcpt" | "data";

/** A reply code with its text; or the connection dropped, or left without an answer. At "data" the mail has arrived by then. */
export type SmtpFault =
  | { readonly code: number; readonly text: string }
  | "drop"
  | "hang"
  | "accept-and-drop"
  | "accept-and-hang";

export interface SmtpMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly bytes: Buffer;
  readonly mail: Email;
  readonly isSecure: boolean;
}

export interface SmtpDouble extends AsyncDisposable {
  /** For the notifier's `url`, with the credentials that the server wants. */
  readonly url: string;
  readonly port: number;
  /** PEM; see `trust`. */
  readonly cert: string;
  readonly mails: readonly SmtpMail[];
  /** Credentials as they came in. */
  readonly logins: readonly { readonly user: string; readonly password: string }[];
  readonly sessions: () => number;
  /** The next times this stage is reached. */
  script(stage: SmtpStage, ...faults: readonly SmtpFault[]): void;
  untilReached(stage: SmtpStage): Promise<void>;
  openConnections(): Promise<number>;
  close(): Promise<void>;
}

interface SmtpOptions {
  /** "tls": from the first byte. */
  readonly security?: "none" | "starttls" | "tls";
  readonly login?: { readonly user: string; readonly password: string };
  readonly certificate?: Certificate;
}

export async function startSmtp({
  security = "none",
  login,
  certificate = makeCertificate(),
}: SmtpOptions = {}): Promise<SmtpDouble> {
  const mails: SmtpMail[] = [];
  const logins: { user: string; password: string }[] = [];
  const faults: { readonly stage: SmtpStage; readonly fault: SmtpFault }[] = [];
  const reached: SmtpStage[] = [];
  let sessions = 0;

  /** Plays the next scripted fault of a stage; undefined when there is none. */
  const play = (stage: SmtpStage, session: SMTPServerSession, done: (error?: Error) => void): SmtpFault | undefined => {
    reached.push(stage);
    const index = faults.findIndex((each) => each.stage === stage);
    const fault = index < 0 ? undefined : faults.splice(index, 1)[0]?.fault;
    if (fault === "drop" || fault === "accept-and-drop") drop((connection) => connection.session === session);
    else if (typeof fault === "object") done(Object.assign(new Error(fault.text), { responseCode: fault.code }));
    return fault;
  };

  /** Always the topmost socket: taking the plain one away from under a TLS handshake crashes Node. */
  const drop = (isMeant: (connection: Connection) => boolean) => {
    for (const connection of [...server.connections].filter(isMeant)) connection._socket.destroy();
  };

  const options: SMTPServerOptions = {
    ...certificate,
    secure: security === "tls",
    hideSTARTTLS: security !== "starttls",
    allowInsecureAuth: true,
    authOptional: login === undefined,
    disabledCommands: [...(login === undefined ? ["AUTH"] : []), ...(security === "starttls" ? [] : ["STARTTLS"])],
    disableReverseLookup: true,
    onConnect(session, done) {
      sessions += 1;
      if (play("connect", session, done) === undefined) done();
    },
    onAuth({ username = "", password }, session, done) {
      logins.push({ user: username, password: password ?? "" });
      if (play("auth", session, (error) => done(error)) !== undefined) return;
      const isRight = username === login?.user && password === login.password;
      if (isRight) return done(null, { user: username });
      done(Object.assign(new Error(`Authentication failed for ${password}`), { responseCode: 535 }));
    },
    onMailFrom(_address, session, done) {
      if (play("mail", session, done) === undefined) done();
    },
    onRcptTo(_address, session, done) {
      if (play("rcpt", session, done) === undefined) done();
    },
    onData(stream, session, done) {
      receive(stream, session).then(
        (mail) => {
          const fault = play("data", session, done);
          if (fault === undefined || fault === "accept-and-drop" || fault === "accept-and-hang") mails.push(mail);
          if (fault === undefined) done(null, `queued as ${mails.length}`);
        },
        () => undefined, // the client hung up in the middle
      );
    },
  };
  const server = new SMTPServer(options);
  server.on("error", () => undefined); // a client that hangs up in the middle is what tests do
  const port = await listening(server.server);
  const close = async () => {
    server.close();
    drop(() => true);
    await untilTrue(async () => (await openConnections(server.server)) === 0);
  };
  const user = login === undefined ? "" : `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`;

  return {
    url: `${security === "tls" ? "smtps" : "smtp"}://${user}localhost:${port}`,
    port,
    cert: certificate.cert,
    mails,
    logins,
    sessions: () => sessions,
    script: (stage, ...list) => void faults.push(...list.map((fault) => ({ stage, fault }))),
    untilReached: (stage) => untilTrue(() => reached.includes(stage)),
    openConnections: () => openConnections(server.server),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Connection = SMTPServer["connections"] extends Set<infer Each> ? Each : never;

async function receive(stream: SMTPServerDataStream, { envelope, secure }: SMTPServerSession): Promise<SmtpMail> {
  const bytes = await buffer(stream);
  const { mailFrom, rcptTo } = envelope;
  return {
    from: mailFrom === false ? "" : mailFrom.address,
    to: rcptTo.map(({ address }) => address),
    bytes,
    mail: await PostalMime.parse(bytes),
    isSecure: secure,
  };
}

// ---------------------------------------------------------------- servers that speak no proper SMTP

export interface RawSmtp extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Every byte that came in, over all connections. */
  wire(): string;
  connections(): number;
}

export interface RawScript {
  /** Undefined: says nothing. */
  readonly greeting?: string | undefined;
  /** The reply to a line, CRLFs included; undefined: no answer, and nothing that follows is answered. */
  answer(line: string): string | undefined;
  /** The answer to bytes that are no line, as a TLS handshake is. */
  readonly babble?: string;
}

/** A TLS handshake may hold line ends too, and is no command. */
const isText = (line: string): boolean => /^[\t\x20-\x7e]*$/.test(line);

/** Plain text only, and only what the script says: what a broken server says, or somebody between us and a good one. */
export async function startRawSmtp({ greeting, answer, babble }: RawScript): Promise<RawSmtp> {
  const received: Buffer[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    let rest = "";
    socket.on("data", (chunk) => {
      received.push(chunk);
      const lines = `${rest}${chunk.toString("latin1")}`.split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) socket.write((isText(line) ? answer(line) : babble) ?? "");
      if (rest !== "") socket.write(babble ?? "");
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      connections -= 1;
    });
    if (greeting !== undefined) socket.write(greeting);
  });
  const { port, close } = await listen(server);
  return {
    url: `smtp://localhost:${port}`,
    port,
    wire: () => Buffer.concat(received).toString("latin1"),
    connections: () => connections,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * A server that never comes to a point: it greets, then adds a line to its EHLO answer every 20 ms. No time-out that measures
 * silence ever fires.
 */
export async function startDrippingSmtp(): Promise<{ readonly url: string; connections(): number } & AsyncDisposable> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.write("220 slow.test ESMTP\r\n");
    const timer = setInterval(() => socket.write("250-AND-THEN\r\n"), 20);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      connections -= 1;
      clearInterval(timer);
    });
  });
  const { port, close } = await listen(server);
  return { url: `smtp://localhost:${port}`, connections: () => connections, [Symbol.asyncDispose]: close };
}

// ---------------------------------------------------------------- what a mail must be

/** What is wrong with a mail: no text in it may have made a header, a part, a recipient, a tag or a line of the dialogue. */
export function mailFlaws({ bytes, mail }: Pick<SmtpMail, "bytes" | "mail">): string[] {
  const source = bytes.toString("latin1");
  const names = mail.headers.map(({ key }) => key);
  const tags = (mail.html ?? "").match(/<[^>]*>?/g) ?? [];
  return [
    ...names.filter((name) => !OUR_HEADERS.has(name)).map((name) => `the header ${name}`),
    ...(new Set(names).size === names.length ? [] : ["a header twice"]),
    ...(mail.to?.length === 1 && mail.cc === undefined && mail.bcc === undefined ? [] : ["a recipient"]),
    ...(mail.attachments.length === 0 ? [] : ["a part"]),
    ...tags.filter((tag) => !OUR_TAG.test(tag)),
    ...(/(?<!\r)\n|\r(?!\n)/.test(source) ? ["a bare CR or LF"] : []),
    ...(source.includes("\0") ? ["a NUL"] : []),
    ...(source.split("\r\n").some((line) => line.length > 998) ? ["a line of more than 998 bytes"] : []),
  ];
}

/** No script, no link, no picture, no handler. */
const OUR_TAG =
  /^<(!DOCTYPE html|\/?(html|head|meta|style|body|table|tr|td|div)(?=[\s>])(?!.*(\son|href|src|url\())[^>]*)>$/s;

const OUR_HEADERS = new Set(
  [
    "From To Subject Message-ID In-Reply-To References Date MIME-Version Content-Type Content-Transfer-Encoding",
    "Auto-Submitted X-Auto-Response-Suppress X-Margind-Key X-Margind-Kind X-Margind-Severity X-Priority Importance",
  ].flatMap((names) => names.toLowerCase().split(" ")),
);
