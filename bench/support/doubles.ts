// The receiving ends, as small as they can be, so that what is measured is the sender: a Slack that says yes, and a mail server
// that speaks the least SMTP (the one of the tests waits 100 ms before its greeting).
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { systemClock } from "../../src/lib/clock.ts";
import { listen } from "../../test/support/server.ts";

/** Told with the text of every new message (edits left out), at the moment its last byte had come. */
export type OnMessage = (text: string, atMs: number) => void;

export interface Double extends AsyncDisposable {
  readonly url: string;
}

export const SLACK = { token: "xoxb-bench", channel: "C0123456789" };

export async function startSlackDouble(onMessage: OnMessage): Promise<Double> {
  let count = 0;
  const server = createHttpServer(async (request, response) => {
    const body = await buffer(request);
    const atMs = systemClock.monoMs();
    if (request.url === "/api/chat.postMessage") onMessage(body.toString(), atMs);
    count += 1;
    const ts = `1760000000.${String(count).padStart(6, "0")}`;
    response.writeHead(200, { "content-type": "application/json", "x-oauth-scopes": "chat:write" });
    response.end(JSON.stringify({ ok: true, channel: SLACK.channel, ts }));
  });
  server.keepAliveTimeout = 75_000;
  const { port, close } = await listen(server);
  return { url: `http://127.0.0.1:${port}/api/`, [Symbol.asyncDispose]: close };
}

export async function startSmtpDouble(onMessage: OnMessage): Promise<Double> {
  const server = createTcpServer((socket) => converse(socket, onMessage));
  const { port, close } = await listen(server);
  return { url: `smtp://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}

const END_OF_DATA = "\r\n.\r\n";

function converse(socket: Socket, onMessage: OnMessage): void {
  let mail: string | undefined;
  let rest = "";
  const say = (line: string) => socket.write(`${line}\r\n`);
  socket.setEncoding("utf8").on("data", (text: string) => {
    if (mail !== undefined) {
      mail += text;
      if (!mail.endsWith(END_OF_DATA)) return;
      onMessage(mail, systemClock.monoMs());
      mail = undefined;
      say("250 queued");
      return;
    }
    const lines = (rest + text).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "QUIT") socket.end("221 bye\r\n");
      else if (verb === "DATA") {
        mail = "";
        say("354 go on");
      } else say(verb === "EHLO" ? "250-bench\r\n250 8BITMIME" : "250 ok");
    }
  });
  socket.on("error", () => undefined); // a client that hangs up early
  say("220 bench ESMTP");
}
