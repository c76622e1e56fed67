// Simulators for tests: on a free port, with clocks that stand still until the test moves them, closed after each test.
import { createHmac } from "node:crypto";
import { afterEach } from "vitest";
import type { Book } from "../../src/sim/book.ts";
import { derivedPath } from "../../src/sim/price-path.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/sim/server.ts";

export const API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
export const CREDENTIAL = { kind: "hmac", secret: SECRET } as const;
export const SIM_START_MS = Date.parse("2020-03-12T00:00:30Z");
export const SERVER_START_MS = 1_700_000_000_000;

export type SimulateOptions = Partial<SimulatorOptions> & { readonly bitcoinAt?: (simMs: number) => number };
export type Simulated = Awaited<ReturnType<ReturnType<typeof useSimulators>>>;

/** Called at the top of a test file; gives the function that starts one, with `book` for API_KEY. */
export function useSimulators(book: Book) {
  const running: Simulator[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((simulator) => simulator.close()));
  });

  return async (options: SimulateOptions = {}) => {
    const time = { simMs: SIM_START_MS, serverMs: SERVER_START_MS, monoMs: 0 };
    const { bitcoinAt = () => 5_000, ...rest } = options;
    const simulator = await startSimulator({
      port: 0,
      keys: [{ apiKey: API_KEY, credential: CREDENTIAL, book }],
      path: derivedPath(bitcoinAt),
      simNowMs: () => time.simMs,
      serverNowMs: () => time.serverMs,
      // Every look at the clock is a second later, so that spacing is no matter unless a test makes it one.
      monoMs: () => (time.monoMs += 1_000),
      ...rest,
    });
    running.push(simulator);
    /** The body as text, and as JSON where it is some: ids beyond 2^53 are right only in the text. */
    const get = async (target: string, headers: Record<string, string> = {}, method = "GET") => {
      const response = await fetch(simulator.url + target, { method, headers });
      const text = await response.text();
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, body };
    };
    const signed = (path: string, query = "", apiKey = API_KEY) => {
      const payload = `${query}${query && "&"}recvWindow=5000&timestamp=${time.serverMs}`;
      const signature = createHmac("sha256", SECRET).update(payload).digest("hex");
      return get(`${path}?${payload}&signature=${signature}`, { "X-MBX-APIKEY": apiKey });
    };
    const keyed = (target: string, method = "GET", apiKey = API_KEY) => get(target, { "X-MBX-APIKEY": apiKey }, method);
    return {
      simulator,
      time,
      get,
      signed,
      keyed,
      /** A test that closes the simulator itself. */
      forget: () => void running.splice(running.indexOf(simulator), 1),
    };
  };
}
