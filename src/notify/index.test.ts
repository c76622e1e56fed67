import { expect, test } from "vitest";
import { z } from "zod";
import { testDeps } from "../../test/support/notifier-contract.ts";
import { createNotifier, notifierSchemas, notifierTypes } from "./index.ts";

const BLOCKS: Readonly<Record<keyof typeof notifierTypes, object>> = {
  slack: { token: "xoxb-canary", channel: "C0123456789" },
  email: {
    url: "smtps://user:canary@mail.example.com",
    from: "margind <alerts@example.com>",
    to: ["ops@example.com", "desk@example.com"],
  },
  webhook: { url: "https://pager.example.com/hook/canary" },
  console: {},
};

test.each([
  ["slack", ["C0123456789"]],
  ["email", ["ops@example.com", "desk@example.com"]],
  ["webhook", ["pager.example.com"]],
  ["console", ["terminal"]],
] as const)("%s is made from what its schema makes of a block", async (type, recipients) => {
  const settings = notifierSchemas[type].parse({ type, ...BLOCKS[type] });
  expect(JSON.stringify(settings)).not.toContain("canary");
  const notifier = createNotifier({ name: "mine", type, settings }, testDeps());
  expect(notifier).toMatchObject({ name: "mine", recipients });
  await notifier.close();
});

test("every type has a schema that the config can offer to editors", () => {
  expect(Object.keys(notifierSchemas)).toEqual(Object.keys(notifierTypes));
  const union = z.discriminatedUnion("type", [
    notifierSchemas.slack,
    notifierSchemas.email,
    notifierSchemas.webhook,
    notifierSchemas.console,
  ]);
  expect(z.toJSONSchema(union, { io: "input" }).oneOf).toHaveLength(4);
});

test.each(Object.keys(BLOCKS))("%s does not take unknown keys", (type) => {
  const schema = Object.entries(notifierSchemas).find(([name]) => name === type)?.[1];
  const block = Object.entries(BLOCKS).find(([name]) => name === type)?.[1];
  expect(schema?.safeParse({ type, ...block }).success).toBe(true);
  expect(schema?.safeParse({ type, ...block, chanel: "x" }).success).toBe(false);
});

test("settings of another type are a mistake of the program, and said as one", () => {
  const make = (type: string, settings: unknown) => () => createNotifier({ name: "mine", type, settings }, testDeps());
  expect(make("slack", { type: "console" })).toThrow(TypeError);
  expect(make("slack", undefined)).toThrow(TypeError);
  expect(make("pigeon", { type: "pigeon" })).toThrow(/unknown type pigeon/);
});
