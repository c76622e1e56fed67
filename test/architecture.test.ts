// The directions of the house, kept by a test: who may import whom, who may touch the process and the clock, and the habits that
// no compiler option forbids. Source files are read as syntax trees, so words in comments and texts do not count.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseAst } from "vitest/node";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Lines of a file in src/. What grows beyond has begun to collect things. */
const LINES_MAX = 300;

/** Folders of src/ that a folder may import, besides itself. The drivers are the files directly in src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  lib: ["core"],
  binance: ["core", "lib"],
  notify: ["core", "lib"],
  store: ["core", "lib"],
  config: ["core", "lib"],
  http: ["core", "lib"],
  sim: ["core", "lib"],
  drivers: ["core", "lib"],
};
/** The composition root and the command line: they know every part. */
const KNOW_ALL = /^src\/(app|main|cli\/.*)\.ts$/;
const MAY_TOUCH_PROCESS = /^src\/(main|cli\/.*)\.ts$/;

/** Real time outside lib/clock.ts. Each with its reason, or it is a mistake. */
const REAL_TIME: Readonly<Record<string, readonly string[]>> = {
  "src/lib/clock.ts": ["Date.now", "performance.now", "setTimeout", "setImmediate"], // its home
  "src/lib/log.ts": ["new Date()"], // a log line says when it was really written, whatever clock the daemon was given
};

// ---------------------------------------------------------------- reading the sources

/** A node of the syntax tree (ESTree), as far as this test looks at it. */
interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly Node[];
  /** What it imports: a path from the root for its own files, else the name of the module. */
  readonly imports: readonly string[];
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

function nodesIn(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  if (!isNode(value)) return [];
  return [value, ...Object.values(value).flatMap(nodesIn)];
}

const IMPORTING = [
  "ImportDeclaration",
  "ImportExpression",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "TSImportType",
];

function importOf({ type, source }: Node, path: string): string[] {
  if (!IMPORTING.includes(type) || !isNode(source) || typeof source["value"] !== "string") return [];
  const name = source["value"];
  return [name.startsWith(".") ? posix.join(posix.dirname(path), name) : name];
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  const nodes = nodesIn(parseAst(text, { lang: "ts" }));
  return { path, text, nodes, imports: nodes.flatMap((node) => importOf(node, path)) };
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .sort()
    .map(read);
}

const product = sourcesIn("src");
const everything = [
  ...product,
  ...sourcesIn("test"),
  ...["bench"].filter(exists).flatMap(sourcesIn),
  read("vitest.config.ts"),
];
const isTest = (path: string): boolean => path.endsWith(".test.ts");
const shipped = product.filter(({ path }) => !isTest(path));

function exists(folder: string): boolean {
  return readdirSync(ROOT).includes(folder);
}

/** Every finding as "path: what". The tests expect none. */
const findings = (sources: readonly Source[], find: (source: Source) => readonly string[]): string[] =>
  sources.flatMap((source) => find(source).map((what) => `${source.path}: ${what}`));

// ---------------------------------------------------------------- directions

const folderOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? "drivers";
const isOwn = (name: string): boolean => name.startsWith("src/");

function wrongImports({ path, imports }: Source): readonly string[] {
  if (KNOW_ALL.test(path)) return [];
  const folder = folderOf(path);
  const allowed = [folder, ...(MAY_IMPORT[folder] ?? [])];
  return imports.filter((name) => isOwn(name) && (!allowed.includes(folderOf(name)) || KNOW_ALL.test(name)));
}

