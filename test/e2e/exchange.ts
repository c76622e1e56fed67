// The exchange of the end-to-end tests: `margind simulate` as a process of its own, at the prices of 9 March 2020, second by second.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./harness.ts";
import { freePort, type Program, start } from "./programs.ts";

export const KEY = { apiKey: "e2eKey", secret: "e2eSecret" };

/** USDT of debt against 2 BTC at 8,039 USDT each: level 3.21. */
export const CALM = { borrowed: 5_000 };

export interface Exchange extends AsyncDisposable {
  readonly port: number;
  /** The same exchange with another book: it is away for as long as its process takes to start. */
  become(book: { readonly borrowed: number }): Promise<void>;
  stop(): Promise<void>;
}

export async function startExchange(main: string, folder: string): Promise<Exchange> {
  const port = await freePort();
  const file = join(folder, "book.json");
  let program: Program | undefined;
  const stop = async () => void (await program?.end("SIGTERM"));
  const options = ["--port", String(port), "--key", KEY.apiKey, "--secret", KEY.secret, "--book", file];
  const become = async ({ borrowed }: { readonly borrowed: number }) => {
    const assets = [
      { asset: "BTC", free: 2 },
      { asset: "USDT", borrowed },
    ];
    writeFileSync(file, JSON.stringify({ cross: { assets } }));
    await stop();
    program = start(process.execPath, [main, "simulate", "--csv", "--speed", "1", ...options]);
    const { said } = program;
    await until("the simulator listens", 20_000, () => said().includes(`:${port}`) || undefined, said);
  };
  await become(CALM);
  return { port, become, stop, [Symbol.asyncDispose]: stop };
}
