// The configuration file as plain values, each of which knows its line and column and whether it came from the environment.
// Works on the YAML syntax tree and not on toJS(), because only the tree has places. YAML 1.2 core: `yes` is text, `<<` a key.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { interpolate, type World } from "./interpolate.ts";
import { syntaxProblems } from "./syntax.ts";

export type Path = readonly (string | number)[];
export type Tree = string | number | boolean | null | undefined | Tree[] | { [key: string]: Tree };

/** A mistake whose place is known by its path, or, with `offset`, by where it stands in the text. */
export interface Finding {
  readonly path: Path;
  readonly text: string;
  readonly offset?: number;
}

export interface Source {
  readonly tree: Tree;
  /** Not valid YAML, or without end: the findings say why, and the tree is not worth looking at. */
  readonly isBroken: boolean;
  readonly findings: readonly Finding[];
  /** Where the key or the value at the path stands; where nothing does, the key of the block that should have held it. */
  position(path: Path, part: "key" | "value"): { readonly line: number; readonly column: number };
  positionAt(offset: number): { readonly line: number; readonly column: number };
  has(path: Path): boolean;
  valueAt(path: Path): Tree;
  /** It came wholly or partly from ${…}: never show it. */
  isInterpolated(path: Path): boolean;
  /** Its ${…} failed, which has been told: nothing else about it is worth telling. */
  isUnresolved(path: Path): boolean;
  /** Text written out in the file itself. */
  literals(): readonly Path[];
}

/** A hundred times any sensible file, and soon reached by aliases that multiply each other. */
const VALUES_MAX = 20_000;
const DEPTH_MAX = 32;

export function readSource(text: string, world: World): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: "core",
    stringKeys: true,
    uniqueKeys: false,
  });
  const broken = syntaxProblems(text, document);
  const walk = broken.length === 0 ? readTree(document, lines, world) : NO_WALK;
  return describe(walk, lines, broken);
}

interface Place {
  readonly path: Path;
  readonly keyOffset: number;
  readonly valueOffset: number;
  readonly origin: "literal" | "interpolated" | "unresolved";
}

interface Walk {
  readonly tree: Tree;
  readonly isStopped: boolean;
  readonly places: ReadonlyMap<string, Place>;
  readonly findings: readonly Finding[];
}

const NO_WALK: Walk = { tree: undefined, isStopped: true, places: new Map(), findings: [] };

function describe({ tree, isStopped, places, findings }: Walk, lines: LineCounter, broken: readonly Finding[]): Source {
  const positionAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const placeOf = (path: Path) => places.get(idOf(path));
  const position: Source["position"] = (path, part) => {
    const place = placeOf(path);
    if (place !== undefined) return positionAt(part === "key" ? place.keyOffset : place.valueOffset);
    return path.length === 0 ? { line: 1, column: 1 } : position(path.slice(0, -1), "key");
  };
  return {
    tree,
    isBroken: isStopped,
    findings: [...broken, ...findings],
    position,
    positionAt,
    has: (path) => placeOf(path) !== undefined,
    valueAt: (path) => path.reduce(childOf, tree),
    isInterpolated: (path) => placeOf(path)?.origin === "interpolated",
    isUnresolved: (path) => placeOf(path)?.origin === "unresolved",
    literals: () => [...places.values()].filter(({ origin }) => origin === "literal").map(({ path }) => path),
  };
}

const idOf = (path: Path): string => JSON.stringify(path);

export function childOf(tree: Tree, key: string | number): Tree {
  if (Array.isArray(tree)) return typeof key === "number" ? tree[key] : undefined;
  return isBlock(tree) && Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** The path of one entry where a file may give a single value or a list of them. */
export function entryPath(source: Source, path: Path, index: number): Path {
  return Array.isArray(source.valueAt(path)) ? [...path, index] : path;
}

export function isBlock(tree: Tree): tree is { [key: string]: Tree } {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree);
}

