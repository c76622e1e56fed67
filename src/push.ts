// What the exchange pushes sets the watch in motion: every event brings the next poll forward, a margin call opens its alert, and a stream
// that the exchange gives up is told once. The one thing to know: an event only leaves a note here and the work is done behind it, so a
// flood costs no more than one commit a second.
import { type Advance, notice } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import { isMarginCall, pushed } from "./core/margin-call.ts";
import { type Bars, StoreError } from "./core/ports.ts";
import type { PushEvent, PushReader, PushStream } from "./core/push.ts";
import type { PushedCall } from "./core/situation.ts";
import type { Fact } from "./core/store.ts";
import type { Log } from "./lib/log.ts";
import type { Shared } from "./watch.ts";

export interface PushParts extends Shared {
  readonly account: string;
  readonly push: PushReader;
  readonly streams: readonly PushStream[];
  /** Cheap, however often it is called: see sooner.ts. */
  pollNow(): void;
  /** The account's own, as last read. */
  bars(): Bars;
  readonly log: Log;
}

/** Commits are no nearer to each other than this. */
const EVERY_MS = 1000;

/** What came and is still to be worked on; of each only the last. */
interface Notes {
  call: PushedCall | undefined;
  readonly news: Map<PushStream, Extract<PushEvent, { kind: "connected" | "retired" }>>;
}

/** Resolves when aborted and the streams are closed; never rejects. */
export async function startPush(parts: PushParts, signal: AbortSignal): Promise<void> {
  const notes: Notes = { call: undefined, news: new Map() };
  let isNoted = Promise.withResolvers<void>();
  const onEvent = (event: PushEvent): void => {
    if (signal.aborted) return;
    parts.pollNow();
    if (take(notes, event)) isNoted.resolve();
  };
  const listening = parts.push.listen(parts.streams, onEvent, signal);
  signal.addEventListener("abort", () => isNoted.resolve(), { once: true });
  while (!signal.aborted) {
    await isNoted.promise;
    isNoted = Promise.withResolvers();
    work(notes, parts);
    await parts.clock.sleep(EVERY_MS, signal).catch(() => undefined); // aborted: the loop ends
  }
  await listening;
}

/** Is there anything to be worked on? */
function take(notes: Notes, event: PushEvent): boolean {
  if (event.kind === "change") return false;
  if (event.kind === "connected" || event.kind === "retired") {
    notes.news.set(event.stream, event);
    return true;
  }
  if (!isMarginCall(event.status)) return false;
  const { status, level, atMs } = event;
  notes.call = { status, level, atMs };
  return true;
}

function work(notes: Notes, parts: PushParts): void {
  const { call } = notes;
  const news = [...notes.news.values()];
  notes.call = undefined;
  notes.news.clear();
  try {
    if (call !== undefined) commit(opening(call, parts), [], parts);
    for (const event of news) tellOf(event, parts);
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    parts.log.error({ account: parts.account, error, stack }, "an event could not be worked on; polling goes on");
  }
}

function opening(call: PushedCall, { account, ledger, book, clock, bars }: PushParts): Advance {
  const known = (_: string, subject: string) =>
    ledger.snapshot(account)?.known.find((item) => item.subject === subject);
  return pushed(account, call, { states: ledger.states, book, bars: bars(), nowMs: clock.wallMs(), known });
}

const RETIRED = "retired";

/** A stream that was given up, or works again after that. The fact keeps a restart from telling it again. */
function tellOf(event: Extract<PushEvent, { kind: "connected" | "retired" }>, parts: PushParts): void {
  const { account, book, clock } = parts;
  const { kind, stream } = event;
  const isOver = kind === "connected";
  const name = `push.${account}.${stream}`;
  if (isOver !== wasRetired(name, parts)) return;
  const reason = isOver ? undefined : event.reason;
  const id = { account, subject: `source ${stream} stream`, rule: "stream-retired" } as const;
  const facts = { about: "stream", stream, reason } as const;
  const told = notice(id, isOver ? "info" : "warning", facts, { book, nowMs: clock.wallMs() });
  commit(told, [{ name, value: isOver ? "" : RETIRED }], parts);
}

/** A store that cannot be read knows of nothing: better told twice than never. */
function wasRetired(name: string, { ledger, log, account }: PushParts): boolean {
  try {
    return ledger.fact(name) === RETIRED;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ account, error }, "it is not known whether a stream was told to be gone");
    return false;
  }
}

function commit({ changes, situations }: Advance, facts: readonly Fact[], parts: PushParts): void {
  const { ledger, book, clock, locale, muted, deliver } = parts;
  const nowMs = clock.wallMs();
  const told = announce(changes, situations, { book, states: ledger.states, nowMs, locale, muted: muted() });
  deliver(ledger.commit(told, undefined, nowMs, { facts }));
}
