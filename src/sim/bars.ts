// Price bars (open, high, low, close) and the way of the price inside one bar. The one thing to know: a bar does not say in
// which order high and low were reached, so this is a convention: a falling bar goes open → high → low → close, a rising or
// flat one open → low → high → close, in three straight legs of equal time. Every extreme of the bar is reached.

export interface Bar {
  readonly openMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

const HEADER = "open_time_ms,open,high,low,close";

/** Reads open_time_ms,open,high,low,close. Throws an Error that names the line. */
export function parseBars(csv: string): readonly Bar[] {
  const lines = csv.trim().split(/\r?\n/);
  if (lines[0] !== HEADER) throw new Error(`line 1: expected the header ${HEADER}`);
  const bars = lines.slice(1).map((line, index) => parseBar(line, index + 2));
  if (bars.length === 0) throw new Error("no bars below the header");
  for (const [index, bar] of bars.entries()) {
    const previous = bars[index - 1];
    if (previous !== undefined && bar.openMs <= previous.openMs) throw new Error(`line ${index + 2}: time goes back`);
  }
  return bars;
}

function parseBar(line: string, lineNumber: number): Bar {
  const cells = line.split(",");
  const [openMs = 0, open = 0, high = 0, low = 0, close = 0] = cells.map(parseCell);
  const numbers = [openMs, open, high, low, close];
  if (cells.length !== numbers.length || !numbers.every((number) => Number.isFinite(number) && number > 0)) {
    throw new Error(`line ${lineNumber}: expected five positive numbers: ${HEADER}`);
  }
  if (low > Math.min(open, close) || high < Math.max(open, close)) {
    throw new Error(`line ${lineNumber}: low must not lie above, high not below, open and close`);
  }
  return { openMs, open, high, low, close };
}

const parseCell = (cell: string): number => (/^\d+(\.\d+)?$/.test(cell) ? Number(cell) : Number.NaN);

/** The price in the bar after `elapsedMs` of its `lengthMs`; beyond the end it stays at the close. */
export function priceInBar(bar: Bar, elapsedMs: number, lengthMs: number): number {
  const [second, third] = bar.close < bar.open ? [bar.high, bar.low] : [bar.low, bar.high];
  const points = [bar.open, second, third, bar.close];
  const position = (3 * Math.max(0, elapsedMs)) / lengthMs;
  const leg = Math.floor(position);
  const from = points[leg] ?? bar.close;
  const to = points[leg + 1] ?? bar.close;
  return from + (to - from) * (position - leg);
}
