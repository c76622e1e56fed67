import { expect, test } from "vitest";
import { z } from "zod";
import { duration, flag, number, secretText } from "../lib/zod.ts";
import { jsonSchema } from "./json-schema.ts";

const schema = jsonSchema({
  slack: z.strictObject({
    type: z.literal("slack").describe("Slack."),
    token: secretText().describe("Bot token."),
    timeout: duration().describe("Limit.").prefault("10s"),
    burst: number({ min: 1 }).describe("At once.").prefault(3),
    quiet: flag().describe("No sound.").prefault(false),
  }),
  console: z.strictObject({ type: z.literal("console").describe("The terminal.") }),
});

const anyBlock = z.looseObject({ properties: z.record(z.string(), z.unknown()) });
const isObject = (node: unknown): node is object => typeof node === "object" && node !== null;

/** Every property of every block in the schema: its path and itself. */
function properties(node: unknown, path = ""): readonly (readonly [string, unknown])[] {
  if (!isObject(node)) return [];
  const block = anyBlock.safeParse(node);
  const own = Object.entries(block.success ? block.data.properties : {});
  return [
    ...own.map(([key, value]) => [`${path}.${key}`, value] as const),
    ...Object.entries(node).flatMap(([key, value]) =>
      properties(value, key === "properties" ? path : `${path}/${key}`),
    ),
  ];
}

test("is a strict schema of draft 2020-12 that asks for accounts and notifiers only", () => {
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    required: ["accounts", "notifiers"],
    additionalProperties: false,
  });
});

test("describes every key", () => {
  const all = properties(schema);
  expect(all.length).toBeGreaterThan(45);
  const bare = all.filter(([, value]) => !z.looseObject({ description: z.string().min(5) }).safeParse(value).success);
  expect(bare.map(([path]) => path)).toEqual([]);
});

test("lets a reference stand for durations, numbers, flags, words and lists, and shows defaults as a user writes them", () => {
  const reference = { type: "string", pattern: "\\$\\{" };
  const found = new Map(properties(schema).map(([path, value]) => [path.replace(/^.*\./, ""), value]));
  expect(found.get("minSpacing")).toMatchObject({ default: "500ms", anyOf: [{ type: "string" }, reference] });
  expect(found.get("weightBudgetPct")).toMatchObject({
    default: 50,
    anyOf: [{ type: "number", minimum: 1, maximum: 100 }, reference],
  });
  expect(found.get("cross")).toMatchObject({ default: true, anyOf: [{ type: "boolean" }, reference] });
  expect(found.get("language")).toMatchObject({ anyOf: [{ enum: ["en", "zh-CN"] }, reference] });
  expect(found.get("on")).toMatchObject({ anyOf: [{ enum: ["cross", "isolated", "flow", "transfer"] }, reference] });
  expect(found.get("burst")).toMatchObject({ default: 3, anyOf: [{ type: "number", minimum: 1 }, reference] });
  expect(found.get("token")).toMatchObject({ type: "string", secret: true });
});

test("knows a notifier by its type", () => {
  const notifiers = z.looseObject({ properties: z.looseObject({ notifiers: z.unknown() }) }).parse(schema);
  expect(notifiers.properties.notifiers).toMatchObject({
    additionalProperties: {
      anyOf: [
        { properties: { type: { const: "slack" } }, required: ["type", "token"], additionalProperties: false },
        { properties: { type: { const: "console" } }, required: ["type"], additionalProperties: false },
      ],
    },
  });
});

test("a rule has a field, or it is one on rows of the history and has a severity", () => {
  const rules = new Map(properties(schema)).get(".rules");
  expect(JSON.stringify(rules)).toContain('"oneOf":[{"required":["field"]},{"required":["severity"]}]');
});

test.each([
  { key: "flows", inside: ["poll", "isolated"] },
  { key: "transfers", inside: ["poll", "isolated", "allow"] },
  { key: "delistings", inside: ["poll"] },
  { key: "interest", inside: ["poll", "times"] },
])("$key may be a block or a flag, under an account and at the top", ({ key, inside }) => {
  const found = properties(schema).filter(([path]) => path.endsWith(`.${key}`));
  expect(found.map(([path]) => path)).toEqual([`.${key}`, `/accounts/additionalProperties.${key}`]);
  for (const [path, value] of found) {
    expect(JSON.stringify(value)).toContain('{"type":"boolean"}');
    expect(properties(value, path).map(([each]) => each.replace(/^.*\./, ""))).toEqual(inside);
  }
});

test("prices may be a block or a flag, and a share a number or text", () => {
  const found = new Map(properties(schema).map(([path, value]) => [path.replace(/^.*[./]/, ""), value]));
  expect(JSON.stringify(found.get("prices"))).toContain('{"type":"boolean"}');
  expect(properties(found.get("prices"))).toEqual([
    [expect.stringMatching(/\.every$/), expect.objectContaining({ default: "5s" })],
  ]);
  const shares = z.looseObject({ properties: z.looseObject({ info: z.unknown() }) }).parse(found.get("dropsBy"));
  expect(JSON.stringify(shares.properties.info)).toContain('"type":["number","string"]');
  for (const key of ["within", "onlyBelow", "target", "pollWhenFiring"]) expect(found.has(key)).toBe(true);
});
