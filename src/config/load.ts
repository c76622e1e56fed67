// margind.yaml + environment → Config, or one ConfigError with every mistake in the file. Three passes: the YAML with its places
// (source.ts), the shape of each value (schema.ts, the notifiers' own schemas), the values among each other (check.ts).
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { configOf, deepFreeze } from "./assemble.ts";
import { checkTogether } from "./check.ts";
import type { Config, NotifierConfig } from "./config.ts";
import { ConfigError } from "./error.ts";
import { readTextFile } from "./files.ts";
import { isSecretAt, plainWords, tell } from "./issues.ts";
import { didYouMean } from "./nearest.ts";
import { createReport, type Report } from "./report.ts";
import { salvage } from "./salvage.ts";
import { fileSchema, type NotifierSchemas, watchdogDefaults } from "./schema.ts";
import { isBlock, type Path, readSource, type Source, type Tree } from "./source.ts";

export { ConfigError } from "./error.ts";

export interface LoadDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By the `type` of the block: slack, email, … */
  readonly notifierSchemas: NotifierSchemas;
  /** Where looking ahead in the poll schedules begins. */
  readonly nowMs: number;
}

const FILE_MAX_BYTES = 1024 * 1024;

/** Throws ConfigError. The result is frozen in depth. */
export function loadConfig(file: string, { env, notifierSchemas, nowMs }: LoadDeps): Config {
  const folder = dirname(resolve(file));
  const source = readSource(readWhole(file), { env, folder });
  const report = createReport(file, source);
  if (source.isBroken) throw report.error();
  const parsed = fileSchema.safeParse(source.tree ?? {}, { error: plainWords });
  if (!parsed.success) tellAll(source, parsed.error, fileSchema, [], report);
  const notifiers = readNotifiers(source, notifierSchemas, report);
  checkTogether({ draft: parsed.success ? parsed.data : salvage(source.tree ?? {}), source, report, nowMs });
  if (!parsed.success || report.hasProblems) throw report.error();
  warnOfOpenSecrets(file, source, notifierSchemas, report);
  return deepFreeze({ ...configOf(parsed.data, file, folder), notifiers, warnings: report.warnings });
}

/**
 * Only where the state is, for commands that look at it from a shell which holds none of the secrets: nothing else in the file
 * is asked about. Throws ConfigError.
 */
export function stateDirOf(file: string, env: LoadDeps["env"]): string {
  const folder = dirname(resolve(file));
  const path = ["stateDir"];
  const source = readSource(readWhole(file), { env, folder });
  const report = createReport(file, source, (finding) => source.isBroken || finding.path[0] === "stateDir");
  const parsed = fileSchema.shape.stateDir.safeParse(source.valueAt(path), { error: plainWords });
  if (!parsed.success) report.add(path, parsed.error.issues[0]?.message ?? "");
  if (!parsed.success || report.hasProblems) throw report.error();
  return resolve(folder, parsed.data);
}

/** How old data may be, for the same commands: the default where the file says nothing that can be used. */
export function staleAfterOf(file: string, env: LoadDeps["env"]): number {
  const source = readSource(readWhole(file), { env, folder: dirname(resolve(file)) });
  return salvage(source.tree ?? {}).watchdog?.staleAfter ?? watchdogDefaults().staleAfter;
}

function readWhole(file: string): string {
  const read = readTextFile(file, FILE_MAX_BYTES);
  if (read.ok) return read.text;
  const text =
    `cannot be read: ${read.reason}. Name the configuration with --config FILE or in MARGIND_CONFIG, ` +
    "or put it at ./margind.yaml; config.example.yaml is a good start";
  throw new ConfigError(file, [{ line: 0, column: 0, path: "", text }]);
}

// ---------------------------------------------------------------- the shape

/** `base` is the path of the block that the schema was asked about. */
function tellAll(source: Source, error: z.ZodError, schema: z.ZodObject, base: Path, report: Report): void {
  for (const { path, text, part } of error.issues.flatMap((issue) => tell(issue, schema))) {
    const whole = [...base, ...path];
    const isHidden = source.isInterpolated(whole) || isSecretAt(schema, path);
    const words = isHidden ? withoutValue(text, source.valueAt(whole)) : text;
    report.add(whole, source.has(whole) ? words : `missing, ${words}`, { part });
  }
}

/** Shorter values are part of plain words by chance: to cut them out would give them away. */
const TELLING_LENGTH = 6;

/** The words of a schema should not repeat a secret or what came from the environment; should one do so, it stops here. */
function withoutValue(text: string, value: Tree): string {
  return typeof value === "string" && value.length >= TELLING_LENGTH ? text.replaceAll(value, "…") : text;
}

function readNotifiers(source: Source, schemas: NotifierSchemas, report: Report): readonly NotifierConfig[] {
  const blocks = source.valueAt(["notifiers"]);
  if (!isBlock(blocks)) return [];
  return Object.keys(blocks).flatMap((name) => {
    const path = ["notifiers", name];
    const schema = notifierSchema(source, schemas, path);
    if (schema === undefined) {
      tellUnknownType(source, schemas, path, report);
      return [];
    }
    const parsed = schema.safeParse(source.valueAt(path), { error: plainWords });
    if (!parsed.success) tellAll(source, parsed.error, schema, path, report);
    return [{ name, type: String(source.valueAt([...path, "type"])), settings: parsed.data }];
  });
}

function notifierSchema(source: Source, schemas: NotifierSchemas, path: Path): z.ZodObject | undefined {
  const type = source.valueAt([...path, "type"]);
  return typeof type === "string" && Object.hasOwn(schemas, type) ? schemas[type] : undefined;
}

function tellUnknownType(source: Source, schemas: NotifierSchemas, path: Path, report: Report): void {
  if (!isBlock(source.valueAt(path))) return; // the file's schema has told it
  const typePath = [...path, "type"];
  const type = source.valueAt(typePath);
  const types = Object.keys(schemas);
  const suggestion = typeof type === "string" && !source.isInterpolated(typePath) ? didYouMean(type, types) : "";
  const missing = source.has(typePath) ? "" : "missing, ";
  report.add(typePath, `${missing}expected one of ${types.join(", ")}${suggestion}`);
}

// ---------------------------------------------------------------- warnings

const OTHERS_MAY_READ = 0o004;

/** A key written out in a file that everybody on the machine can read. */
function warnOfOpenSecrets(file: string, source: Source, schemas: NotifierSchemas, report: Report): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & OTHERS_MAY_READ) === 0) return;
  for (const path of source.literals().filter((each) => isSecret(source, schemas, each))) {
    report.warn(path, `a secret in a file that everyone on this machine can read: chmod 600 ${file}, or use \${…}`);
  }
}

function isSecret(source: Source, schemas: NotifierSchemas, path: Path): boolean {
  if (path[0] !== "notifiers") return isSecretAt(fileSchema, path);
  const schema = notifierSchema(source, schemas, path.slice(0, 2));
  return schema !== undefined && isSecretAt(schema, path.slice(2));
}
