// Whoever watches the watcher: `status`, /healthz and the dead man's switch say the same, whatever is wrong. The real program, and a
// real HTTP service that counts the pings.
import { request } from "undici";
import { expect, test, vi } from "vitest";
import type { HeartbeatDouble } from "./support/heartbeat.ts";
import type { Process } from "./support/margind.ts";
import { untilTrue } from "./support/server.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

vi.setConfig({ testTimeout: 40_000 });

const TOKEN = "healthz-token-canary";

interface Scene {
  readonly margind: Process;
  readonly heartbeat: HeartbeatDouble;
  readonly port: number;
}

/** A daemon with a dead man's switch pinged every second and /healthz behind a token. */
async function open(more: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const heartbeat = await world.heartbeat();
  world.hide("the token of /healthz", TOKEN);
  world.writeConfig({
    watchdog: { staleAfter: "3s", heartbeat: { url: heartbeat.url, every: "1s" } },
    http: { listen: "127.0.0.1:0", token: TOKEN },
  });
  const margind = world.daemon(more);
  const port = () => /"port":(\d+),"msg":"answering \/healthz"/.exec(margind.err())?.[1];
  await untilTrue(() => port() !== undefined);
  return { margind, heartbeat, port: Number(port()) };
}

/** What /healthz answers now: nothing while nobody listens. */
async function health(port: number): Promise<string> {
  try {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/healthz`, { headers });
    return `${statusCode} ${await body.text()}`;
  } catch {
    return "";
  }
}

/** All three say that all is well, by pings that came after now. */
async function untilGood({ heartbeat, port }: Scene): Promise<void> {
  const before = heartbeat.pings.length;
  await untilTrue(async () => (await health(port)).startsWith("200"));
  await untilTrue(() => heartbeat.pings.slice(before).filter(({ isGood }) => isGood).length >= 2);
  expect((await world.run("status")).code).toBe(0);
}

/** All three say what is wrong, in these words; `status` has its own. */
async function untilBad({ heartbeat, port }: Scene, problem: string, inStatus: string): Promise<void> {
  await untilTrue(async () => (await health(port)) === `503 ${JSON.stringify({ ok: false, problem })}\n`);
  const before = heartbeat.pings.length;
  await untilTrue(() => heartbeat.pings.length >= before + 3);
  const later = heartbeat.pings.slice(before + 1); // one may have been on its way
  expect(later.map(({ isGood, body }) => [isGood, body])).toEqual(later.map(() => [false, problem]));
  const { code, out } = await world.run("status");
  expect(out).toContain(inStatus);
  expect(code).toBe(1);
}

test("H11: blind: status, /healthz and the dead man's switch fail together, and are good again together", async () => {
  const scene = await open();
  await using _margind = scene.margind;
  await untilGood(scene);
  world.now.account.answer = { status: 502, raw: "bad gateway" };
  await untilBad(scene, "main is blind", "main is blind");
  world.now.account.answer = undefined;
  await untilGood(scene);
});

test("H11: a channel that refuses: status, /healthz and the dead man's switch fail together", async () => {
  const scene = await open({ SLACK_TOKEN: "xoxb-wrong-canary" });
  await using _margind = scene.margind;
  await untilBad(scene, "notifier desk cannot deliver", "notifier desk");
});

test("H11: nothing is pinged before every account was seen, and nothing after the end", async () => {
  world.now.account.answer = { status: 503, raw: "" };
  const scene = await open();
  await using margind = scene.margind;
  await untilTrue(() => scene.heartbeat.pings.length >= 1);
  world.now.account.answer = undefined;
  await untilTrue(() => scene.heartbeat.pings.some(({ isGood }) => isGood));
  const firstGood = scene.heartbeat.pings.findIndex(({ isGood }) => isGood);
  expect(scene.heartbeat.pings.slice(0, firstGood).map(({ body }) => body)).toContain("main was not seen yet");

  margind.kill("SIGKILL");
  await margind.exited;
  const { code, out } = await world.run("status");
  expect([code, out.split("\n", 1)[0]]).toEqual([1, "margind is NOT running."]);
  const count = scene.heartbeat.pings.length;
  const endMs = performance.now() + 2500;
  await untilTrue(() => performance.now() > endMs);
  expect(scene.heartbeat.pings).toHaveLength(count);
});
