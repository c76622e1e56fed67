// What can be checked of the Dockerfile and the systemd unit by reading them: that they agree with the code, with package.json and
// with each other. That they work is shown in test/e2e.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EXIT } from "../src/cli/context.ts";

const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), "utf8");
const pinned = /"node": "(\d+\.\d+\.\d+)"/.exec(read("package.json"))?.[1];
const STATE_DIR = "/var/lib/margind";

// ---------------------------------------------------------------- Dockerfile

interface Instruction {
  readonly name: string;
  readonly args: string;
}

/** One list of instructions per stage, comments and line continuations gone. The first of each is its FROM. */
function stagesOf(text: string): Instruction[][] {
  const lines = text
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, " ")
    .split("\n");
  const stages: Instruction[][] = [];
  for (const line of lines.filter((line) => line.trim() !== "")) {
    const [, name = "", args = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, args });
  }
  return stages;
}

const stages = stagesOf(read("Dockerfile"));
const final = stages.at(-1) ?? [];
const argsOf = (name: string, stage: readonly Instruction[] = final): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ args }) => args);
const positionOf = (name: string): number => final.findIndex((instruction) => instruction.name === name);

describe("Dockerfile", () => {
  test("every line is an instruction", () => {
    expect(stages.flat().filter(({ name }) => name === "")).toEqual([]);
    expect(stages.length).toBeGreaterThan(1);
  });

  test("every stage stands on the very Node that the tests run on", () => {
    expect(pinned).toBeDefined();
    const images = stages.flatMap((stage) => argsOf("FROM", stage)).map((args) => args.split(" ")[0]);
    expect(new Set(images)).toEqual(new Set([`node:${pinned}-bookworm-slim`]));
  });

  test("the image that is shipped installs nothing: it only takes what the stages before it made", () => {
    expect(argsOf("RUN").join("\n")).not.toMatch(/npm (ci|install|run)|apt-get|curl/);
    expect(argsOf("COPY").filter((args) => args.startsWith("--from="))).toEqual([
      "--from=packages /app/node_modules ./node_modules",
      "--from=build /app/dist ./dist",
    ]);
  });

  test("its packages are the production ones, from the lock, without install scripts", () => {
    const packages = stages.find((stage) => argsOf("FROM", stage)[0]?.endsWith("AS packages")) ?? [];
    expect(argsOf("RUN", packages)).toEqual(["npm ci --omit=dev --omit=optional --ignore-scripts"]);
  });

  test("everything that is copied from the repository is there, and .dockerignore lets it through", () => {
    const copied = stages
      .flatMap((stage) => argsOf("COPY", stage))
      .filter((args) => !args.startsWith("--from="))
      .flatMap((args) => args.split(" ").slice(0, -1));
    const allowed: readonly string[] = read(".dockerignore").match(/^!.+$/gm) ?? [];
    expect(copied.filter((name) => !existsSync(new URL(`../${name}`, import.meta.url)))).toEqual([]);
    expect(copied.filter((name) => !allowed.includes(`!${name}`))).toEqual([]);
  });

  test("nothing else reaches the builder: no secrets, no state, no modules of this machine", () => {
    const rules = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).toBe("*");
    expect(rules.filter((rule) => /margind\.yaml|state|node_modules|\.git|\.env/.test(rule))).toEqual([]);
  });

  test("it runs as a user without rights, who owns the volume", () => {
    expect(argsOf("USER")).toEqual(["1000:1000"]);
    expect(argsOf("VOLUME")).toEqual([STATE_DIR]);
    const makesVolume = final.findIndex(({ args }) => args.includes(`install -d -o 1000 -g 1000 -m 0700 ${STATE_DIR}`));
    expect(makesVolume).toBeGreaterThan(0);
    expect(makesVolume).toBeLessThan(positionOf("USER"));
    expect(positionOf("VOLUME")).toBeGreaterThan(makesVolume);
  });

  test("signals reach margind itself: no shell between", () => {
    expect(argsOf("ENTRYPOINT").map((args) => JSON.parse(args))).toEqual([["margind"]]);
    expect(argsOf("CMD").map((args) => JSON.parse(args))).toEqual([["run"]]);
    expect(argsOf("STOPSIGNAL")).toEqual(["SIGTERM"]);
  });

  test("its health is what `margind status` says", () => {
    const [health = ""] = argsOf("HEALTHCHECK");
    expect(JSON.parse(/CMD (.*)$/.exec(health)?.[1] ?? "null")).toEqual(["margind", "status"]);
    expect(health).toMatch(/--start-period=\d+s/);
  });

  test.each(["MARGIND_CONFIG=/etc/margind/margind.yaml", "MALLOC_TRIM_THRESHOLD_=65536"])(
    "%s: the same in the image and under systemd",
    (setting) => {
      expect(argsOf("ENV").join(" ")).toContain(setting);
      expect(unit.get("Environment")).toContain(setting);
    },
  );
});

