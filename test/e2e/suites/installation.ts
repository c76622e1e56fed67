// The package as npm would publish it, unpacked, with its production packages from the lock: what everything else here runs.
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Check, expect } from "../harness.ts";
import { run } from "../programs.ts";

export async function installation(check: Check, { folder, root }: Bench): Promise<void> {
  const unpacked = join(folder, "package");

  await check("npm pack makes a package of compiled code and its data", async () => {
    await run("npm", ["run", "build"], { cwd: root });
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    expect(tarball !== undefined, "npm pack left no .tgz");
    await run("tar", ["-xzf", join(folder, tarball), "-C", folder]);
    const files = readdirSync(unpacked, { recursive: true, encoding: "utf8" });
    for (const needed of [
      "dist/main.js",
      "dist/sim/btcusd-2020-03-crash-hourly.csv",
      "config.example.yaml",
      "LICENSE",
    ]) {
      expect(files.includes(needed), `the package lacks ${needed}`);
    }
    const stray = files.filter((name) => /^(src|test|bench|node_modules)\b|\.test\./.test(name));
    expect(stray.length === 0, `the package holds ${stray.join(", ")}`);
    return `${files.length} files`;
  });

  await check("its production packages install from the lock, without install scripts", async () => {
    for (const name of ["package-lock.json", ".npmrc"]) copyFileSync(join(root, name), join(unpacked, name));
    await run("npm", ["ci", "--omit=dev", "--omit=optional", "--ignore-scripts"], { cwd: unpacked });
    const installed = readdirSync(join(unpacked, "node_modules"));
    const development = installed.filter((name) => ["vitest", "typescript", "node", "postal-mime"].includes(name));
    expect(development.length === 0, `installed for development only: ${development.join(", ")}`);
    return undefined;
  });
}
