// The watch, whole: the installed daemon polls `margind simulate` and writes to a real mail server, while its exchange, its mail
// server and the daemon itself are taken away under it. What people must have read in the end is known, to the mail.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CALM, type Exchange, KEY, startExchange } from "../exchange.ts";
import { type Bench, type Check, expect, indent, until } from "../harness.ts";
import { type MailServer, type Relay, type StoredMail, startMailServer, startRelay } from "../mail-server.ts";
import { type Program, run, start } from "../programs.ts";

/** Two books besides the calm one, and the levels that they make. */
const LOW = { borrowed: 11_400, level: "1.41" };
const DANGER = { borrowed: 13_000, level: "1.23" };

/** The mailboxes carry the number of this run: what an earlier one left in the mail server's queue is none of ours. */
const USERS = [`ops-${process.pid}`, `desk-${process.pid}`] as const;

export async function watch(check: Check, bench: Bench): Promise<void> {
  const folder = join(bench.folder, "watch");
  mkdirSync(folder);
  await using mail = await startMailServer(bench.folder);
  await using relay = await startRelay(mail.port);
  await using exchange = await startExchange(bench.main, folder);
  const configFile = writeConfig(folder, exchange.port, relay.port);
  await using scene = openScene({ main: bench.main, folder, configFile, mail, relay, exchange });

  await check("the daemon starts, sees the account, and status says so with exit 0", async () => {
    await scene.startDaemon();
    const { stdout } = await run(...scene.command("status"));
    expect(stdout.includes("Nothing is firing."), `status says:${indent(stdout)}`);
    return undefined;
  });

  await check("an alert reaches every mailbox of a real mail server, in words and with its numbers", async () => {
    await exchange.become(LOW);
    for (const mails of await scene.mailsOf(1)) {
      expectAlert(mails[0], LOW.level);
    }
    return undefined;
  });

  await check("a second daemon on the same state is refused with 1, and told which process holds it", async () => {
    const { stderr } = await run(...scene.command("run"), { code: 1, deadlineMs: 20_000 });
    expect(stderr.includes(`process ${scene.pid()} `), `it says:${indent(stderr)}`);
    return undefined;
  });

  await check("killed after the mail server's yes and before its own note, it sends the same bytes again", async () => {
    await relay.become("deaf");
    await exchange.become(DANGER);
    await scene.mailsOf(2);
    await scene.kill();
    await relay.become("open");
    await scene.startDaemon();
    for (const mails of await scene.mailsOf(3)) expectResend(mails);
    return undefined;
  });

  await check("killed while the mail server is away, it loses nothing that it had committed", async () => {
    await relay.become("closed");
    await exchange.become(CALM);
    await scene.statusUntil("the news wait in the outbox", /Undelivered:[\s\S]*refused/);
    await scene.kill();
    await relay.become("open");
    await scene.startDaemon();
    await scene.mailsOf(4);
    const status = await scene.statusUntil("all is delivered", /Everything was delivered\./);
    expect(status.includes("Nothing is firing."), `status says:${indent(status)}`);
    return undefined;
  });

  await check("all of it is one conversation, each step told once, in its order", async () => {
    for (const mails of await scene.mailsOf(4)) expectConversation(mails);
    return undefined;
  });

  await check("the daemon outlives its exchange: blind and loud, then seeing again", async () => {
    await exchange.stop();
    const [blind] = await scene.mailsOf(5);
    expect(/^BLIND/.test(textOf(blind?.[4])), `it writes:${indent(textOf(blind?.[4]))}`);
    await exchange.become(CALM);
    const [seeing] = await scene.mailsOf(6);
    expect(/^RESOLVED/.test(textOf(seeing?.[5])), `it writes:${indent(textOf(seeing?.[5]))}`);
    return undefined;
  });

  await check("SIGTERM stops it within 5 s with exit 0; then status ends with 1", async () => {
    const { code, signal, tookMs } = await scene.stop();
    expect(code === 0 && tookMs < 5000, `it ended with ${signal ?? code} after ${Math.round(tookMs)} ms`);
    const { stdout } = await run(...scene.command("status"), { code: 1 });
    expect(stdout.includes("margind is NOT running."), `status says:${indent(stdout)}`);
    return `${Math.round(tookMs)} ms`;
  });

  await check("test-notify tells every mailbox and waits for the receipts", async () => {
    const { stdout } = await run(...scene.command("test-notify"));
    expect(stdout.includes("All 2 delivered."), `it says:${indent(stdout)}`);
    await scene.mailsOf(7);
    return undefined;
  });
}

// ---------------------------------------------------------------- the daemon

