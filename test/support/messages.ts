// Messages and deliveries for tests: the three of the design document, and a builder that fills in what a test does not care for.
import { createHash } from "node:crypto";
import type { Delivery, Message, Section } from "../../src/core/ports.ts";

const single = (section: Section, severity: Message["severity"], subject: string): Message => ({
  kind: section.kind,
  severity,
  title: section.headline,
  sections: [section],
  more: [],
  subject,
});

export const critical = single(
  {
    kind: "raised",
    severity: "critical",
    headline: "CRITICAL · main · cross margin level 1.24 (below 1.30)",
    lines: [
      "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
      "Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.",
      "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04.",
    ],
    ref: "#A1B2-3",
  },
  "critical",
  "margind: main · cross margin level",
);

export const resolved = single(
  {
    kind: "resolved",
    severity: "critical",
    headline: "RESOLVED · main · cross margin level 1.52",
    lines: ["Critical for 3 h 12 min, lowest 1.19 at 01:40 UTC. 4 messages."],
    ref: "#A1B2-9",
  },
  "resolved",
  "margind: main · cross margin level",
);

export const blind = single(
  {
    kind: "opened",
    severity: "critical",
    headline: "BLIND · main · no valid answer for 34 s",
    lines: [
      "Binance answers 418: this address is banned until 02:14 UTC (12 min). Last seen 1.24 (critical) at 02:01:26.",
      "Nothing will be resolved until data is fresh. By hand: look at the account in the app; do not restart, it keeps the ban.",
    ],
    ref: "#C3D4-1",
  },
  "critical",
  "margind: main · blind",
);

/** Several alerts of one cycle in one message. */
export const crash: Message = {
  kind: "opened",
  severity: "critical",
  title: "CRITICAL · main · 5 alerts",
  sections: [
    ...critical.sections,
    {
      kind: "opened",
      severity: "warning",
      headline: "WARNING · main · ETHUSDT isolated distance to liquidation 5.4 % (below 6 %)",
      lines: ["Liquidation at 118.20 USDT is a 5.4 % fall away (index price 124.95)."],
      ref: "#E5F6-1",
    },
    ...resolved.sections,
  ],
  more: [
    "INFO · main · BNBUSDT isolated distance to liquidation 9.1 % #0A1B-1",
    "INFO · main · ADAUSDT isolated distance to liquidation 9.8 % #2C3D-1",
  ],
  subject: "margind: main · 5 alerts",
};

/** 64 hex digits, the same for the same name. */
export const keyOf = (name: string): string => createHash("sha256").update(name).digest("hex");

/** 12 March 2020, 23:05:04 UTC. */
const ENQUEUED_AT_MS = Date.UTC(2020, 2, 12, 23, 5, 4);

export function deliveryOf(message: Message, over: Partial<Delivery> = {}): Delivery {
  return {
    key: keyOf(message.title),
    recipient: "",
    attempt: 1,
    enqueuedAtMs: ENQUEUED_AT_MS,
    message,
    root: undefined,
    edits: [],
    plain: false,
    ...over,
  };
}
