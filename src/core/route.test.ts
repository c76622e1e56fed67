import { expect, test } from "vitest";
import type { AlertId, Severity } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { Route } from "./rules/types.ts";

const MIN = 60_000;
const EVERYONE = ["slack", "mail"];
const id = (over: Partial<AlertId> = {}): AlertId => ({ account: "main", subject: "cross", rule: "level", ...over });

const route = (match: Route["match"], notify: readonly string[] = ["slack"], minutes?: number): Route => ({
  match,
  notify,
  repeatEveryMs: minutes === undefined ? undefined : minutes * MIN,
});

test.each<[Severity, number]>([
  ["info", 240],
  ["warning", 240],
  ["critical", 5],
])("without a route everybody is told, and %s reminds every %d minutes", (severity, minutes) => {
  expect(routeOf([], EVERYONE, id(), severity)).toEqual({ notify: EVERYONE, repeatEveryMs: minutes * MIN });
});

test.each<[string, Route["match"], AlertId, Severity, boolean]>([
  ["no condition", {}, id(), "info", true],
  ["its severity", { severity: ["critical"] }, id(), "critical", true],
  ["another severity", { severity: ["critical"] }, id(), "warning", false],
  ["one of two severities", { severity: ["warning", "critical"] }, id(), "warning", true],
  ["its account", { account: ["main"] }, id(), "info", true],
  ["another account", { account: ["fund"] }, id(), "info", false],
  ["its rule", { rule: ["level"] }, id(), "info", true],
  ["another rule", { rule: ["out"] }, id(), "info", false],
  ["its symbol", { symbol: ["BTCUSDT"] }, id({ subject: "isolated BTCUSDT" }), "info", true],
  ["another symbol", { symbol: ["ETHUSDT"] }, id({ subject: "isolated BTCUSDT" }), "info", false],
  ["a symbol, of an alert that has none", { symbol: ["BTCUSDT"] }, id(), "info", false],
  ["no symbol at all", { symbol: [] }, id({ subject: "isolated BTCUSDT" }), "info", false],
  ["all conditions but one", { severity: ["info"], account: ["main"], rule: ["out"] }, id(), "info", false],
])("a route with %s", (_, match, alert, severity, matches) => {
  expect(routeOf([route(match)], EVERYONE, alert, severity).notify).toEqual(matches ? ["slack"] : EVERYONE);
});

test("the first route that matches decides, also about reminders, also to tell nobody", () => {
  const routes = [route({ severity: ["critical"] }, ["mail"], 1), route({}, [], 30), route({}, ["slack"], 2)];
  expect(routeOf(routes, EVERYONE, id(), "critical")).toEqual({ notify: ["mail"], repeatEveryMs: MIN });
  expect(routeOf(routes, EVERYONE, id(), "info")).toEqual({ notify: [], repeatEveryMs: 30 * MIN });
});

test("a route without repeatEvery reminds as often as the severity does", () => {
  expect(routeOf([route({})], EVERYONE, id(), "critical").repeatEveryMs).toBe(5 * MIN);
});

test.each(["blind", "undelivered"])("%s goes to everybody, whatever the routes say", (rule) => {
  const routes = [route({}, [], 2)];
  expect(routeOf(routes, EVERYONE, id({ subject: "feed", rule }), "critical")).toEqual({
    notify: EVERYONE,
    repeatEveryMs: 2 * MIN,
  });
});

test.each<[AlertId["subject"], readonly string[]]>([
  ["feed", EVERYONE],
  ["daemon", EVERYONE],
  ["notifier slack", EVERYONE],
  ["source capital flow", EVERYONE],
  ["cross", []],
  ["isolated BTCUSDT", []],
  ["flow", []],
  ["transfer BTCUSDT", []],
  ["asset LUNA", []],
])("alerts on %s go to %j under a route that drops", (subject, notify) => {
  expect(routeOf([route({}, [])], EVERYONE, id({ subject }), "critical").notify).toEqual(notify);
});

test.each<[AlertId["subject"], boolean]>([
  ["flow BTCUSDT", true],
  ["transfer BTCUSDT", true],
  ["flow ETHUSDT", false],
  ["flow", false],
  ["asset BTCUSDT", false],
])("a route with a symbol takes %s: %s", (subject, isTaken) => {
  const found = routeOf([route({ symbol: ["BTCUSDT"] }), route({}, [])], EVERYONE, id({ subject }), "critical");
  expect(found.notify).toEqual(isTaken ? ["slack"] : []);
});

test.each(["config", "position-gone"])("%s goes by the routes", (rule) => {
  expect(routeOf([route({}, ["mail"])], EVERYONE, id({ rule }), "critical").notify).toEqual(["mail"]);
});
