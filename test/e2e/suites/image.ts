// The image, really built from the Dockerfile, and its process really run as its user. Without a container engine: buildah builds
// it, and chroot enters what it has built.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Buildah, buildahIn, makeBaseImage } from "../base-image.ts";
import { KEY, startExchange } from "../exchange.ts";
import { type Bench, type Check, expect, indent, until } from "../harness.ts";
import { run, start } from "../programs.ts";

const NAME = "margind:e2e";
const CHECKED = "the image builds from the Dockerfile and runs";

/** The part of `buildah inspect` that a container engine acts on. */
const inspected = z.object({
  Docker: z.object({
    config: z.object({
      User: z.string(),
      Env: z.array(z.string()),
      Entrypoint: z.array(z.string()),
      Cmd: z.array(z.string()),
      Volumes: z.record(z.string(), z.unknown()),
      StopSignal: z.literal(["SIGTERM", "SIGINT"]),
      Healthcheck: z.object({ Test: z.array(z.string()) }),
    }),
  }),
});
type Settings = z.output<typeof inspected>["Docker"]["config"];

export async function image(check: Check, bench: Bench): Promise<void> {
  const missing = await missingTools();
  if (missing.length > 0) {
    check.skip(CHECKED, `${missing.join(" and ")} cannot be run here`);
    return;
  }
  const folder = join(bench.folder, "image");
  mkdirSync(folder);
  const buildah = buildahIn(folder);

  await check(
    "the Dockerfile builds, with a base image made here and nothing but the lock and the sources",
    async () => {
      const text = readFileSync(join(bench.root, "Dockerfile"), "utf8");
      const base = /^FROM (\S+)/m.exec(text)?.[1] ?? "";
      expect(base === `node:${process.versions.node}-bookworm-slim`, `the base is ${base}`);
      await makeBaseImage(buildah, folder, `docker.io/library/${base}`);
      await buildah("bud", "--pull-never", "--network", "host", "--format", "docker", "--tag", NAME, bench.root);
      return undefined;
    },
  );

  const settings = await settingsOf(buildah);
  await using mounted = await mount(buildah);
  const { root } = mounted;
  const inImage = (command: readonly string[]): [string, string[]] => [
    "chroot",
    [`--userspec=${settings.User}`, root, "/usr/bin/env", "-i", ...settings.Env, ...command],
  ];

  await check(
    "in it there is no npm, no development package and no test, and its user can change nothing",
    async () => {
      const { stdout } = await run(...inImage(["find", "/app", "/etc", "/usr", "-writable", "-not", "-type", "l"]));
      expect(stdout === "", `its user can write to:${indent(stdout)}`);
      const all = await run("find", [join(root, "app"), join(root, "usr", "local"), "-type", "f"]);
      const stray = all.stdout.match(/^.*\/(app\/src\/|app\/dist\/.*\.test\.|(npm|typescript|vitest)\/).*$/gm) ?? [];
      expect(stray.length === 0, `it holds:${indent(stray.slice(0, 10).join("\n"))}`);
      return undefined;
    },
  );

  await check("its process watches as that user, passes its own health check, and stops on its signal", async () => {
    await using exchange = await startExchange(bench.main, folder);
    writeConfig(root, exchange.port, settings);
    await using daemon = start(...inImage([...settings.Entrypoint, ...settings.Cmd]));
    const health = settings.Healthcheck.Test.slice(1); // after "CMD"
    await until(
      "the health check passes",
      30_000,
      async () => {
        await using probe = start(...inImage(health));
        return (await probe.exited).code === 0 || undefined;
      },
      daemon.said,
    );
    const { code, tookMs } = await daemon.end(settings.StopSignal);
    expect(code === 0 && tookMs < 5000, `it ended with ${code} after ${Math.round(tookMs)} ms${indent(daemon.said())}`);
    await run(...inImage(health), { code: 1 });
    return `user ${settings.User}, volume ${Object.keys(settings.Volumes).join()}`;
  });
}

async function missingTools(): Promise<string[]> {
  const tools = ["buildah", "debootstrap"];
  const runs = await Promise.all(
    tools.map((tool) =>
      run(tool, ["--version"]).then(
        () => true,
        () => false,
      ),
    ),
  );
  return tools.filter((_, index) => !runs[index]);
}

async function settingsOf(buildah: Buildah): Promise<Settings> {
  const { stdout } = await buildah("inspect", "--type", "image", NAME);
  return inspected.parse(JSON.parse(stdout)).Docker.config;
}

interface Mounted extends AsyncDisposable {
  readonly root: string;
}

/** The image's files, to be looked at and entered. */
async function mount(buildah: Buildah): Promise<Mounted> {
  const container = (await buildah("from", "--pull-never", NAME)).stdout.trim();
  const { stdout } = await buildah("mount", container);
  return {
    root: stdout.trim(),
    async [Symbol.asyncDispose]() {
      await buildah("umount", container);
    },
  };
}

/** What a person would mount into the container. The state goes to the volume. */
function writeConfig(root: string, exchangePort: number, { Volumes, Env }: Settings): void {
  const file = Env.find((line) => line.startsWith("MARGIND_CONFIG="))?.split("=")[1];
  const [stateDir] = Object.keys(Volumes);
  expect(file !== undefined && stateDir !== undefined, "the image names no configuration or no volume");
  const config = {
    stateDir,
    exchange: { baseUrl: `http://127.0.0.1:${exchangePort}` },
    accounts: { main: { apiKey: KEY.apiKey, apiSecret: KEY.secret, isolated: "none" } },
    notifiers: { terminal: { type: "console" } },
  };
  writeFileSync(join(root, file), JSON.stringify(config));
}
