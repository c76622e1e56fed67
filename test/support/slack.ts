// Slack's Web API as far as margind uses it, over real HTTP: chat.postMessage, chat.update, auth.test. As strict as the real one
// about token, channel, threads and limits; answers can be scripted; what a person would see in the channel can be read back.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { listen, openConnections, untilTrue } from "./server.ts";

export type SlackMethod = "chat.postMessage" | "chat.update" | "auth.test";

/**
 * What happens to one request instead of the usual. An object is answered as it stands and nothing is posted; `accept-and-…` does
 * the work first and then loses the answer.
 */
export type SlackFault =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string | object }
  | "drop"
  | "hang"
  | "cut"
  | "drip"
  | "garbage"
  | "accept-and-drop"
  | "accept-and-hang";

export interface SlackRequest {
  readonly method: string;
  readonly token: string;
  /** Decoded from the form; `blocks` and `metadata` from their JSON. */
  readonly args: Readonly<Record<string, unknown>>;
}

export interface SlackPost {
  readonly channel: string;
  readonly ts: string;
  readonly threadTs: string | undefined;
  /** A reply that the channel shows too. */
  readonly isBroadcast: boolean;
  text: string;
  blocks: unknown[];
  metadata: unknown;
  /** Texts that an edit has replaced, oldest first. */
  readonly earlier: string[];
}

export interface SlackDouble extends AsyncDisposable {
  /** For `apiUrl`. */
  readonly url: string;
  readonly token: string;
  readonly channel: string;
  readonly requests: readonly SlackRequest[];
  readonly posts: readonly SlackPost[];
  /** The next requests of this method get these, one each. */
  script(method: SlackMethod, ...faults: readonly SlackFault[]): void;
  /** As somebody would delete a message in the channel. */
  remove(ts: string): void;
  /** The channel as a person sees it, threads below their message. */
  transcript(): string;
  untilRequests(count: number): Promise<void>;
  openConnections(): Promise<number>;
  close(): Promise<void>;
}

/** An answer with ok: false. */
export const refused = (error: string): SlackFault => ({ body: { ok: false, error } });

interface SlackOptions {
  readonly token?: string;
  readonly channel?: string;
  readonly scopes?: string;
}

export async function startSlack({
  token = "xoxb-1111-2222-canaryToken",
  channel = "C0123456789",
  scopes = "chat:write",
}: SlackOptions = {}): Promise<SlackDouble> {
  const requests: SlackRequest[] = [];
  const posts: SlackPost[] = [];
  const faults: { readonly method: SlackMethod; readonly fault: SlackFault }[] = [];
  let lastTs = 0;

  const nextTs = () => {
    lastTs += 1;
    return `1760000000.${String(lastTs).padStart(6, "0")}`;
  };

  /** What the real API would answer. */
  const work = ({ method, token: given, args }: SlackRequest): object => {
    if (given !== token) return refuse("invalid_auth");
    if (method === "auth.test") return { ok: true, url: "https://desk.slack.test/", team: "desk", user: "margind" };
    if (args["channel"] !== channel) return refuse("channel_not_found");
    const problem = contentProblem(args, method);
    if (problem !== undefined) return refuse(problem);
    return method === "chat.update" ? update(args) : post(args);
  };

  const post = (args: Args): object => {
    const threadTs = optionalText(args["thread_ts"]);
    if (threadTs !== undefined && !posts.some(({ ts }) => ts === threadTs)) return refuse("thread_not_found");
    const made: SlackPost = {
      channel,
      ts: nextTs(),
      threadTs,
      isBroadcast: args["reply_broadcast"] === "true",
      text: String(args["text"] ?? ""),
      blocks: listOf(args["blocks"]),
      metadata: args["metadata"],
      earlier: [],
    };
    posts.push(made);
    return { ok: true, channel, ts: made.ts, message: { text: made.text } };
  };

  const update = (args: Args): object => {
    const found = posts.find(({ ts }) => ts === args["ts"]);
    if (found === undefined) return refuse("message_not_found");
    found.earlier.push(found.text);
    found.text = String(args["text"] ?? "");
    if (args["blocks"] !== undefined) found.blocks = listOf(args["blocks"]); // left out, the old ones stay
    if (args["metadata"] !== undefined) found.metadata = args["metadata"];
    return { ok: true, channel, ts: found.ts, text: found.text };
  };

  const server = createServer(async (incoming, response) => {
    const request = await decode(incoming);
    requests.push(request);
    const index = faults.findIndex(({ method }) => method === request.method);
    const [scripted] = index < 0 ? [] : faults.splice(index, 1);
    if (scripted === undefined) return answer(response, 200, work(request), { "x-oauth-scopes": scopes });
    misbehave(scripted.fault, response, () => work(request));
  });
  const { port, close } = await listen(server);

  return {
    url: `http://127.0.0.1:${port}/api/`,
    token,
    channel,
    requests,
    posts,
    script: (method, ...list) => void faults.push(...list.map((fault) => ({ method, fault }))),
    remove: (ts) => void posts.splice(0, posts.length, ...posts.filter((each) => each.ts !== ts)),
    transcript: () => transcribe(posts),
    untilRequests: (count) => untilTrue(() => requests.length >= count),
    openConnections: () => openConnections(server),
    close,
    [Symbol.asyncDispose]: close,
  };
}

// ---------------------------------------------------------------- requests

type Args = SlackRequest["args"];

