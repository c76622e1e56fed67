// A way through the network that can go wrong as real ones do: without a word. Between the program and one server it forwards
// everything, until it swallows what one side or both sides say and closes nothing. What was lost stays lost: a connection that lost
// a byte never comes back to life, only new ones work after the way is good again.
import { createConnection, createServer, type Socket } from "node:net";
import { listen, openConnections } from "./server.ts";

/**
 * - open: everything passes.
 * - deaf: what the client says arrives, and no answer comes back.
 * - silent: nothing passes in either direction; new connections are taken and hear nothing.
 */
export type Way = "open" | "deaf" | "silent";

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  become(way: Way): void;
  /** Connections that the client holds open now. */
  openConnections(): Promise<number>;
}

/** @param target port on this machine. */
export async function startProxy(target: number): Promise<Proxy> {
  let way: Way = "open";
  const servers = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(target, "127.0.0.1");
    servers.add(upstream);
    const dead = { toServer: false, toClient: false };
    client.on("data", (bytes) => {
      dead.toServer ||= way === "silent";
      if (!dead.toServer) upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      dead.toClient ||= way !== "open";
      if (!dead.toClient) client.write(bytes);
    });
    upstream.on("error", () => client.destroy()).on("close", () => servers.delete(upstream));
    client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("end", () => void (dead.toClient || way !== "open" || client.end())); // a lost end is never heard of
  });
  const { port, close } = await listen(server);
  return {
    port,
    become(next) {
      way = next;
    },
    openConnections: () => openConnections(server),
    async [Symbol.asyncDispose]() {
      for (const socket of servers) socket.destroy();
      await close();
    },
  };
}
