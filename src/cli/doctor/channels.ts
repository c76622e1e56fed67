// Everything that people hear of the watch through: the notifiers, the heartbeat, /healthz. Nothing is sent and nothing is pinged: a ping,
// even a HEAD, would tell the service that all is well.
import { createServer } from "node:net";
import { Agent, request } from "undici";
import type { Config } from "../../config/config.ts";
import { type Check, type Finding, failed, good, warning } from "../../core/finding.ts";
import { type Clock, NotifyError } from "../../core/ports.ts";
import { parseJson } from "../../lib/json.ts";
import { silentLog } from "../../lib/log.ts";
import { networkProblem } from "../../lib/network.ts";
import { reach } from "../../lib/reach.ts";
import { createNotifier, type Out } from "../../notify/index.ts";
import { clean, clip } from "../../notify/text.ts";

type Notifier = ReturnType<typeof createNotifier>;

export interface ChannelChecks {
  readonly checks: readonly Check[];
  close(): Promise<void>;
}

export function notifierChecks(
  { notifiers, timezone, language }: Config,
  world: { clock: Clock; out: Out },
): ChannelChecks {
  const deps = { ...world, log: silentLog, instance: "doctor", timezone, language };
  const opened = notifiers.map((notifier) => createNotifier(notifier, deps));
  return {
    checks: opened.map((notifier) => ({
      name: `notifier ${notifier.name}`,
      run: (signal) => notifierFinding(notifier, signal),
    })),
    async close() {
      await Promise.all(opened.map((notifier) => notifier.close()));
    },
  };
}

async function notifierFinding(notifier: Notifier, signal: AbortSignal): Promise<Finding> {
  const { name } = notifier;
  const remarks: Finding[] = [];
  const test = `margind test-notify --to ${/^[\w.-]+$/.test(name) ? name : `"${name}"`}`;
  try {
    await notifier.verify(signal, (remark) => remarks.push(remark));
  } catch (error) {
    if (!(error instanceof NotifyError)) throw error;
    const isRefused = error.kind === "refused";
    return failed(error.message, isRefused ? `do what it says, then ${test}` : "check address, network and firewall");
  }
  const text = remarks.map((remark) => remark.text).join("; ");
  if (remarks.some(({ status }) => status !== "good")) return warning(text, test);
  return good(text === "" ? "works" : text);
}

/** What answers at all answers far sooner. */
const CONNECT_MAX_MS = 10_000;

const within = (ms: number, signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

// ---------------------------------------------------------------- the heartbeat

export function heartbeatCheck({ heartbeat }: Config["watchdog"]): Check {
  const run = async (stopping: AbortSignal): Promise<Finding> => {
    const signal = within(CONNECT_MAX_MS, stopping);
    if (heartbeat === undefined) {
      return warning("there is none: nobody will notice when this machine dies", "set watchdog.heartbeat");
    }
    try {
      await reach(heartbeat.url.reveal(), signal);
      return good("the service can be reached; it was not pinged, that would tell it that all is well");
    } catch (error) {
      const words = signal.aborted ? "no connection in time" : networkProblem(error).words;
      return failed(`the service cannot be reached: ${words}`, "check watchdog.heartbeat.url, network and firewall");
    }
  };
  return { name: "heartbeat", run };
}

// ---------------------------------------------------------------- /healthz

type Listen = NonNullable<Config["http"]>;

/** Beside a daemon: does it answer? Without one: could it listen? */
export function httpCheck(http: Listen, isDaemonRunning: boolean): Check {
  const run = (signal: AbortSignal) => (isDaemonRunning ? healthFinding(http, signal) : portFinding(http));
  return { name: "http", run };
}

const PORT_TODO = "choose another address for http.listen, or stop what uses this one";

function portFinding({ host, port }: Listen): Promise<Finding> {
  const where = `${host} port ${port}`;
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error) => {
      const words = portWords(error);
      resolve(failed(`${where}: ${words}; margind would run without /healthz`, PORT_TODO));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(good(`${where} is free`)));
    });
  });
}

const PORT_WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: "taken by another program",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "this machine has no such address",
  EACCES: "not allowed; ports below 1024 need a right of their own",
};

function portWords(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return PORT_WORDS[code] ?? code;
}

const ANSWER_MAX_BYTES = 64 * 1024;
const LOG_TODO = "look into the daemon's log; margind status says how it is";

async function healthFinding({ host, port, token }: Listen, stopping: AbortSignal): Promise<Finding> {
  const signal = within(CONNECT_MAX_MS, stopping);
  const agent = new Agent({ maxResponseSize: ANSWER_MAX_BYTES });
  const headers = token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
  try {
    const url = `http://${authority(host)}:${port}/healthz`;
    const { statusCode, body } = await request(url, { dispatcher: agent, headers, signal });
    return answerFinding(statusCode, await body.text());
  } catch (error) {
    const words = signal.aborted ? "no answer in time" : networkProblem(error).words;
    return failed(`the daemon does not answer on ${host} port ${port}: ${words}`, LOG_TODO);
  } finally {
    await agent.destroy();
  }
}

/** An address that means "all of them" is asked by loopback. */
function authority(host: string): string {
  const asked = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return asked.includes(":") ? `[${asked}]` : asked;
}

function answerFinding(status: number, text: string): Finding {
  if (status === 200) return good("the daemon answers that all is well");
  const problem = status === 503 ? problemIn(text) : undefined;
  if (problem !== undefined) return warning(`the daemon answers, and says: ${problem}`, LOG_TODO);
  if (status === 401) return failed("what answers there does not take http.token", PORT_TODO);
  return failed(`what answers there is not this daemon (HTTP ${status})`, PORT_TODO);
}

const PROBLEM_MAX_CHARS = 200;

function problemIn(text: string): string | undefined {
  const body = parseJson(text);
  const problem = typeof body === "object" && body !== null && "problem" in body ? body.problem : undefined;
  return typeof problem === "string" ? clip(clean(problem), PROBLEM_MAX_CHARS) : undefined;
}
