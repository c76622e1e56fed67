import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TempFolder, tempFolder } from "../../../test/support/folder.ts";
import { takeLock } from "../../store/lock.ts";
import { daemonFinding, diskFinding, freeFinding, holderOf, keptBan, stateFinding } from "./state.ts";

const UID = process.getuid?.();
const NOW_MS = Date.UTC(2026, 10, 21, 12);

let temp: TempFolder;
let state: string;
beforeEach(() => {
  temp = tempFolder();
  state = join(temp.path, "state");
});
afterEach(() => temp[Symbol.dispose]());

const line = ({ status, text }: { readonly status: string; readonly text: string }) =>
  `${status}: ${text.replaceAll(temp.path, "…")}`;

test("a folder that is not there yet is good where it can be made, and is not made", () => {
  expect(line(stateFinding(state, UID))).toBe("good: …/state is not there yet; run makes it");
  expect(line(stateFinding(join(state, "deeper", "still"), UID))).toMatch(/^good/);
  expect(readdirSync(temp.path)).toEqual([]);
});

test.each([
  [0o700, "good: …/state can be written, by its owner alone"],
  [0o750, "warning: others on this machine may look into …/state (mode 750)"],
  [0o701, "warning: others on this machine may look into …/state (mode 701)"],
  [0o770, "warning: others on this machine may look into …/state (mode 770)"],
])("a folder of mode %o", (mode, expected) => {
  mkdirSync(state);
  chmodSync(state, mode);
  expect(line(stateFinding(state, UID))).toBe(expected);
});

test("a folder of another user is worth a look even where it can be written", () => {
  mkdirSync(state, { mode: 0o700 });
  expect(line(stateFinding(state, (UID ?? 0) + 1))).toBe(
    `warning: …/state belongs to user ${UID ?? 0}, and this is user ${(UID ?? 0) + 1}`,
  );
  expect(stateFinding(state, undefined).status).toBe("good");
});

test("a file in its place has failed, above it too", () => {
  writeFileSync(state, "");
  expect(line(stateFinding(state, UID))).toBe("failed: …/state is a file");
  expect(line(stateFinding(join(state, "state"), UID))).toBe("failed: …/state is a file");
});

test("who may not write there is told so, whether the folder is there or not", () => {
  chmodSync(temp.path, 0o755);
  mkdirSync(state, { mode: 0o755 });
  chmodSync(state, 0o555);
  const script = `import { stateFinding } from ${JSON.stringify(new URL("./state.ts", import.meta.url).href)};
    const dir = process.argv[1];
    console.log(JSON.stringify([stateFinding(dir, process.getuid()), stateFinding(dir + "/new", process.getuid())]));`;
  const someoneElse = UID === 0 ? { uid: 65_534, gid: 65_534 } : {}; // root may write everywhere
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script, "--", state], {
    ...someoneElse,
    encoding: "utf8",
  });
  const [there, missing] = JSON.parse(stdout);
  expect(line(there)).toBe("failed: the state in …/state: no permission to read or write it");
  expect(line(missing)).toBe(line(there));
});

test("a damaged database has failed: run would move it aside", () => {
  mkdirSync(state, { mode: 0o700 });
  writeFileSync(join(state, "margind.db"), "not a database at all, ".repeat(1_000));
  expect(line(stateFinding(state, UID))).toBe("failed: the database is damaged");
  expect(() => keptBan(state)).toThrow();
  expect(readdirSync(state)).toEqual(["margind.db"]);
});

test.each([
  [0, "failed: 0 MiB free where the state is"],
  [1024 ** 2 - 1, "failed: 0 MiB free where the state is"],
  [1024 ** 2, "warning: 1 MiB free where the state is"],
  [100 * 1024 ** 2 - 1, "warning: 99 MiB free where the state is"],
  [100 * 1024 ** 2, "good: 100 MiB free where the state is"],
  [3.25 * 1024 ** 3, "good: 3.3 GiB free where the state is"],
])("a disk with %f bytes left", (bytes, expected) => {
  expect(line(freeFinding(bytes))).toBe(expected);
});

test("the disk is looked at where the folder would be", () => {
  expect(diskFinding(join(state, "not", "there")).text).toMatch(/free where the state is$/);
});

test("a folder without a daemon has no holder", () => {
  expect(holderOf(state)).toBeUndefined();
  expect(line(daemonFinding(holderOf(state), NOW_MS))).toBe("good: margind is not running with this state folder");
});

test("a daemon that holds the folder is named", () => {
  mkdirSync(state, { mode: 0o700 });
  const lock = takeLock(state, 4711, NOW_MS - 3_600_000);
  const finding = daemonFinding(holderOf(state), NOW_MS);
  if (lock.ok) lock.release();
  expect(finding.text).toMatch(/^margind is running \(process 4711 on \S+, for 1 h\); it uses the same keys/);
});

test("where nobody can tell who runs, that is said", () => {
  expect(line(daemonFinding(new Error("no permission to read or write it"), NOW_MS))).toBe(
    "warning: whether margind is running here cannot be told: no permission to read or write it",
  );
});