describe("directions", () => {
  test("every folder of src has its place here", () => {
    const folders = new Set(product.map(({ path }) => folderOf(path)));
    expect([...folders].filter((folder) => folder !== "cli" && MAY_IMPORT[folder] === undefined)).toEqual([]);
  });

  test("a folder imports only what it may know; adapters do not know each other", () => {
    expect(findings(shipped, wrongImports)).toEqual([]);
  });

  test("core imports nothing from outside core: no package, no node module", () => {
    const core = shipped.filter(({ path }) => folderOf(path) === "core");
    expect(core.length).toBeGreaterThan(10);
    expect(findings(core, ({ imports }) => imports.filter((name) => !name.startsWith("src/core/")))).toEqual([]);
  });

  test("what is shipped imports no test, no bench and no development package", () => {
    const { dependencies } = packageJson();
    const isShipped = (name: string) =>
      isOwn(name) ? !isTest(name) : name.startsWith("node:") || dependencies.includes(packageOf(name));
    expect(findings(shipped, ({ imports }) => imports.filter((name) => !isShipped(name)))).toEqual([]);
  });

  test("imports of own files name the file with its ending", () => {
    const isComplete = (name: string) => !/^(src|test|bench)\//.test(name) || /\.(ts|json)$/.test(name);
    expect(findings(everything, ({ imports }) => imports.filter((name) => !isComplete(name)))).toEqual([]);
  });
});

function packageOf(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}

// ---------------------------------------------------------------- the world outside

/** Names of values that a file uses; names of properties do not count. */
function usesOf({ nodes }: Source, name: string): readonly Node[] {
  const properties = new Set<unknown>();
  for (const node of nodes) {
    if (node.type === "MemberExpression" && node["computed"] === false) properties.add(node["property"]);
    if (node.type === "Property" && node["computed"] === false && node["shorthand"] === false)
      properties.add(node["key"]);
    if (node.type === "TSPropertySignature" || node.type === "PropertyDefinition") properties.add(node["key"]);
  }
  return nodes.filter((node) => node.type === "Identifier" && node["name"] === name && !properties.has(node));
}

const isNamed = (node: unknown, name: string): boolean =>
  isNode(node) && node.type === "Identifier" && node["name"] === name;

function realTimeIn(source: Source): string[] {
  const calls = source.nodes.flatMap((node) => {
    if (node.type === "NewExpression" && isNamed(node["callee"], "Date")) {
      const given = node["arguments"];
      return Array.isArray(given) && given.length === 0 ? ["new Date()"] : [];
    }
    if (node.type !== "MemberExpression" || !isNamed(node["property"], "now")) return [];
    return ["Date", "performance"].filter((name) => isNamed(node["object"], name)).map((name) => `${name}.now`);
  });
  const timers = ["setTimeout", "setInterval", "setImmediate"].filter((name) => usesOf(source, name).length > 0);
  const modules = source.imports.filter((name) => /^(node:)?(timers|perf_hooks)/.test(name));
  return [...new Set([...calls, ...timers, ...modules])];
}

describe("the world outside", () => {
  test("only main.ts and cli/ touch the process", () => {
    const others = shipped.filter(({ path }) => !MAY_TOUCH_PROCESS.test(path));
    const touches = (source: Source) =>
      usesOf(source, "process").length > 0 || source.imports.includes("node:process") ? ["process"] : [];
    expect(findings(others, touches)).toEqual([]);
  });

  test("real time is read in lib/clock.ts only, but for the reasons listed", () => {
    const unlisted = (source: Source) => realTimeIn(source).filter((use) => !REAL_TIME[source.path]?.includes(use));
    expect(findings(shipped, unlisted)).toEqual([]);
  });

  test("every exception for real time is still needed", () => {
    const used = new Map(shipped.map((source) => [source.path, realTimeIn(source)]));
    const idle = Object.entries(REAL_TIME).flatMap(([path, uses]) =>
      uses.filter((use) => !used.get(path)?.includes(use)).map((use) => `${path}: ${use}`),
    );
    expect(idle).toEqual([]);
  });
});

// ---------------------------------------------------------------- habits

const isConstAssertion = ({ typeAnnotation }: Node): boolean =>
  isNode(typeAnnotation) && isNamed(typeAnnotation["typeName"], "const");

/** test.only, describe.skip, test.each.todo …, and whatever hides behind them. */
function isSwitchedOff(node: Node): boolean {
  if (node.type !== "MemberExpression" || !isNode(node["property"])) return false;
  if (!["only", "skip", "todo", "skipIf", "runIf", "fails"].includes(String(node["property"]["name"]))) return false;
  return ["test", "it", "describe", "suite"].some((name) => isRootedIn(node["object"], name));
}

