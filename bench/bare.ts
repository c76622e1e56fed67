// The bare poller: the least that reads a margin account with a signed GET, commits what it saw durably and tells a change, with
// nothing but node. No retry, no pacing, no validation, no lifecycle, no outbox. It is the floor of the machine: what any program
// for this job costs here. Its task comes as JSON in the first argument.
import { createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";

export interface BareTask {
  readonly exchangeUrl: string;
  /** Each is polled by itself. */
  readonly keys: readonly string[];
  readonly secret: string;
  /** Asked in turn, one every `everyMs`; 0: as fast as it goes. */
  readonly paths: readonly string[];
  readonly everyMs: number;
  /** http://…: a POST; smtp://…: a mail; undefined: nobody is told. */
  readonly tell?: string;
  readonly folder: string;
  /** Ends after so many polls, with a line {"polls","rssMb"} of JSON every thousand. */
  readonly polls?: number;
}

interface Row {
  readonly symbol?: string;
  readonly marginLevel?: string;
}

const BAR = 1.3;
const task: BareTask = JSON.parse(process.argv[2] ?? "{}");
const agent = new Agent({ keepAlive: true });
const db = new DatabaseSync(join(task.folder, "bare.db"));
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
db.exec("CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, body TEXT NOT NULL)");
const save = db.prepare("INSERT OR REPLACE INTO state VALUES (?, ?)");
const saved = db.prepare("SELECT body FROM state WHERE name = ?");

function http(method: string, url: string, headers: Record<string, string>, body = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
    });
    sent.on("error", reject).end(body);
  });
}

function mail(url: string, text: string): Promise<void> {
  const lines = ["EHLO bare", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA"];
  const data = `From: a@example.com\r\nTo: b@example.com\r\nSubject: ${text}\r\n\r\n${text}\r\n.`;
  const steps = [...lines, data, "QUIT"].values();
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname).setEncoding("utf8");
    socket.on("data", (reply: string) => {
      const step = /^[45]/.test(reply) ? undefined : steps.next().value;
      if (step !== undefined) socket.write(`${step}\r\n`);
    });
    socket.on("error", reject).on("close", () => resolve());
  });
}

async function tell(url: string, text: string): Promise<void> {
  if (url.startsWith("smtp:")) return mail(url, text);
  await http("POST", `${url}chat.postMessage`, { "content-type": "application/json" }, JSON.stringify({ text }));
}

/** One poll: ask, judge, commit, tell. */
async function poll(key: string, path: string): Promise<void> {
  const query = `recvWindow=5000&timestamp=${Date.now()}`;
  const signature = createHmac("sha256", task.secret).update(query).digest("hex");
  const url = `${task.exchangeUrl}${path}?${query}&signature=${signature}`;
  const answer: Row & { readonly assets?: readonly Row[] } = JSON.parse(
    await http("GET", url, { "X-MBX-APIKEY": key }),
  );
  const rows = answer.assets ?? [answer];
  const low = rows.filter(({ marginLevel }) => Number(marginLevel) < BAR);
  const body = JSON.stringify(low.map(({ symbol = "cross", marginLevel }) => ({ symbol, marginLevel })));
  const name = `${key} ${path}`;
  const before = saved.get(name)?.["body"] ?? "[]";
  save.run(name, body);
  if (body !== before && task.tell !== undefined) await tell(task.tell, `${key} ${low.length} below ${BAR}`);
}

async function watch(key: string): Promise<void> {
  const startMs = performance.now();
  for (let n = 0; n < (task.polls ?? Number.POSITIVE_INFINITY); n++) {
    const dueMs = startMs + n * task.everyMs;
    if (dueMs > performance.now()) await wait(dueMs - performance.now());
    await poll(key, task.paths[n % task.paths.length] ?? "");
    if (task.polls !== undefined && (n + 1) % 1000 === 0) {
      console.log(JSON.stringify({ polls: n + 1, rssMb: process.memoryUsage.rss() / 1024 / 1024 }));
    }
  }
}

await Promise.all(task.keys.map(watch));
agent.destroy();
db.close();
