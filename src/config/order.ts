// Which of two thresholds lies higher, as far as the file alone can tell, and how one is shown in a refusal.
import type { BarName } from "../core/ports.ts";
import type { Threshold } from "../core/rules/types.ts";

const BAR_RANK = { forceLiquidationBar: 1, marginCallBar: 2, normalBar: 3 } as const satisfies Record<BarName, number>;

/** Above zero when a surely lies above b. Undefined when only the exchange's bars can tell, or when one is missing. */
export function compare(a: Threshold | undefined, b: Threshold | undefined): number | undefined {
  if (a?.kind === "number" && b?.kind === "number") return a.value - b.value;
  if (a?.kind !== "bar" || b?.kind !== "bar") return undefined;
  const bars = BAR_RANK[a.bar] - BAR_RANK[b.bar];
  const shares = a.plusPct - b.plusPct;
  return bars * shares < 0 ? undefined : bars + shares;
}

/** "info 1.5", "target normalBar + 5%"; a number as `threshold` is a share. */
export function shown(name: string, threshold: Threshold | number | undefined, isHidden: boolean): string {
  if (threshold === undefined || isHidden) return name;
  if (typeof threshold === "number") return `${name} ${threshold}%`;
  if (threshold.kind === "number") return `${name} ${threshold.value}`;
  return `${name} ${threshold.bar}${threshold.plusPct === 0 ? "" : ` + ${threshold.plusPct}%`}`;
}