// ---------------------------------------------------------------- systemd

/** Every value of every key, in order. Keys are unique over the sections of our unit. */
function unitOf(text: string): ReadonlyMap<string, readonly string[]> {
  const unit = new Map<string, string[]>();
  for (const [, key = "", value = ""] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm)) {
    unit.set(key, [...(unit.get(key) ?? []), value]);
  }
  return unit;
}

const unitText = read("systemd/margind.service");
const unit = unitOf(unitText);
const lastOf = (key: string): string | undefined => unit.get(key)?.at(-1);

describe("systemd unit", () => {
  test.each([
    ["Type", "notify", "systemd waits for the daemon to be up"],
    ["NotifyAccess", "all", "systemd-notify speaks from a child process"],
    ["KillMode", "mixed", "the signal would kill the systemd-notify that tells of the stop"],
    ["Restart", "always", "whatever ends it"],
    ["StartLimitIntervalSec", "0", "systemd never gives up"],
    ["DynamicUser", "yes", "no user to create, none to take over"],
    ["StateDirectory", "margind", "the volume of the image has the same path"],
    ["StateDirectoryMode", "0700", "positions are nobody else's business"],
    ["ExecStart", "margind run", "wherever npm has put it"],
    ["LimitCORE", "0", "a core dump would hold the keys"],
  ])("%s=%s: %s", (key, value) => {
    expect(unit.get(key)).toEqual([value]);
  });

  test("a wrong configuration is not started again and again", () => {
    expect(lastOf("RestartPreventExitStatus")).toBe(String(EXIT.config));
  });

  test("systemd waits longer for a stop than margind takes, and for a sign of life longer than the feeding interval", () => {
    expect(Number(lastOf("TimeoutStopSec"))).toBeGreaterThanOrEqual(10);
    expect(Number(lastOf("WatchdogSec"))).toBeGreaterThanOrEqual(10);
  });

  // A missing file behind an absolute path would keep the unit from starting, with a message of systemd's instead of ours.
  test("secrets are credentials by name, so that one that is not used need not exist", () => {
    const names = unit.get("LoadCredential") ?? [];
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !/^margind\.[a-z-]+$/.test(name))).toEqual([]);
    const [, example = ""] = /\$\{file:\/run\/credentials\/margind\.service\/([^}]+)\}/.exec(unitText) ?? [];
    expect(names).toContain(example);
    expect(unitText).toContain(`/etc/credstore/${example}`);
  });

  test.each(["MemoryDenyWriteExecute", "ProcSubset", "PrivateNetwork", "IPAddressDeny"])(
    "%s is not set: Node or the watch would not work",
    (key) => {
      expect(unit.has(key)).toBe(false);
    },
  );
});

// ---------------------------------------------------------------- package

describe("package", () => {
  test("it says which files it ships, and the command is one of them", () => {
    const parsed: unknown = JSON.parse(read("package.json"));
    expect(parsed).toMatchObject({
      bin: { margind: "dist/main.js" },
      files: expect.arrayContaining(["dist", "config.example.yaml"]),
      scripts: { build: expect.stringMatching(/tsc .*\.csv/) },
      engines: { node: ">=24" },
    });
  });
});