async function decode(incoming: IncomingMessage): Promise<SlackRequest> {
  const form = new URLSearchParams((await buffer(incoming)).toString());
  const args: Record<string, unknown> = {};
  for (const [name, value] of form) args[name] = name === "blocks" || name === "metadata" ? json(value) : value;
  return {
    method: (incoming.url ?? "").replace(/^\/api\//, ""),
    token: (incoming.headers.authorization ?? "").replace(/^Bearer /, ""),
    args,
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return "not JSON";
  }
}

const refuse = (error: string): object => ({ ok: false, error });
const optionalText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/**
 * Slack's own limits, with the error codes that it answers when one is passed. Text: chat.update refuses more than 4,000 characters,
 * and chat.postMessage cuts a longer one in pieces. Blocks: what they hold together is not documented; 13,200 characters, with about
 * 125 for each block, agree with all that was measured (slackapi/bolt-js issues 2509 and 2867).
 */
export function contentProblem({ text, blocks, metadata }: Args, method: string): string | undefined {
  const list = listOf(blocks);
  if ((text === undefined || text === "") && list.length === 0) return "no_text";
  if (String(text ?? "").length > 4_000) return "msg_too_long";
  if (blocks !== undefined && !Array.isArray(blocks)) return "invalid_blocks_format";
  if (list.length > 50 || list.some((block) => !isBlock(block))) return "invalid_blocks";
  const chars = textsOf(list).reduce((sum, shown) => sum + shown.text.length, 0);
  if (chars + 125 * list.length > 13_200) return "msg_blocks_too_long";
  const isEvent = metadata === undefined || (isRecord(metadata) && typeof metadata["event_type"] === "string");
  return isEvent || method !== "chat.postMessage" ? undefined : "invalid_metadata_format";
}

function isBlock(block: unknown): boolean {
  if (!isRecord(block)) return false;
  if (block["type"] === "divider") return true;
  if (block["type"] === "section") return isText(block["text"], 3_000);
  const elements = listOf(block["elements"]);
  return block["type"] === "context" && elements.length > 0 && elements.every((each) => isText(each, 2_000));
}

function isText(value: unknown, maxChars: number): boolean {
  if (!isRecord(value) || typeof value["text"] !== "string") return false;
  const { type, text } = value;
  const isKnown = (type === "mrkdwn" && !("emoji" in value)) || (type === "plain_text" && !("verbatim" in value));
  return isKnown && text.length > 0 && text.length <= maxChars;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

// ---------------------------------------------------------------- what Slack would make of a text

interface Shown {
  readonly text: string;
  readonly isMarkup: boolean;
}

/** Every text object in the blocks. */
function textsOf(value: unknown): Shown[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (!isRecord(value)) return [];
  const { type, text } = value;
  return typeof text === "string" ? [{ text, isMarkup: type === "mrkdwn" }] : Object.values(value).flatMap(textsOf);
}

/** Mentions, links, entities that are none, and formatting: everything in a message that a text from outside could have made. */
export function markupFlaws({ text, blocks }: Pick<SlackPost, "text" | "blocks">): string[] {
  return [{ text, isMarkup: false }, ...textsOf(blocks)].flatMap((shown) => {
    const tags = shown.text.match(/[<>].{0,20}|&(?!(?:amp|lt|gt);).{0,10}/gs) ?? [];
    const broken = shown.text.isWellFormed() ? [] : ["half a character"];
    return [...tags, ...broken, ...(shown.isMarkup ? formatting(shown.text) : [])];
  });
}

/** The one bold headline is ours. */
function formatting(text: string): string[] {
  const rest = text.replace(/^(\S+) \*([^*\n]+)\*(?=\n|$)/, "$1 $2");
  return rest.match(/[*_~`]|^(?:>|&gt;)|:[a-z0-9_'+-]*[a-z_'+-][a-z0-9_'+-]*:|:\d{3,}:/gim) ?? [];
}

/** The blocks, or the text where there are none, as a person reads them. */
export function readable({ text, blocks }: Pick<SlackPost, "text" | "blocks">): string {
  const shown =
    blocks.length === 0
      ? text
      : textsOf(blocks)
          .map((each) => each.text)
          .join("\n");
  return shown.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

// ---------------------------------------------------------------- answers

function answer(
  response: ServerResponse,
  status: number,
  body: string | object,
  headers: Record<string, string>,
): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "content-type": isText ? "text/html" : "application/json", ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

function misbehave(fault: SlackFault, response: ServerResponse, work: () => object): void {
  if (typeof fault === "object") {
    answer(response, fault.status ?? 200, fault.body, { ...fault.headers });
    return;
  }
  if (fault === "accept-and-drop" || fault === "accept-and-hang") work();
  switch (fault) {
    case "drop":
    case "accept-and-drop":
      response.socket?.destroy();
      return;
    case "cut":
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"ok":true,"channel":"C01234');
      return;
    case "garbage": // a confused proxy: no HTTP, and the request said back
      response.socket?.end(`${response.req.headers.authorization}\r\n\r\n`);
      return;
    case "drip":
      response.writeHead(200, { "content-type": "application/json" });
      drip(response);
      return;
    case "hang":
    case "accept-and-hang":
      return;
  }
}

/** A space at a time: good JSON so far, and no silence that a socket's time-out could notice. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(" "), 20);
  response.once("close", () => clearInterval(timer));
}

// ---------------------------------------------------------------- what a person sees

function transcribe(posts: readonly SlackPost[]): string {
  const top = posts.filter(({ threadTs, isBroadcast }) => threadTs === undefined || isBroadcast);
  return top
    .flatMap((post) => {
      if (post.threadTs !== undefined) return [`(from the thread) ${firstLine(post)}`];
      const replies = posts.filter(({ threadTs }) => threadTs === post.ts);
      return [firstLine(post), ...replies.map((reply) => `    ${firstLine(reply)}`)];
    })
    .join("\n");
}

function firstLine({ text, earlier }: SlackPost): string {
  const [line = ""] = text.split("\n");
  return earlier.length === 0 ? line : `${line} (edited ${earlier.length}×)`;
}
