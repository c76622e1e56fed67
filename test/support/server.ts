// What every test server needs: a port of its own on 127.0.0.1, and a close that leaves no connection behind.
import type { Server, Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/**
 * Requests that left 500 ms apart arrive at least this far apart, also where the machine is so busy that one of two is held up. What
 * leaves too early leaves far too early: how exact the spacing is, is measured (npm run bench) and tested on virtual time.
 */
export const SPACING_SEEN_MS = 250;

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    port: await listening(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Starts to listen on a free port, and says which. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** Asked of the server itself: libraries take listeners off sockets when they upgrade them to TLS. */
export function openConnections(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_error, count) => resolve(count));
  });
}

/** Looks until `condition` holds. The test's own time limit ends the wait. */
export async function untilTrue(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(5);
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const { createServer } = await import("node:net");
  const { port, close } = await listen(createServer());
  await close();
  return port;
}
