// A folder for one measurement, with margind's configuration and its state, or the bare poller's. It lies beside the code and not
// in the system's temporary folder, which may be memory: a durable commit is part of what is measured.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BareTask } from "../bare.ts";
import { built } from "./build.ts";
import { SLACK } from "./doubles.ts";
import { type Program, start } from "./process.ts";

export interface Desk extends Disposable {
  readonly folder: string;
  /** `main`: the built program unless given. */
  margind(config: object, main?: string): Program;
  bare(task: Omit<BareTask, "folder" | "secret">, nodeOptions?: readonly string[]): Program;
}

export const SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
export const CROSS = "/sapi/v1/margin/account";
export const ISOLATED = "/sapi/v1/margin/isolated/account";

export function makeDesk(): Desk {
  const { folder: runFolder, main: builtMain, bare } = built();
  const folder = mkdtempSync(join(runFolder, "desk-"));
  return {
    folder,
    margind(config, main = builtMain) {
      const file = join(folder, "margind.yaml");
      writeFileSync(file, JSON.stringify({ stateDir: "./state", ...config }), { mode: 0o600 }); // JSON is YAML
      return start(main, ["run", "--config", file], { LOG_LEVEL: "info", NODE_ENV: "production" });
    },
    bare: (task, nodeOptions = []) =>
      start(bare, [JSON.stringify({ ...task, folder, secret: SECRET })], {}, nodeOptions),
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
