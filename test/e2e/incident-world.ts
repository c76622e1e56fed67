// A world for one incident: an exchange, a Slack and a mail server of its own for one daemon. The account is in danger until every
// channel has taken the alert, and out of it from then on; so a run is over after two polls, and whoever says RESOLVED without having
// been told so is found out.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCertificate } from "../support/certificate.ts";
import { API_KEY, API_SECRET, CROSS, CROSS_BODY, startExchange } from "../support/exchange.ts";
import { type SlackDouble, type SlackRequest, startSlack } from "../support/slack.ts";
import { type SmtpDouble, type SmtpMail, startSmtp } from "../support/smtp.ts";
import { type Program, start } from "./programs.ts";
import type { Tracer } from "./strace.ts";

export const CHANNELS = ["desk", "mail"] as const;
export type Channel = (typeof CHANNELS)[number];

/** One message that a channel has accepted. */
export interface Copy {
  readonly channel: Channel;
  /** Idempotency key of its delivery. */
  readonly key: string;
  /** "opened", "resolved", …; of margind's own alerts "margind opened", … */
  readonly kind: string;
  readonly title: string;
  /** Accepted after this many starts. */
  readonly life: number;
  /** Of a mail: all of it. Slack's copies may say that they are repeats. */
  readonly bytes: Buffer | undefined;
}

export interface IncidentWorld extends AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  /** The account's answers after this start begin with one that cannot be used. */
  start(tracer?: Tracer): Program;
  /** What strace wrote of the start that had a tracer. */
  readonly traceLog: string;
  /** In the order in which each channel accepted them. */
  copies(): readonly Copy[];
  /** Has every channel accepted a message of this kind? */
  isHeard(kind: string): boolean;
  /** Usable answers since the last start. */
  answers(): number;
  /** RESOLVED was told before any answer had shown it. */
  isResolvedUnseen(): boolean;
}

const UNUSABLE = { ...CROSS_BODY, marginLevel: null };
const DANGER = { ...CROSS_BODY, marginLevel: "1.24000000" };
const CALM = { ...CROSS_BODY, marginLevel: "2.00000000" };

const certificate = makeCertificate(); // made once: no connection here is encrypted

export async function openIncidentWorld(main: string, folder: string): Promise<IncidentWorld> {
  mkdirSync(folder, { recursive: true });
  const [slack, smtp] = await Promise.all([startSlack(), startSmtp({ certificate })]);
  const starts: Readonly<Record<Channel, number>>[] = []; // what each channel had been sent by then
  let isUnusable = false;
  let answers = 0;
  let isCalmSeen = false;
  let isResolvedUnseen = false;

  const lifeOf = (channel: Channel, place: number) => starts.filter((start) => start[channel] <= place).length;
  const copies = () => [
    ...slack.requests.flatMap((request, place) => slackCopy(request, lifeOf("desk", place))),
    ...smtp.mails.map((mail, place) => mailCopy(mail, lifeOf("mail", place))),
  ];
  const isHeard = (kind: string) => {
    const all = copies();
    return CHANNELS.every((channel) => all.some((copy) => copy.channel === channel && copy.kind === kind));
  };
  const account = () => {
    if (isUnusable) {
      isUnusable = false;
      return UNUSABLE;
    }
    answers += 1;
    if (!isCalmSeen && !isHeard("opened")) return DANGER;
    if (!isCalmSeen) isResolvedUnseen = copies().some(({ kind }) => kind === "resolved");
    isCalmSeen = true;
    return CALM;
  };
  const exchange = await startExchange({ script: ({ path }) => (path === CROSS ? { body: account() } : undefined) });

  const stateDir = join(folder, "state");
  const traceLog = join(folder, "trace.log");
  const configFile = join(folder, "margind.yaml");
  writeFileSync(configFile, JSON.stringify(configOf(stateDir, exchange.url, slack, smtp)), { mode: 0o600 });
  return {
    folder,
    stateDir,
    traceLog,
    start(tracer) {
      isUnusable = starts.length > 0;
      starts.push({ desk: slack.requests.length, mail: smtp.mails.length });
      answers = 0;
      const [command = "", ...args] = [...(tracer?.(traceLog) ?? []), process.execPath, main];
      return start(command, [...args, "run", "--config", configFile], { cwd: folder });
    },
    copies,
    isHeard,
    answers: () => answers,
    isResolvedUnseen: () => isResolvedUnseen,
    async [Symbol.asyncDispose]() {
      await Promise.all([exchange.close(), slack.close(), smtp.close()]);
    },
  };
}

/** JSON is YAML. */
function configOf(stateDir: string, exchangeUrl: string, slack: SlackDouble, smtp: SmtpDouble): object {
  return {
    stateDir,
    exchange: { baseUrl: exchangeUrl },
    accounts: { main: { apiKey: API_KEY, apiSecret: API_SECRET, poll: "* * * * * *", isolated: "none" } },
    rules: { level: { on: "cross", field: "marginLevel", below: { critical: 1.3 }, for: "0s", clearAfter: "0s" } },
    watchdog: { staleAfter: "5m" }, // a busy machine must not make it blind
    notifiers: {
      desk: { type: "slack", token: slack.token, channel: slack.channel, apiUrl: slack.url },
      mail: {
        type: "email",
        url: `smtp://127.0.0.1:${smtp.port}`,
        tls: "none",
        from: "margind <alerts@example.com>",
        to: ["ops@example.com"],
      },
    },
  };
}

// ---------------------------------------------------------------- what the channels have accepted

/** Nothing is scripted here, so what was posted was accepted. The posts themselves are edited in place later. */
function slackCopy({ method, args }: SlackRequest, life: number): Copy[] {
  if (method !== "chat.postMessage") return [];
  const [title = ""] = String(args["text"]).split("\n");
  const payload = fieldOf(args["metadata"], "event_payload");
  const [key, kind] = ["key", "kind"].map((name) => String(fieldOf(payload, name)));
  return [{ channel: "desk", key: key ?? "", kind: kindOf(kind ?? "", title), title, life, bytes: undefined }];
}

function mailCopy({ mail, bytes }: SmtpMail, life: number): Copy {
  const header = (name: string) => mail.headers.find(({ key }) => key === name)?.value ?? "";
  const [title = ""] = (mail.text ?? "").split("\n");
  const kind = kindOf(header("x-margind-kind"), title);
  return { channel: "mail", key: header("x-margind-key"), kind, title, life, bytes };
}

const kindOf = (kind: string, title: string): string => (title.includes(" · main · ") ? kind : `margind ${kind}`);

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
