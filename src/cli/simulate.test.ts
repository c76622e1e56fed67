import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Command, CommanderError } from "commander";
import { afterEach, expect, test } from "vitest";
import { addSimulate } from "./simulate.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const MODULE = new URL("./simulate.ts", import.meta.url).href;
const SCRIPT = `import { Command } from "commander";
import { addSimulate } from ${JSON.stringify(MODULE)};
const program = new Command("margind");
addSimulate(program);
await program.parseAsync();`;

/** The command in a process of its own; `started` resolves with its address. */
function launch(...args: readonly string[]) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", SCRIPT, "--", "simulate", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const started = expect.poll(() => output + errors, { timeout: 10_000 }).toMatch(/Stop with Ctrl-C/);
  return { child, started, urlOf: () => /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "", errors: () => errors };
}

test.each(["SIGTERM", "SIGINT"] as const)("serves until %s, then ends with 0", async (signal) => {
  const { child, started, urlOf } = launch("--port", "0", "--csv");
  await started;
  const response = await fetch(`${urlOf()}/api/v3/ticker/price?symbol=BTCUSDT`);
  expect(await response.json()).toEqual({ symbol: "BTCUSDT", price: expect.stringMatching(/^80\d\d\.\d{8}$/) });
  child.kill(signal);
  const [code, killedBy] = await once(child, "exit");
  expect([code, killedBy]).toEqual([0, null]);
});

async function parse(...args: readonly string[]): Promise<string> {
  let text = "";
  const note = (chunk: string) => {
    text += chunk;
  };
  const program = new Command("margind").exitOverride();
  addSimulate(program);
  for (const command of program.commands) {
    command.exitOverride().configureOutput({
      writeOut: note,
      writeErr: note,
    });
  }
  await program.parseAsync(["node", "margind", "simulate", ...args]).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) note(error instanceof Error ? error.message : String(error));
  });
  return text;
}

test("its help has examples and names every option", async () => {
  const help = await parse("--help");
  expect(help).toContain("margind simulate --csv --start 2020-03-12T09:00Z --speed 600");
  for (const deed of ["transfer", "repayLoan", "delist", "restrict", "rights"]) expect(help).toContain(deed);
  for (const option of ["port", "host", "csv", "speed", "start", "key", "secret", "seed", "book"]) {
    expect(help).toContain(`--${option} `);
  }
});

test.each([
  { args: ["--port", "65536"], says: "Expected a whole number from 0 to 65535." },
  { args: ["--port", "http"], says: "Expected a whole number from 0 to 65535." },
  { args: ["--speed", "0"], says: "Expected a number above 0" },
  { args: ["--speed", "-1"], says: "Expected a number above 0" },
  { args: ["--start", "yesterday"], says: "with its zone" },
  { args: ["--start", "2020-03-12T09:00"], says: "with its zone" },
  { args: ["--seed", "1.5"], says: "Expected a whole number" },
  { args: ["--key", "only-a-key"], says: "--key and --secret belong together." },
  { args: ["--key", "two words", "--secret", "s"], says: "only letters, digits" },
  { args: ["--book", "/no/such/book.json"], says: "/no/such/book.json: there is no such file" },
])("$args is refused in words", async ({ args, says }) => {
  expect(await parse(...args)).toContain(says);
});
