import { expect, test } from "vitest";
import { critical } from "../../test/support/messages.ts";
import { compose } from "../core/compose.ts";
import { decodeBody } from "./decode.ts";

const [section = expect.fail("an empty fixture")] = critical.sections;
const storm = compose(Array(7).fill(section), { account: "main", subject: "margind main: 7 alerts" }, "en");
const bodyOf = (message: object) => ({ incidents: ["a"], message, rootKey: null, edits: [{ key: "k", message }] });

test.each([
  ["of one alert", critical],
  ["of more alerts than are told in full", storm],
  ["delivered late", { ...critical, isLate: true }],
])("a message %s comes back as it was", (_, message) => {
  const body = bodyOf(message);
  expect(decodeBody(JSON.stringify(body))).toEqual(body);
});

test("a message without what later versions write into it is read all the same", () => {
  const { moreSections, ...older } = storm;
  expect(moreSections).toHaveLength(2);
  expect(decodeBody(JSON.stringify(bodyOf(older)))).toEqual(bodyOf(older));
});
