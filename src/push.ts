// What the exchange pushes sets the watch in motion: every event brings the next poll forward, a margin call opens its alert, and a stream
// that the exchange gives up is told once. The one thing to know: an event only leaves a note here and the work is done behind it, so a
// flood costs no more than one commit a second.
import { type Advance, notice, type Scene } from "./core/advance.ts";
import { isMarginCall, pushed } from "./core/margin-call.ts";
import { type Bars, StoreError } from "./core/ports.ts";
import type { PushEvent, PushReader, PushStream } from "./core/push.ts";
import type { PushedCall } from "./core/situation.ts";
import { createDoubt, type Doubt } from "./doubt.ts";
import type { Log } from "./lib/log.ts";
import { type Teller, tell } from "./tell.ts";

export interface PushParts extends Teller {
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
  readonly news: Map<PushStream, News>;
}

type News = Extract<PushEvent, { kind: "connected" | "retired" | "unavailable" }>;

/** Resolves when aborted and the streams are closed; never rejects. */
export async function startPush(parts: PushParts, signal: AbortSignal): Promise<void> {
  const notes: Notes = { call: undefined, news: new Map() };
  const doubt = createDoubt({ ...parts, fact: (name) => factOf(name, parts) });
  const news = createNews(parts);
  let isNoted = Promise.withResolvers<void>();
  const onEvent = (event: PushEvent): void => {
    if (signal.aborted) return;
    if (event.kind !== "unavailable") parts.pollNow();
    if (take(notes, event)) isNoted.resolve();
  };
  const work = (isLast: boolean) => workOff(notes, { doubt, news, isLast }, parts);
  // At once: whoever stops margind closes the store next.
  const onAbort = () => {
    work(true);
    isNoted.resolve();
  };
  const listening = parts.push.listen(parts.streams, onEvent, signal);
  signal.addEventListener("abort", onAbort, { once: true });
  while (!signal.aborted) {
    await isNoted.promise;
    isNoted = Promise.withResolvers();
    if (!signal.aborted) work(false);
    if (doubt.isHolding()) isNoted.resolve(); // weighed again a second later
    await parts.clock.sleep(EVERY_MS, signal).catch(() => undefined); // aborted: the loop ends
  }
  await listening;
}

/** Is there anything to be worked on? */
function take(notes: Notes, event: PushEvent): boolean {
  if (event.kind === "change") return false;
  if (event.kind !== "margin-level") {
    notes.news.set(event.stream, event);
    return true;
  }
  if (!isMarginCall(event.status)) return false;
  const { status, level, atMs } = event;
  notes.call = { status, level, atMs };
  return true;
}

interface Work {
  readonly doubt: Doubt;
  readonly news: (event: News) => void;
  readonly isLast: boolean;
}

function workOff(notes: Notes, { doubt, news, isLast }: Work, parts: PushParts): void {
  const { call } = notes;
  const events = [...notes.news.values()];
  notes.call = undefined;
  notes.news.clear();
  try {
    if (call !== undefined || doubt.isHolding()) {
      const scene = sceneOf(parts);
      const judged = doubt.weigh(call, scene, isLast);
      tell(judged.call === undefined ? NO_MOVE : pushed(parts.account, judged.call, scene), parts, judged.facts);
    }
    for (const event of events) news(event);
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    parts.log.error({ account: parts.account, error, stack }, "an event could not be worked on; polling goes on");
  }
}

const NO_MOVE: Advance = { changes: [], situations: [] };

function sceneOf({ account, ledger, book, clock, bars }: PushParts): Scene {
  const known = (_: string, subject: string) =>
    ledger.snapshot(account)?.known.find((item) => item.subject === subject);
  return { states: ledger.states, book, bars: bars(), nowMs: clock.wallMs(), known };
}

const RETIRED = "retired";
const UNAVAILABLE = "unavailable";
/** After a restart it is not told again for so long that a stream cannot be connected. */
const REPEAT_MS = 24 * 3_600_000;

/** Streams that were given up or cannot be connected, or work again after that. The fact keeps a restart from telling it again. */
function createNews(parts: PushParts): (event: News) => void {
  const { account, book, clock } = parts;
  /** By this process. */
  const toldUnavailable = new Set<PushStream>();

  function isNews({ kind, stream }: News, fact: string): boolean {
    if (kind === "connected") return fact !== "";
    if (kind === "retired") return fact !== RETIRED;
    if (fact === RETIRED) return false;
    const [word, atMs] = fact.split(" ");
    return (
      word !== UNAVAILABLE || (!toldUnavailable.has(stream) && Math.abs(clock.wallMs() - Number(atMs)) >= REPEAT_MS)
    );
  }

  return (event) => {
    const { kind, stream } = event;
    const name = `push.${account}.${stream}`;
    if (!isNews(event, factOf(name, parts) ?? "")) return;
    const nowMs = clock.wallMs();
    const reason = kind === "connected" ? undefined : event.reason;
    const id = { account, subject: `source ${stream} stream`, rule: "stream-retired" } as const;
    const facts = { about: "stream", stream, reason, isOffered: kind !== "retired" } as const;
    const told = notice(id, kind === "connected" ? "info" : "warning", facts, { book, nowMs });
    const value = { connected: "", retired: RETIRED, unavailable: `${UNAVAILABLE} ${nowMs}` }[kind];
    tell(told, parts, [{ name, value }]);
    if (kind === "unavailable") toldUnavailable.add(stream);
    else toldUnavailable.delete(stream);
  };
}

/** A store that cannot be read knows of nothing: better told twice than never. */
function factOf(name: string, { ledger, log, account }: PushParts): string | undefined {
  try {
    return ledger.fact(name);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ account, error }, "it is not known what was told of a stream before");
    return undefined;
  }
}