function writeConfig(folder: string, exchangePort: number, mailPort: number): string {
  const file = join(folder, "margind.yaml");
  const levels = { on: "cross", field: "marginLevel", below: { info: 1.5, warning: 1.4, critical: 1.3 } };
  const config = {
    stateDir: join(folder, "state"),
    exchange: { baseUrl: `http://127.0.0.1:${exchangePort}` },
    accounts: { main: { apiKey: KEY.apiKey, apiSecret: KEY.secret, poll: "* * * * * *", isolated: "none" } },
    rules: { levels: { ...levels, clearAfter: "0s" } },
    watchdog: { staleAfter: "10s" },
    routes: [{ match: { rule: "flag-flip" }, notify: [] }], // the simulated exchange takes rights with the level; this is about the level
    notifiers: {
      mail: {
        type: "email",
        url: `smtp://127.0.0.1:${mailPort}`,
        tls: "none",
        from: "margind <alerts@example.com>",
        to: USERS.map((user) => `${user}@example.com`),
      },
    },
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 }); // JSON is YAML
  return file;
}

interface Parts {
  readonly main: string;
  readonly folder: string;
  readonly configFile: string;
  readonly mail: MailServer;
  readonly relay: Relay;
  readonly exchange: Exchange;
}

function openScene({ main, folder, configFile, mail }: Parts) {
  let daemon: Program | undefined;
  const said = () => daemon?.said() ?? "";
  const command = (name: string): [string, string[]] => [process.execPath, [main, name, "--config", configFile]];
  const statusUntil = (what: string, expected: RegExp): Promise<string> =>
    until(
      what,
      20_000,
      async () => {
        await using status = start(...command("status"), { cwd: folder });
        const { stdout } = await status.exited;
        return expected.test(stdout) ? stdout : undefined;
      },
      said,
    );
  return {
    command,
    statusUntil,
    pid: () => daemon?.pid ?? 0,
    /** Resolves when it has seen the account. */
    async startDaemon(): Promise<void> {
      daemon = start(...command("run"), { cwd: folder });
      await statusUntil("status is healthy", /^margind is running \(process \d+[\s\S]*data \d+ (s|ms) old/);
    },
    async kill(): Promise<void> {
      await daemon?.end("SIGKILL");
    },
    async stop() {
      if (daemon === undefined) throw new Error("no daemon was started");
      return daemon.end("SIGTERM");
    },
    /** Every mailbox, once each has that many mails. */
    mailsOf: (count: number): Promise<readonly (readonly StoredMail[])[]> =>
      until(
        `${count} mails in every mailbox`,
        30_000,
        async () => {
          const boxes = await Promise.all(USERS.map(mail.mailbox));
          return boxes.every((mails) => mails.length >= count) ? boxes : undefined;
        },
        said,
      ),
    async [Symbol.asyncDispose]() {
      await daemon?.[Symbol.asyncDispose]();
    },
  };
}

// ---------------------------------------------------------------- what must be in the mails

const textOf = (mail: StoredMail | undefined): string => mail?.parsed.text ?? "";

function expectAlert(mail: StoredMail | undefined, level: string): void {
  const text = textOf(mail);
  const known = ["INFO", "main", `level ${level}`, "below 1.50", "Liquidation at 1.10", "USDT", "#"];
  const derived = ["to 1.53", "BTC alone", "falls 5 / 10 / 20 %"]; // from the simulated exchange's public prices
  const words = [...known, ...derived];
  const missing = words.filter((word) => !text.includes(word));
  expect(missing.length === 0, `the mail lacks ${missing.join(", ")}:${indent(text)}`);
  expect((mail?.parsed.html ?? "").includes(level), "its HTML part lacks the level");
}

function expectResend([opened, raised, again]: readonly StoredMail[]): void {
  expect(raised?.bytes === again?.bytes, `not the same bytes:${indent(again?.bytes ?? "")}`);
  const { messageId, references } = again?.parsed ?? {};
  expect(messageId !== undefined && messageId === raised?.parsed.messageId, `another Message-ID: ${messageId}`);
  expect(messageId !== opened?.parsed.messageId, "the opening has the Message-ID of the raise");
  expect(references === opened?.parsed.messageId, `References: ${references ?? "none"}`);
}

function expectConversation(mails: readonly StoredMail[]): void {
  const told = mails.map((mail) => textOf(mail).split(" ", 1)[0]);
  expect(told.join() === "INFO,CRITICAL,CRITICAL,RESOLVED", `they say ${told.join(", ")}`);
  expect(new Set(mails.map(({ parsed }) => parsed.subject)).size === 1, "their subjects differ");
  expect(new Set(mails.map(({ parsed }) => parsed.messageId)).size === 3, "three mails and one resend were expected");
  const roots = new Set(mails.slice(1).map(({ parsed }) => parsed.references));
  expect(roots.size === 1 && roots.has(mails[0]?.parsed.messageId), "they do not refer to the first");
}
