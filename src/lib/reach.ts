// Can an address be reached? Connects, with TLS where the address says https, and hangs up without a word. Nothing is asked, because
// for some addresses to ask is to tell: a HEAD is as good a ping as any to a dead man's switch, and a webhook acts on what it gets.
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Resolves when the other side has taken the connection, and with TLS shown a good certificate. Rejects with the network's error. */
export async function reach(address: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { socket, isReady } = open(new URL(address));
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      socket.once(isReady, resolve);
      socket.on("error", reject); // for good: an error that comes late must find a listener
    });
  } finally {
    socket.destroy();
  }
}

function open({ protocol, hostname, port }: URL): { readonly socket: Socket; readonly isReady: string } {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol !== "https:") return { socket: connect({ host, port: Number(port || 80) }), isReady: "connect" };
  const name = isIP(host) === 0 ? { servername: host } : {};
  return { socket: connectTls({ host, port: Number(port || 443), ...name }), isReady: "secureConnect" };
}
