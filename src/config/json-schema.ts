// The JSON Schema of margind.yaml for editors, made from the same schema that reads the file.
import { z } from "zod";
import { fileSchema, type NotifierSchemas } from "./schema.ts";

/** A value that is yet to come from the environment or a file. */
const REFERENCE = "\\$\\{";

/** Draft 2020-12. Checks less than loading does: what values must be to each other is beyond it. */
export function jsonSchema(notifierSchemas: NotifierSchemas): object {
  const { notifiers } = fileSchema.shape;
  const anyNotifier = z.union(Object.values(notifierSchemas));
  const whole = fileSchema.extend({
    notifiers: z.record(notifiers.keyType, anyNotifier).describe(notifiers.description ?? ""),
  });
  const schema = z.toJSONSchema(whole, { target: "draft-2020-12", io: "input", unrepresentable: "any" });
  return { ...schema, title: "margind.yaml", properties: relax(schema.properties) };
}

/** Lets ${…} stand wherever a number, a flag, a word of a list or a text of a certain form is expected. */
function relax(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(relax);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(
    ([key, value]) => [key, key === "propertyNames" ? value : relax(value)] as const,
  );
  return isRestrictedScalar(node) ? orReference(entries) : Object.fromEntries(entries);
}

const CONSTRAINTS = [
  "type",
  "enum",
  "pattern",
  "patternErrorMessage",
  "format",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
];

function isRestrictedScalar(node: object): boolean {
  if (!("type" in node)) return false;
  if (node.type === "string") return "enum" in node || "pattern" in node || "format" in node;
  return node.type === "number" || node.type === "integer" || node.type === "boolean";
}

function orReference(entries: readonly (readonly [string, unknown])[]): object {
  const isConstraint = ([key]: readonly [string, unknown]) => CONSTRAINTS.includes(key);
  const constraints = Object.fromEntries(entries.filter(isConstraint));
  const rest = Object.fromEntries(entries.filter((entry) => !isConstraint(entry)));
  return { ...rest, anyOf: [constraints, { type: "string", pattern: REFERENCE }] };
}
