// The fields that a rule may watch, one line each: adding a field is adding a line here (and its value in observe.ts).
import type { RuleSubject } from "./types.ts";

/** EXCESSIVE … FORCE_LIQUIDATION, safest first. Source: GET /sapi/v1/margin/isolated/account. */
export const LEVEL_STATUSES = ["EXCESSIVE", "NORMAL", "MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"] as const;
export type LevelStatus = (typeof LEVEL_STATUSES)[number];

export interface FieldInfo {
  readonly type: "number" | "flag" | "status" | "text";
  readonly on: readonly RuleSubject[];
  /** True where the value is a margin level, so that a bar can be its threshold. */
  readonly isLevel?: true;
  /** True where a low value is only dangerous with debt: without debt no `below` rung is breached. */
  readonly needsDebt?: true;
  readonly unit?: "%" | "BTC" | "min";
  /** True where the value comes from how things went, so that it can be unknown in a valid answer. Unknown changes no alert. */
  readonly isOfTime?: true;
}

export const FIELDS = {
  marginLevel: { type: "number", on: ["cross", "isolated"], isLevel: true, needsDebt: true },
  collateralMarginLevel: { type: "number", on: ["cross"], isLevel: true, needsDebt: true },
  marginLevelStatus: { type: "status", on: ["cross", "isolated"] },
  liquidationDistancePct: { type: "number", on: ["cross", "isolated"], needsDebt: true, unit: "%" },
  minutesToLiquidation: { type: "number", on: ["cross", "isolated"], needsDebt: true, unit: "min", isOfTime: true },
  transferOutEnabled: { type: "flag", on: ["cross"] },
  transferInEnabled: { type: "flag", on: ["cross"] },
  borrowEnabled: { type: "flag", on: ["cross"] },
  tradeEnabled: { type: "flag", on: ["cross", "isolated"] },
  enabled: { type: "flag", on: ["isolated"] },
  accountType: { type: "text", on: ["cross"] },
  totalAssetOfBtc: { type: "number", on: ["cross"], unit: "BTC" },
  totalLiabilityOfBtc: { type: "number", on: ["cross"], unit: "BTC" },
  totalNetAssetOfBtc: { type: "number", on: ["cross"], unit: "BTC" },
  indexPrice: { type: "number", on: ["isolated"] },
  liquidatePrice: { type: "number", on: ["isolated"] },
} as const satisfies Record<string, FieldInfo>;

export type FieldName = keyof typeof FIELDS;

export const isFieldName = (name: string): name is FieldName => Object.hasOwn(FIELDS, name);
export const fieldInfo = (name: FieldName): FieldInfo => FIELDS[name];
