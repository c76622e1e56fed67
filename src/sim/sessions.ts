// What is spoken on one WebSocket connection: the risk stream (SUBSCRIBE frames, or the listen key in the address) and the API of
// the user stream (listen tokens). Without the sockets themselves.
// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
// https://developers.binance.com/docs/margin_trading/trade-data-stream
import { z } from "zod";
import type { PushStream } from "../core/push.ts";
import { parseJson } from "../lib/json.ts";
import { listenKeyExpired, type Push, streamTerminated } from "./events.ts";
import type { Grant, Listen } from "./listen.ts";

/** One connection. */
export interface Session {
  readonly stream: PushStream;
  /** How many subscriptions it has now. */
  count(): number;
  receive(text: string): void;
  push(push: Push): void;
  /** Sends the event to every subscription, whoever it is for. */
  lie(event: object): void;
  /** Ends what has expired. */
  sweep(): void;
}

export interface SessionOptions {
  readonly listen: Listen;
  serverNowMs(): number;
  send(message: object): void;
  /** The exchange hangs up. */
  hangUp(reason: string): void;
}

const id = z.union([z.string(), z.number(), z.null()]).default(null);

// ---------------------------------------------------------------- risk stream

const frame = z.object({
  method: z.enum(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS"]),
  params: z.array(z.string()).default([]),
  id,
});

/** `isCombined`: on /stream, where every event comes in an envelope. `first`: listen keys of the address. */
export function riskSession(options: SessionOptions, isCombined: boolean, first: readonly string[]): Session {
  const { listen, serverNowMs, send, hangUp } = options;
  const keys = new Set<string>();
  const sendEvent = (listenKey: string, event: object) => send(isCombined ? { stream: listenKey, data: event } : event);

  /** False when it hung up. */
  const subscribe = (listenKeys: readonly string[]): boolean => {
    const isKnown = listenKeys.every((key) => listen.ownerOf(key, serverNowMs()) !== undefined);
    if (!isKnown) hangUp("unknown listen key");
    else for (const key of listenKeys) keys.add(key);
    return isKnown;
  };

  subscribe(first);
  return {
    stream: "risk",
    count: () => keys.size,
    receive(text) {
      const parsed = frame.safeParse(parseJson(text));
      if (!parsed.success) return send({ error: { code: 2, msg: "Invalid request" } });
      const { method, params, id } = parsed.data;
      if (method === "LIST_SUBSCRIPTIONS") return send({ result: [...keys], id });
      if (method === "SUBSCRIBE" && !subscribe(params)) return;
      if (method === "UNSUBSCRIBE") for (const key of params) keys.delete(key);
      send({ result: null, id });
    },
    push({ stream, apiKey, event }) {
      if (stream !== "risk") return;
      for (const key of keys) if (listen.ownerOf(key, serverNowMs()) === apiKey) sendEvent(key, event);
    },
    lie(event) {
      for (const key of keys) sendEvent(key, event);
    },
    sweep() {
      for (const key of keys) {
        if (listen.ownerOf(key, serverNowMs()) !== undefined) continue;
        sendEvent(key, listenKeyExpired(key, serverNowMs()));
        keys.delete(key);
      }
    },
  };
}

// ---------------------------------------------------------------- user stream

const call = z.object({ id, method: z.string(), params: z.record(z.string(), z.unknown()).default({}) });
type Call = z.infer<typeof call>;

const SUBSCRIBE = "userDataStream.subscribe.listenToken";

export function userSession({ listen, serverNowMs, send }: SessionOptions): Session {
  const grants = new Map<number, Grant>();
  let nextId = 0;
  const sendEvent = (subscriptionId: number, event: object) => send({ subscriptionId, event });
  const refuse = (id: Call["id"], code: number, msg: string) => send({ id, status: 400, error: { code, msg } });

  /** A new token for a place that is subscribed already prolongs its subscription. */
  const grant = (granted: Grant): number => {
    const same = [...grants].find(([, { apiKey, place }]) => apiKey === granted.apiKey && place === granted.place);
    const subscriptionId = same?.[0] ?? nextId++;
    grants.set(subscriptionId, granted);
    return subscriptionId;
  };

  return {
    stream: "user",
    count: () => grants.size,
    receive(text) {
      const parsed = call.safeParse(parseJson(text));
      if (!parsed.success) return refuse(null, -1100, "Illegal request.");
      const { id, method, params } = parsed.data;
      if (method === "ping") return send({ id, status: 200, result: {} });
      if (method !== SUBSCRIBE) return refuse(id, -1130, "Data sent for parameter 'method' is not valid.");
      const granted = listen.grantOf(String(params["listenToken"]), serverNowMs());
      if (granted === undefined) return refuse(id, -1209, "Invalid listenToken.");
      const expirationTime = Math.floor(granted.expiresMs * 1000); // microseconds, as in the documented sample
      send({ id, status: 200, result: { subscriptionId: grant(granted), expirationTime } });
    },
    push({ stream, apiKey, place, event }) {
      if (stream !== "user") return;
      for (const [subscriptionId, granted] of grants) {
        const isOpen = serverNowMs() < granted.expiresMs;
        if (isOpen && granted.apiKey === apiKey && granted.place === place) sendEvent(subscriptionId, event);
      }
    },
    lie(event) {
      for (const subscriptionId of grants.keys()) sendEvent(subscriptionId, event);
    },
    sweep() {
      for (const [subscriptionId, { expiresMs }] of grants) {
        if (serverNowMs() < expiresMs) continue;
        sendEvent(subscriptionId, streamTerminated(serverNowMs()));
        grants.delete(subscriptionId);
      }
    },
  };
}
