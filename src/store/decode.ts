// What comes back from the disk is checked like anything else from outside: a flipped bit or an older version must not become a
// wrong alert. A row that does not fit is reported by its name and left out, never repaired by guessing.
import { z } from "zod";
import { isSubject } from "../core/announce.ts";
import type { HistoryRow } from "../core/history.ts";
import type { AlertState } from "../core/lifecycle.ts";
import { type NewRow, SEVERITIES, type Subject } from "../core/ports.ts";
import type { Snapshot } from "../core/store.ts";
import { parseJson } from "../lib/json.ts";

const severity = z.enum(SEVERITIES);
const subject = z.custom<Subject>((value) => typeof value === "string" && isSubject(value));
const kind = z.enum(["opened", "raised", "lowered", "reminded", "resolved", "ended", "test"]);

const state = z.discriminatedUnion("phase", [
  z.object({ phase: z.literal("pending"), sinceMs: z.number(), observedMs: z.number(), lastAtMs: z.number() }),
  z.object({
    phase: z.literal("firing"),
    incident: z.string(),
    seq: z.number(),
    severity,
    openedAtMs: z.number(),
    sinceMs: z.number(),
    previous: z.object({ severity, sinceMs: z.number() }).nullable(),
    peak: severity,
    value: z.union([z.number(), z.string(), z.boolean()]).nullable(),
    worst: z.object({ value: z.number(), atMs: z.number() }).nullable(),
    clearing: z.object({ to: severity.nullable(), observedMs: z.number() }).nullable(),
    lastAtMs: z.number(),
    toldAtMs: z.number(),
    threads: z.record(z.string(), z.object({ root: z.string(), subject: z.string(), size: z.number() })),
    messages: z.number(),
  }),
]);

const snapshot = z.object({
  account: z.string(),
  sources: z.array(z.enum(["cross", "isolated"])).default([]), // older versions did not write it
  okAtMs: z.object({ cross: z.number().nullable(), isolated: z.number().nullable() }),
  known: z.array(
    z.object({
      subject,
      atMs: z.number(),
      level: z.number().nullable(),
      status: z.string().nullable(),
      distancePct: z.number().nullable(),
      debtUsdt: z.number().nullable().optional(), // older versions did not write it
      severity: severity.nullable(),
    }),
  ),
  pairs: z.number(),
  trouble: z.string().nullable(),
});

const heading = { kind, severity, headline: z.string(), ref: z.string() };

const message = z.object({
  kind,
  severity: z.enum([...SEVERITIES, "resolved"]),
  title: z.string(),
  sections: z.array(z.object({ ...heading, lines: z.array(z.string()) })),
  more: z.array(z.string()),
  moreSections: z.array(z.object(heading)).optional(), // older versions did not write it
  isLate: z.boolean().optional(),
  subject: z.string(),
});

const body = z.object({
  incidents: z.array(z.string()),
  message,
  rootKey: z.string().nullable(),
  edits: z.array(z.object({ key: z.string(), message })),
});

type RowBody = Pick<NewRow, "incidents" | "message" | "rootKey" | "edits">;

export const decodeState = (text: string): AlertState | undefined => decode(state, text);
export const decodeSnapshot = (text: string): Snapshot | undefined => decode(snapshot, text);
export const decodeBody = (text: string): RowBody | undefined => decode(body, text);
export const decodeReceipt = (text: string): Readonly<Record<string, string>> | undefined =>
  decode(z.record(z.string(), z.string()), text);

const decode = <T>(schema: z.ZodType<T>, text: string): T | undefined => schema.safeParse(parseJson(text)).data;

const common = { id: z.string(), atMs: z.number(), symbol: z.string().optional() };
const traded = { type: z.string(), asset: z.string(), amount: z.number() };
const end = z.string().optional();
const historyRow = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("flow"), ...common, ...traded }),
  z.object({
    kind: z.literal("transfer"),
    ...common,
    ...traded,
    ...{ from: end, to: end, fromSymbol: end, toSymbol: end },
    status: z.string(),
  }),
  z.object({
    kind: z.literal("liquidation"),
    ...common,
    pair: z.string(),
    side: z.string(),
    avgPrice: z.number().optional(),
    executedQty: z.number().optional(),
  }),
]);

export function decodeHistoryRow(text: string): HistoryRow | undefined {
  const { data: row } = historyRow.safeParse(parseJson(text));
  if (row === undefined) return undefined;
  const { symbol } = row;
  switch (row.kind) {
    case "flow":
      return { ...row, symbol };
    case "transfer": {
      const { from, to, fromSymbol, toSymbol } = row;
      return { ...row, symbol, from, to, fromSymbol, toSymbol };
    }
    case "liquidation": {
      const { avgPrice, executedQty } = row;
      return { ...row, symbol, avgPrice, executedQty };
    }
  }
}
