// /healthz for supervisors and load balancers: 200 while somebody watches, sees and can tell, else 503 with the reason. Loopback by
// default; anything else needs the token. Checks Host, so that a web page cannot reach it through a name that it controls.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isLoopback } from "../lib/loopback.ts";
import type { Secret } from "../lib/secret.ts";

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly token: Secret | undefined;
  /** Undefined when all is well, else what is not. */
  trouble(): string | undefined;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects when the address is taken or not ours. */
export async function startHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => answer(request, response, options));
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, options: HealthOptions): void {
  const [status, body] = verdict(request, options);
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(request.method === "HEAD" ? undefined : `${JSON.stringify(body)}\n`);
}

function verdict({ headers, method, url }: IncomingMessage, { host, token, trouble }: HealthOptions): [number, object] {
  if (!isOurHost(headers.host, host)) return [421, { error: "this is not the host that you asked for" }];
  if (token !== undefined && !isToken(headers.authorization, token))
    return [401, { error: "expected Authorization: Bearer" }];
  if (method !== "GET" && method !== "HEAD") return [405, { error: "GET only" }];
  if (url !== "/healthz") return [404, { error: "there is only /healthz here" }];
  const problem = trouble();
  return problem === undefined ? [200, { ok: true }] : [503, { ok: false, problem }];
}

/** With a token any name will do: a page that guesses the name still lacks the token. */
function isOurHost(header: string | undefined, host: string): boolean {
  return !isLoopback(host) || isLoopback((header ?? "").replace(/:\d+$/, ""));
}

function isToken(header: string | undefined, token: Secret): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${token.reveal()}`));
}