function isRootedIn(node: unknown, name: string): boolean {
  return isNode(node) && (isNamed(node, name) || isRootedIn(node["object"], name));
}

describe("habits", () => {
  test.each([
    ["any", (node: Node) => node.type === "TSAnyKeyword"],
    ["!", (node: Node) => node.type === "TSNonNullExpression" || node["definite"] === true],
    ["as", (node: Node) => node.type === "TSAsExpression" && !isConstAssertion(node)],
    ["<type>value", (node: Node) => node.type === "TSTypeAssertion"],
    ["a test that is switched off", isSwitchedOff],
    ["export default", (node: Node) => node.type === "ExportDefaultDeclaration"],
  ])("nobody writes %s", (what, matches) => {
    const sources = what === "export default" ? product : everything;
    expect(findings(sources, ({ nodes }) => (nodes.some(matches) ? [what] : []))).toEqual([]);
  });

  test("nobody silences the compiler or the linter", () => {
    const silencer = new RegExp(["@ts-", "(?:ignore|expect-error|nocheck)|", "biome-", "ignore"].join(""));
    expect(findings(everything, ({ text }) => silencer.exec(text) ?? [])).toEqual([]);
  });

  // A test beside the code needs none: the file that it tests has it.
  test("every file opens with a comment that says what it is for", () => {
    const opens = /^(#![^\n]*\n)?\/\/ \S.{15,}/;
    const alone = everything.filter(({ path }) => !(isOwn(path) && isTest(path)));
    expect(findings(alone, ({ text }) => (opens.test(text) ? [] : [text.split("\n", 1)[0] ?? ""]))).toEqual([]);
  });

  test(`no file of src is longer than ${LINES_MAX} lines`, () => {
    const lines = ({ text }: Source) => text.split("\n").length - 1;
    expect(findings(shipped, (source) => (lines(source) > LINES_MAX ? [`${lines(source)} lines`] : []))).toEqual([]);
  });
});

// ---------------------------------------------------------------- packages

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const table = (value: unknown): Table => (isTable(value) ? value : {});
const json = (name: string): Table => table(JSON.parse(readFileSync(join(ROOT, name), "utf8")));

function packageJson() {
  const { dependencies, devDependencies } = json("package.json");
  const versions = { ...table(dependencies), ...table(devDependencies) };
  return { dependencies: Object.keys(table(dependencies)), versions };
}

/** Every package of the lock by its place: "node_modules/a/node_modules/b". */
const locked = (): readonly (readonly [string, Table])[] =>
  Object.entries(table(json("package-lock.json")["packages"])).map(([place, entry]) => [place, table(entry)]);

/** Where Node would find `name` from `place`, the nearest folder first. */
function places(place: string, name: string): string[] {
  const here = place === "" ? `node_modules/${name}` : `${place}/node_modules/${name}`;
  if (place === "") return [here];
  const cut = place.lastIndexOf("/node_modules/");
  return [here, ...places(cut === -1 ? "" : place.slice(0, cut), name)];
}

describe("packages", () => {
  test("every dependency is pinned to one exact version", () => {
    const loose = Object.entries(packageJson().versions).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)),
    );
    expect(loose).toEqual([]);
  });

  test("the lock holds no download addresses, so that every registry and mirror can serve it", () => {
    expect(locked().filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(readFileSync(join(ROOT, "package-lock.json"), "utf8")).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  });

  test("every package of the lock but our own has its checksum", () => {
    expect(locked().filter(([place, { integrity }]) => place !== "" && typeof integrity !== "string")).toEqual([]);
  });

  // A package for another platform that the registry lacks makes npm write a lock that `npm ci` then refuses.
  test("every optional dependency that the lock names is in it", () => {
    const known = new Map(locked());
    const missing = locked().flatMap(([place, { optionalDependencies }]) =>
      Object.keys(table(optionalDependencies))
        .filter((name) => !places(place, name).some((candidate) => known.has(candidate)))
        .map((name) => `${place} → ${name}`),
    );
    expect(known.size).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });
});
