// zod's issues in words that a person can act on. zod decides what is wrong; the words, the place and "did you mean" are ours,
// and none of them repeats a value.
import { z } from "zod";
import { didYouMean } from "./nearest.ts";
import type { Path } from "./source.ts";

/** Hand it to every safeParse as `error`. A text that the schema gives itself is used before this one. */
export function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, issue.input);
    case "invalid_value":
      return oneOf(issue.values.map(String), issue.input);
    case "too_small":
      return limit("at least", issue.origin, issue.minimum);
    case "too_big":
      return limit("at most", issue.origin, issue.maximum);
    case "invalid_format":
      return `expected ${FORMATS.get(issue.format) ?? "another form"}`;
    case "invalid_key":
      return issue.issues[0]?.message;
    case "invalid_union":
      return "none of the forms that are possible here";
    default:
      return undefined;
  }
}

const TYPES = new Map([
  ["string", "text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "a block of keys"],
  ["record", "a block of keys"],
]);

const FORMATS = new Map([
  ["email", "an e-mail address"],
  ["url", "an address such as https://example.com"],
]);

function wrongType(expected: string, input: unknown): string {
  const wanted = `expected ${TYPES.get(expected) ?? expected}`;
  if (input === undefined) return wanted;
  return `${wanted}, not ${kindOf(input)}${expected === "string" && isScalar(input) ? ": put it in quotes" : ""}`;
}

const isScalar = (input: unknown): boolean => typeof input === "number" || typeof input === "boolean";

function kindOf(input: unknown): string {
  if (input === null) return "nothing";
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object") return "a block of keys";
  if (typeof input === "boolean") return "true or false";
  return typeof input === "number" ? "a number" : "text";
}

/** A longer list is left out where the right word can be guessed. */
const LISTED_MAX = 6;

function oneOf(values: readonly string[], input: unknown): string {
  if (values.length === 1) return `expected ${values[0]}`;
  const suggestion = typeof input === "string" ? didYouMean(input, values) : "";
  const isLong = values.length > LISTED_MAX && suggestion !== "";
  return isLong ? `unknown word${suggestion}` : `expected one of ${values.join(", ")}${suggestion}`;
}

function limit(word: "at least" | "at most", origin: string, bound: number | bigint): string {
  if (origin === "string") return bound === 1 ? "must not be empty" : `must have ${word} ${bound} characters`;
  if (origin === "array") return bound === 1 ? `must have ${word} one entry` : `must have ${word} ${bound} entries`;
  return `must be ${word} ${bound}`;
}

/** One mistake: where, and in which words. `key` when the key itself is wrong and not its value. */
export interface Told {
  readonly path: Path;
  readonly text: string;
  readonly part: "key" | "value";
}

/** `root` is the schema that was asked, to say which keys it has. */
export function tell(issue: z.core.$ZodIssue, root: z.core.$ZodType): readonly Told[] {
  const path = issue.path.filter((key) => typeof key !== "symbol");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => unknownKey([...path, key], keysAt(root, path)));
  const inner = insideUnion(issue);
  if (inner.length > 0) return inner.flatMap((error) => tell({ ...error, path: [...path, ...error.path] }, root));
  return [{ path, text: issue.message, part: issue.code === "invalid_key" ? "key" : "value" }];
}

/** What is wrong with the form that was meant, where one of a union has the right type; paths begin at the union. */
export function insideUnion(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [];
  const isInside = ({ code, path }: z.core.$ZodIssue) => path.length > 0 || code === "unrecognized_keys";
  return issue.errors.find((errors) => errors.every(isInside)) ?? [];
}

function unknownKey(path: Path, known: readonly string[]): Told {
  const suggestion =
    didYouMean(String(path.at(-1)), known) || (known.length > 0 ? `, expected one of ${known.join(", ")}` : "");
  return { path, text: `unknown key${suggestion}`, part: "key" };
}

// ---------------------------------------------------------------- looking into schemas

const keysAt = (root: z.core.$ZodType, path: Path): readonly string[] => {
  const found = schemasAt(root, path).find((schema) => schema instanceof z.ZodObject);
  return found === undefined ? [] : Object.keys(found.shape);
};

/** Does the schema call what stands at the path a secret? */
export const isSecretAt = (root: z.core.$ZodType, path: Path): boolean =>
  schemasAt(root, path).some((schema) => z.globalRegistry.get(schema)?.["secret"] === true);

/** Every schema that has a say about the path: the members of unions, and what optional, defaults and pipes are wrapped around. */
function schemasAt(root: z.core.$ZodType, path: Path): readonly z.core.$ZodType[] {
  return path.reduce<readonly z.core.$ZodType[]>(
    (schemas, key) => schemas.flatMap((schema) => child(schema, key)).flatMap(unwrap),
    unwrap(root),
  );
}

function child(schema: z.core.$ZodType, key: string | number): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodObject) {
    const field = Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined; // `constructor` is no key of ours
    return field === undefined ? [] : [field];
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  return schema instanceof z.ZodArray ? [schema.element] : [];
}

function unwrap(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  return [schema, ...inside(schema).flatMap(unwrap)];
}

function inside(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return [schema.unwrap()];
  if (schema instanceof z.ZodExactOptional) return [schema.unwrap()];
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) return [schema.unwrap()];
  if (schema instanceof z.ZodUnion) return schema.options;
  return schema instanceof z.ZodPipe ? [schema.in, schema.out] : [];
}
