// What the exchange pushes. A stream only ever makes a poll come sooner, or opens the alert of a margin call: what it says is never
// evidence that something is well.

/** risk: cross margin's own stream (margin calls, debt). user: the account's balances and orders, by listen token. */
export const PUSH_STREAMS = ["risk", "user"] as const;
export type PushStream = (typeof PUSH_STREAMS)[number];

export type PushEvent =
  /** Subscribed: what happened before was not pushed, so look now. */
  | { readonly kind: "connected"; readonly stream: PushStream }
  /** Something moved in the account. */
  | { readonly kind: "change"; readonly stream: PushStream }
  /** MARGIN_LEVEL_STATUS_CHANGE; `status` is the exchange's word (MARGIN_CALL …), `level` as it was pushed. */
  | {
      readonly kind: "margin-level";
      readonly status: string;
      readonly level: number | undefined;
      readonly atMs: number;
    }
  /** The exchange does not offer this stream any more; `reason` is a clause. Tried again now and then. */
  | { readonly kind: "retired"; readonly stream: PushStream; readonly reason: string }
  /** For an hour no try brought a connection; told once an hour at most. `reason` is a clause: why the last one failed. */
  | { readonly kind: "unavailable"; readonly stream: PushStream; readonly reason: string };

export interface PushReader {
  /** Keeps the streams open until aborted, through every failure. Resolves then; never rejects. */
  listen(streams: readonly PushStream[], onEvent: (event: PushEvent) => void, signal: AbortSignal): Promise<void>;
}
