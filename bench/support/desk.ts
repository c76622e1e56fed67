// A folder for one measurement, with margind's configuration and its state, or the bare poller's. It lies beside the code and not
// in the system's temporary folder, which may be memory: a durable commit is part of what is measured.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BareTask } from "../bare.ts";
import { SLACK } from "./doubles.ts";
import { type Program, start } from "./process.ts";

export interface Desk extends Disposable {
  readonly folder: string;
  /** `main`: src/main.ts from bench/, or the built one. */
  margind(config: object, main?: string): Program;
  bare(task: Omit<BareTask, "folder" | "secret">, nodeOptions?: readonly string[]): Program;
}

export const SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
export const MAIN = "../src/main.ts";
export const CROSS = "/sapi/v1/margin/account";
export const ISOLATED = "/sapi/v1/margin/isolated/account";

/** For what the bench makes; ignored by git as everything in node_modules. */
export const CACHE = fileURLToPath(new URL("../../node_modules/.cache/margind-bench/", import.meta.url));

export function makeDesk(): Desk {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "desk-"));
  return {
    folder,
    margind(config, main = MAIN) {
      const file = join(folder, "margind.yaml");
      writeFileSync(file, JSON.stringify({ stateDir: "./state", ...config }), { mode: 0o600 }); // JSON is YAML
      return start(main, ["run", "--config", file], { LOG_LEVEL: "info", NODE_ENV: "production" });
    },
    bare: (task, nodeOptions = []) =>
      start("bare.ts", [JSON.stringify({ ...task, folder, secret: SECRET })], {}, nodeOptions),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The key is the account's name: the exchange and the receiving ends tell the accounts apart by it. */
export function accounts(names: readonly string[], over: object = {}): object {
  const account = (name: string) => ({
    apiKey: name,
    apiSecret: SECRET,
    poll: "* * * * * *",
    isolated: "none",
    ...over,
  });
  return Object.fromEntries(names.map((name) => [name, account(name)]));
}

/** One threshold, crossed at once in both directions: a level that flips makes a message of every poll. */
export const benchRules = {
  level: {
    on: "cross",
    field: "marginLevel",
    below: { critical: 1.3 },
    hysteresisPct: 0,
    clearAfter: "0s",
  },
};

export const slackAt = (url: string): object => ({ type: "slack", ...SLACK, apiUrl: url });
export const mailTo = (url: string): object => ({
  type: "email",
  url,
  from: "margind <alerts@example.com>",
  to: ["ops@example.com"],
  tls: "none",
});
