import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { tempFolder } from "../../../test/support/folder.ts";
import { loadConfig } from "../../config/load.ts";
import { notifierSchemas } from "../../notify/index.ts";
import { startChecks } from "./start.ts";

test.each([
  ["without a heartbeat", "", ["state folder", "disk"]],
  [
    "with a heartbeat",
    "watchdog: { heartbeat: { url: 'http://127.0.0.1:9/x' } }\n",
    ["state folder", "disk", "heartbeat"],
  ],
])("a start looks at what no other part of it looks at, %s", async (_, watchdog, names) => {
  using folder = tempFolder();
  const file = `${folder.path}/margind.yaml`;
  writeFileSync(
    file,
    `accounts: { main: { apiKey: k, apiSecret: s } }\nnotifiers: { t: { type: console } }\n${watchdog}`,
  );
  const checks = startChecks(loadConfig(file, { env: {}, notifierSchemas, nowMs: 0 }));
  expect(checks.map(({ name }) => name)).toEqual(names);
  const [state] = checks;
  expect(await state?.run(new AbortController().signal)).toMatchObject({ status: "good" });
});
