// Takes no more frames than margind can have a use for. The one thing to know: a socket that is paused loses nothing, what it does not
// take waits at the other side; so whatever a stream sends, it costs little, and only itself time.
import type { Clock } from "../../core/ports.ts";

export interface Easing {
  /** To be called for every frame. */
  took(): void;
  /** Resolves when nothing is under way any more; soon after the signal is aborted. */
  idle(): Promise<void>;
}

/** A busy account has some tens. */
const FRAMES_MAX = 200;
const WINDOW_MS = 1000;

/** Pauses the socket for the rest of a second of which it has had enough. */
export function startEasing(
  socket: { pause(): void; resume(): void },
  clock: Pick<Clock, "monoMs" | "sleep">,
  signal: AbortSignal,
): Easing {
  let fromMs = clock.monoMs();
  let frames = 0;
  let resting: Promise<void> | undefined;

  const rest = async (): Promise<void> => {
    socket.pause();
    await clock.sleep(fromMs + WINDOW_MS - clock.monoMs(), signal).catch(() => undefined); // aborted: the socket is closed
    resting = undefined;
    if (!signal.aborted) socket.resume();
  };

  return {
    took() {
      const nowMs = clock.monoMs();
      if (nowMs - fromMs >= WINDOW_MS) {
        fromMs = nowMs;
        frames = 0;
      }
      frames += 1;
      if (frames > FRAMES_MAX) resting ??= rest();
    },
    idle: async () => resting,
  };
}
