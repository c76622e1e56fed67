import { expect, test } from "vitest";
import { critical, deliveryOf } from "../../test/support/messages.ts";
import { failure, testDeps } from "../../test/support/notifier-contract.ts";
import { refused, startSlack } from "../../test/support/slack.ts";
import { slack } from "./slack.ts";
import { refusal } from "./slack-errors.ts";

test.each([
  ["a code that nobody knows", "some_new_code", ["ambiguous", "ambiguous", "payload", "payload"]],
  ["trouble on Slack's side", "internal_error", ["ambiguous", "ambiguous", "ambiguous", "ambiguous"]],
  ["a captive portal's page", "<html>", ["ambiguous", "ambiguous", "ambiguous", "ambiguous"]],
  ["a request to wait", "ratelimited", ["not_sent", "not_sent", "not_sent", "not_sent"]],
  ["a refusal", "invalid_auth", ["refused", "refused", "refused", "refused"]],
] as const)("N4: %s, at one attempt after the other: the plain form is tried where it may help", (_, code, kinds) => {
  expect([1, 2, 3, 4].map((attempt) => refusal(code, 0, attempt).kind)).toEqual(kinds);
});

test("N4: the third attempt that ends with an unknown code asks for the plain form", async () => {
  await using server = await startSlack();
  const { url, token, channel } = server;
  const notifier = slack.create("desk", slack.schema.parse({ type: "slack", token, channel, apiUrl: url }), testDeps());
  const kinds: string[] = [];
  for (const attempt of [1, 2, 3]) {
    server.script("chat.postMessage", refused("some_new_code"));
    const error = await failure(notifier.send(deliveryOf(critical, { attempt }), new AbortController().signal));
    kinds.push(error.kind);
  }
  expect(kinds).toEqual(["ambiguous", "ambiguous", "payload"]);
});
