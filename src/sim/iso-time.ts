// Simulated times as a person gives them. A time without a zone is refused: JavaScript would read it in the zone of the machine.

export const TIME_EXPECTED = "expected a time with its zone, such as 2020-03-12T09:00Z";

const SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch; undefined when the text is no such time. */
export function parseIsoTimeMs(text: string): number | undefined {
  const atMs = SHAPE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(atMs) ? atMs : undefined;
}
