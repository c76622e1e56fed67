// Takes out of a file everything that the schema refuses, so that the checks between values can run on the rest: otherwise one
// wrong unit would hide every other mistake until the next try.
import type { z } from "zod";
import { insideUnion } from "./issues.ts";
import { type Draft, draftSchema } from "./schema.ts";
import { childOf, isBlock, type Path, type Tree } from "./source.ts";

/** Each round takes out what the last one refused; what is under it may be refused in turn (an emptied list). */
const ROUNDS = 8;

export function salvage(tree: Tree): Draft {
  const schema = draftSchema();
  const rest = { file: structuredClone(tree) };
  for (let round = 0; round < ROUNDS; round++) {
    const { success, data, error } = schema.safeParse(rest.file);
    if (success) return data;
    for (const issue of error.issues) remove(rest, issue);
  }
  return {};
}

function remove(rest: { file: Tree }, issue: z.core.$ZodIssue): void {
  const inner = insideUnion(issue);
  for (const each of inner) remove(rest, { ...each, path: [...issue.path, ...each.path] });
  if (inner.length > 0) return;
  const path: Path = ["file", ...issue.path.filter((key) => typeof key !== "symbol")];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) drop(rest, [...path, key]);
  } else {
    drop(rest, path, issue.code === "invalid_type" && issue.expected === "object" ? {} : undefined);
  }
}

/** What should be a block becomes an empty one, so that its neighbours in a list keep their places; a bad word takes its list along. */
function drop(tree: Tree, path: Path, replacement?: Tree): void {
  const parent = path.slice(0, -1).reduce(childOf, tree);
  const key = path.at(-1) ?? "";
  if (isBlock(parent)) {
    if (replacement === undefined) delete parent[key];
    else parent[key] = replacement;
  } else if (Array.isArray(parent)) {
    if (replacement === undefined || typeof key === "string") drop(tree, path.slice(0, -1));
    else parent[key] = replacement;
  }
}