/** Of the entries that were read at a top-level key, those that are blocks in the file; what salvage.ts made of a bare word is none. */
export function blocksAt<T>(
  source: Source,
  key: string,
  read: Readonly<Record<string, T>> | null | undefined,
): readonly [string, T][] {
  return Object.entries(read ?? {}).filter(([name]) => isBlock(source.valueAt([key, name])));
}

function readTree(document: Document.Parsed, lines: LineCounter, world: World): Walk {
  const places = new Map<string, Place>();
  const findings: Finding[] = [];
  let count = 0;
  let stopped = false;

  function value(node: unknown, path: Path, keyOffset?: number): Tree {
    const valueOffset = offsetOf(node) ?? keyOffset ?? 0;
    const place: Place = { path, keyOffset: keyOffset ?? valueOffset, valueOffset, origin: "literal" };
    // An alias comes by twice, first as itself: what it is wrong about is wrong where it is used.
    if (!places.has(idOf(path))) places.set(idOf(path), place);
    if (isTooMuch(path)) return undefined;
    if (isAlias(node)) return aliased(node.resolve(document), node.source, path);
    if (isMap(node)) return block(node, path);
    if (isSeq(node)) return node.items.map((item, index) => value(item, [...path, index]));
    return isScalar(node) ? scalar(node.value, path) : null;
  }

  /** Told once, and the end of the walk: a knot of aliases would break the limits thousands of times. */
  function isTooMuch(path: Path): boolean {
    count += 1;
    const text = stopped ? undefined : brokenLimit(count, path.length);
    if (text !== undefined) findings.push({ path: path.slice(0, 1), text });
    stopped ||= text !== undefined;
    return stopped;
  }

  function aliased(target: Node | undefined, name: string, path: Path): Tree {
    if (target !== undefined) return value(target, path);
    findings.push({ path, text: `nothing before this is marked &${name}` });
    return unresolved(path);
  }

  function block(map: YAMLMap, path: Path): Tree {
    const entries = new Map<string, Tree>();
    for (const { key, value: node } of map.items) {
      const name = isScalar(key) ? String(key.value) : "";
      const keyPath = [...path, name];
      if (isRefusedKey(name, keyPath, entries, offsetOf(key))) continue;
      entries.set(name, value(node, keyPath, offsetOf(key)));
    }
    return Object.fromEntries(entries);
  }

  function isRefusedKey(name: string, path: Path, entries: ReadonlyMap<string, Tree>, offset = 0): boolean {
    // Object.fromEntries keeps it as a key, but zod's records leave it out without a word.
    if (name === "__proto__") findings.push({ path, offset, text: "not allowed as a name" });
    else if (entries.has(name)) findings.push({ path, offset, text: `given twice, first in line ${lineOf(path)}` });
    else return false;
    return true;
  }

  const lineOf = (path: Path): number => lines.linePos(places.get(idOf(path))?.keyOffset ?? 0).line;

  function scalar(content: unknown, path: Path): Tree {
    if (typeof content === "number" || typeof content === "boolean") return content;
    if (typeof content !== "string") return null;
    const { text, used, problems } = interpolate(content, world);
    if (problems.length > 0) {
      findings.push(...problems.map((problem) => ({ path, text: problem })));
      return unresolved(path);
    }
    if (used) mark(path, "interpolated");
    return text;
  }

  function unresolved(path: Path): undefined {
    mark(path, "unresolved");
  }

  function mark(path: Path, origin: Place["origin"]): void {
    const place = places.get(idOf(path));
    if (place !== undefined) places.set(idOf(path), { ...place, origin });
  }

  const tree = value(document.contents, []);
  return { tree, isStopped: stopped, places, findings };
}

function brokenLimit(count: number, depth: number): string | undefined {
  if (count > VALUES_MAX) return `more than ${VALUES_MAX} values, aliases counted`;
  return depth > DEPTH_MAX ? `nested deeper than ${DEPTH_MAX} levels` : undefined;
}

function offsetOf(node: unknown): number | undefined {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range?.[0];
}
