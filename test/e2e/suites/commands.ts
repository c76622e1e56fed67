// The commands that watch nothing, as a person or a script calls them: what they print, where, and with which exit code.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Check, expect, indent } from "../harness.ts";
import { run } from "../programs.ts";

const COMMANDS = ["run", "check", "doctor", "demo", "simulate", "test-notify", "status", "schema"];

/** What config.example.yaml takes from the environment; an address of this machine that nobody listens on. */
const EXAMPLE_ENV = {
  BINANCE_API_KEY: "key",
  BINANCE_API_SECRET: "secret-that-must-not-be-seen",
  HEARTBEAT_URL: "http://127.0.0.1:9/ping",
  SLACK_BOT_TOKEN: "xoxb-1",
  SMTP_URL: "smtps://user:password@127.0.0.1:9",
};

/** Three mistakes, one of them in a secret. */
const WRONG = `accounts:
  main:
    apiKey: \${MARGIND_E2E_NOT_SET}
    apiSecret: secret-that-must-not-be-seen
rules:
  levels:
    on: cross
    field: marginLevel
    below: { info: 1.2, critical: 1.5 }
notifiers:
  terminal: { type: console, colour: blue }
`;

export async function commands(check: Check, { main, folder }: Bench): Promise<void> {
  const cwd = join(folder, "commands");
  mkdirSync(cwd);
  const margind = (args: readonly string[], options: { code?: number; env?: Readonly<Record<string, string>> } = {}) =>
    run(process.execPath, [main, ...args], { cwd, ...options });

  await check("margind --help names every command, and each has a help of its own", async () => {
    const { stdout } = await margind(["--help"]);
    const missing = COMMANDS.filter((name) => !stdout.includes(`\n  ${name} `));
    expect(missing.length === 0, `--help does not name ${missing.join(", ")}:${indent(stdout)}`);
    for (const name of COMMANDS) {
      const help = await margind([name, "--help"]);
      expect(help.stdout.startsWith(`Usage: margind ${name}`), `margind ${name} --help:${indent(help.stdout)}`);
    }
    return undefined;
  });

  await check("a command that does not exist ends with 1 and a hint, not with a stack trace", async () => {
    const { stderr } = await margind(["chekc"], { code: 1 });
    expect(/Did you mean check/.test(stderr) && !/\n\s+at /.test(stderr), `it says:${indent(stderr)}`);
    return undefined;
  });

  await check("margind schema prints a JSON Schema", async () => {
    const schema: unknown = JSON.parse((await margind(["schema"])).stdout);
    const keys = typeof schema === "object" && schema !== null ? Object.keys(schema) : [];
    expect(keys.includes("$schema") && keys.includes("properties"), `it has only ${keys.join(", ")}`);
    return undefined;
  });

  await check("margind check accepts the example that is shipped, and shows no secret", async () => {
    const example = join(folder, "package", "config.example.yaml");
    const { stdout } = await margind(["check", "--config", example], { env: EXAMPLE_ENV });
    expect(!stdout.includes("must-not-be-seen"), `it shows the secret:${indent(stdout)}`);
    return undefined;
  });

  for (const command of ["check", "run"]) {
    await check(`margind ${command} refuses a wrong configuration with 78 and the place of every mistake`, async () => {
      const file = join(cwd, "wrong.yaml");
      writeFileSync(file, WRONG);
      const { stdout, stderr } = await margind([command, "--config", file], { code: 78 });
      const places = [
        /wrong\.yaml:3:\d+: .*MARGIND_E2E_NOT_SET/,
        /wrong\.yaml:9:\d+: /,
        /wrong\.yaml:11:\d+: .*colour/,
      ];
      expect(
        places.every((place) => place.test(stderr)) && /3 mistakes/.test(stderr),
        `not every mistake is told:${indent(stderr)}`,
      );
      expect(
        !/must-not-be-seen|\n\s+at /.test(stdout + stderr),
        `a secret or a stack trace:${indent(stdout + stderr)}`,
      );
      return undefined;
    });
  }

  await check("without any configuration it says how to begin, and ends with 78", async () => {
    const { stderr } = await margind(["run"], { code: 78, env: { MARGIND_CONFIG: "" } });
    expect(/config\.example\.yaml/.test(stderr), `it says:${indent(stderr)}`);
    return undefined;
  });
}
