// `margind schema`: the JSON Schema of the configuration, for editors that complete and check while one types.
import { jsonSchema } from "../config/json-schema.ts";
import { notifierSchemas } from "../notify/index.ts";

export function schema(): void {
  process.stdout.write(`${JSON.stringify(jsonSchema(notifierSchemas), null, 2)}\n`);
}
