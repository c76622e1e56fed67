// The base image that the Dockerfile names, made here: no registry of images is asked, so the build shows what our own lines do.
// The packages that every Debian has, unpacked but not configured; with the Node that runs this test, the npm that started it, and
// the users that the official image has.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { copyFile, cp, rm } from "node:fs/promises"; // what takes long must not hold up the suites beside it
import { dirname, join } from "node:path";
import { expect } from "./harness.ts";
import { type Exit, run } from "./programs.ts";

const RELEASE = "bookworm";
/** Every megabyte is copied several times on the way to an image. */
const NEEDLESS = ["debootstrap", "var/cache", "var/lib/apt", "usr/share/doc", "usr/share/locale", "usr/share/man"];
const CERTIFICATES = "/etc/ssl/certs/extra.pem";
const MOUNT_POINTS = ["dev", "proc", "sys"];

/** What is tested beside it looks at the clock. */
const gently = (...command: readonly string[]): [string, readonly string[]] => ["nice", ["-n", "19", ...command]];

/** buildah with a storage of its own, so that nothing stays on the machine. */
export type Buildah = (...args: readonly string[]) => Promise<Exit>;

export function buildahIn(folder: string): Buildah {
  const storage = ["--root", join(folder, "storage"), "--runroot", join(folder, "run")];
  return (...args) =>
    run(...gently("buildah", ...storage, ...args), { env: { BUILDAH_ISOLATION: "chroot" }, deadlineMs: 300_000 });
}

export async function makeBaseImage(buildah: Buildah, folder: string, name: string): Promise<void> {
  const root = join(folder, "base");
  await run(...gently("debootstrap", "--foreign", "--variant=minbase", RELEASE, root), { deadlineMs: 300_000 });
  for (const folder of NEEDLESS) await rm(join(root, folder), { recursive: true });
  for (const folder of MOUNT_POINTS) {
    await rm(join(root, folder), { recursive: true }); // where debootstrap finds itself in a container, these are links to its own
    mkdirSync(join(root, folder));
  }
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\n");
  await addNode(root);
  const settings = Object.entries(await environment(root)).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const container = (await buildah("from", "scratch")).stdout.trim();
  await buildah("add", "--quiet", container, root, "/");
  await buildah("config", ...settings, container);
  await buildah("commit", "--quiet", container, name);
  await buildah("rm", container);
}

async function addNode(root: string): Promise<void> {
  const npm = process.env["npm_execpath"];
  expect(npm !== undefined, "start this with npm run e2e");
  const local = (path: string) => join(root, "usr", "local", path);
  for (const folder of ["bin", "lib/node_modules"]) mkdirSync(local(folder), { recursive: true });
  await copyFile(process.execPath, local("bin/node"));
  await cp(dirname(dirname(npm)), local("lib/node_modules/npm"), { recursive: true });
  for (const name of ["npm", "npx"]) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, local(`bin/${name}`));
}

/** What npm needs to find its packages where this machine finds them. */
async function environment(root: string): Promise<Readonly<Record<string, string>>> {
  const certificates = process.env["NODE_EXTRA_CA_CERTS"];
  if (certificates !== undefined) {
    mkdirSync(dirname(join(root, CERTIFICATES)), { recursive: true });
    copyFileSync(certificates, join(root, CERTIFICATES));
  }
  const { stdout } = await run("npm", ["config", "get", "registry"]);
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    npm_config_registry: stdout.trim(),
    ...(certificates !== undefined && { NODE_EXTRA_CA_CERTS: CERTIFICATES }),
  };
}
