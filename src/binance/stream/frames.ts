// One text frame of a stream: an answer to what was asked on it, an event, or nothing that is known. Pure. The one thing to know: events
// come bare, as {"stream","data"} or as {"subscriptionId","event"}, whichever way was subscribed.
import { parseDecimal } from "../../core/decimal.ts";
import type { PushEvent } from "../../core/push.ts";
import { parseJson } from "../../lib/json.ts";

export type Frame =
  | {
      readonly kind: "reply";
      readonly id: number;
      /** Undefined: it was done. */
      readonly refusal: { readonly code: number | undefined; readonly status: number | undefined } | undefined;
      /** Of the WebSocket API. */
      readonly subscriptionId: number | undefined;
    }
  | {
      readonly kind: "event";
      readonly name: string;
      readonly body: Table;
      readonly subscriptionId: number | undefined;
    };

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const numberIn = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** Undefined for what is not JSON, or of no known form. */
export function frameOf(text: string): Frame | undefined {
  const json = parseJson(text);
  if (!isTable(json)) return undefined;
  const subscriptionId = numberIn(json["subscriptionId"]);
  const body = [json["data"], json["event"], json].find(isTable) ?? json;
  const name = body["e"];
  if (typeof name === "string") return { kind: "event", name, body, subscriptionId };
  return replyIn(json);
}

function replyIn(json: Table): Frame | undefined {
  const { id, status, error, result, code } = json;
  if (typeof id !== "number") return undefined;
  const subscriptionId = isTable(result) ? numberIn(result["subscriptionId"]) : undefined;
  const isDone = error === undefined && code === undefined && (status === undefined || status === 200);
  const refusal = isDone
    ? undefined
    : { code: numberIn(isTable(error) ? error["code"] : code), status: numberIn(status) };
  return { kind: "reply", id, refusal, subscriptionId };
}

/** A stamp further than this from the time of arrival is none: streams have no replay. */
const STAMP_SLACK_MS = 600_000;

/** MARGIN_LEVEL_STATUS_CHANGE as it is told; undefined for any other event, and for one without a status. */
export function marginLevelIn(name: string, body: Table, nowMs: number): PushEvent | undefined {
  const { s: status, l: level, E: stamp } = body;
  if (name !== "MARGIN_LEVEL_STATUS_CHANGE" || typeof status !== "string") return undefined;
  const isNow = typeof stamp === "number" && Math.abs(stamp - nowMs) <= STAMP_SLACK_MS;
  return { kind: "margin-level", status, level: levelIn(level), atMs: isNow ? stamp : nowMs };
}

/** No level is negative. */
function levelIn(value: unknown): number | undefined {
  const level = parseDecimal(value);
  return level !== undefined && level >= 0 ? level : undefined;
}
