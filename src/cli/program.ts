// The process's edge: arguments, exit codes, and no stack trace for mistakes that a user can mend. Commands are loaded when they
// are called, so that none pays for another; only the options of simulate, which come with their checks, are read at every start.
import { Command, CommanderError } from "commander";
import { redact } from "../lib/secret.ts";
import { version } from "../lib/version.ts";
import { CommandError, type ConfigOption, EXIT, withConfigOption } from "./context.ts";
import { addSimulate } from "./simulate.ts";

interface JsonOption extends ConfigOption {
  readonly json?: boolean;
}

function program(): Command {
  const margind = new Command("margind")
    .description("Watches Binance margin accounts and alerts on Slack and by e-mail before they are liquidated.")
    .version(version, "-V, --version")
    .showHelpAfterError("(margind --help shows what there is)")
    .exitOverride();

  withConfigOption(margind.command("run"))
    .description("watch and alert until stopped")
    .action(async (options: ConfigOption) => (await import("./run.ts")).run(options));

  withConfigOption(margind.command("check"))
    .description("check the configuration; print the next polls and the rules as understood")
    .action(async (options: ConfigOption) => (await import("./check.ts")).check(options));

  withConfigOption(margind.command("doctor"))
    .description("contact everything, and say what works, what does not and what to do")
    .option("--json", "as JSON")
    .action(async (options: JsonOption) => (await import("./doctor.ts")).doctor(options));

  withConfigOption(margind.command("test-notify"))
    .description("send a test message to every notifier through the outbox and wait for the receipts")
    .option("--to <notifier>", "only this notifier")
    .option("--timeout <duration>", "how long to wait", "60s")
    .action(async (options: ConfigOption & { to?: string; timeout: string }) =>
      (await import("./test-notify.ts")).testNotify(options),
    );

  withConfigOption(margind.command("status"))
    .description("show accounts, levels, age of the data, firing alerts and undelivered messages")
    .option("--json", "as JSON")
    .action(async (options: JsonOption) => (await import("./status.ts")).status(options));

  margind
    .command("schema")
    .description("print the JSON Schema of the configuration, for editors")
    .action(async () => (await import("./schema.ts")).schema());

  margind
    .command("demo")
    .description("replay the crash of March 2020 through the whole program, in about 45 seconds")
    .action(async () => (await import("./demo.ts")).demo());

  addSimulate(margind);
  return margind;
}

process.title = "margind"; // what ps and top show

// A reader that goes away (a closed pipe, a log collector that died) must not end the watch.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode; // commander has printed it
  if (error instanceof CommandError) return failed(error.message, error.exitCode);
  if (error instanceof Error && (error.name === "StoreError" || error.name === "LockedError")) {
    return failed(error.message, EXIT.failed);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return failed(`margind failed in an unforeseen way: ${text}`, EXIT.failed);
}

/** Last words. They may quote what somebody put in the wrong place of the configuration, or what a library threw. */
function failed(text: string, exitCode: number): number {
  process.stderr.write(`${redact(text)}\n`);
  return exitCode;
}
