// Loaded into the real program before it begins (node --import): at SIGUSR2 something goes wrong inside the process that no part of it
// foresaw. What goes wrong is named by the environment variable MISBEHAVE.
import { closeSync, openSync } from "node:fs";

const taken: number[] = [];
let taking: NodeJS.Timeout | undefined;

function take(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    return; // there are no more
  }
}

/** An error of some library, with everything in its text that must not be seen. */
const indiscreet = (): Error =>
  new Error(`surprise with ${process.env["API_SECRET"]}, ${process.env["SLACK_TOKEN"]} and ${process.env["SMTP_URL"]}`);

const misdeeds: Readonly<Record<string, () => void>> = {
  throw() {
    setTimeout(() => {
      throw indiscreet();
    }, 1);
  },
  reject() {
    void Promise.reject(indiscreet());
  },
  /** The event loop stands still for 6 s. */
  stall() {
    const endMs = performance.now() + 6000;
    while (performance.now() < endMs);
  },
  /** More memory than there is. */
  memory() {
    const kept: number[][] = [];
    for (;;) kept.push(new Array<number>(100_000).fill(kept.length + 0.5));
  },
  /** Takes every file descriptor that is left, and whatever becomes free; the next time it gives them back. */
  descriptors() {
    if (taking === undefined) {
      take();
      taking = setInterval(take, 1);
      process.stderr.write("took every descriptor\n");
      return;
    }
    clearInterval(taking);
    for (const descriptor of taken.splice(0)) closeSync(descriptor);
  },
};

process.on("SIGUSR2", () => misdeeds[process.env["MISBEHAVE"] ?? ""]?.());
