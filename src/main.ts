#!/usr/bin/env node
// The process's edge. What V8 compiles is kept for the next start, which halves the time until the first poll. It is kept beside
// the installed packages, where only who installed them can write, and not in a shared /tmp; where that is not writable, nothing is
// kept.
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

// V8 would let the young generation grow for a throughput that a daemon polling a few times a second never needs: about 13 MB less
// resident memory (npm run bench -- --only memory,start). Before anything else is loaded, because it holds for what comes after.
setFlagsFromString("--max-semi-space-size=2");
setFlagsFromString("--semi-space-growth-factor=1");

enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/margind", import.meta.url)));
await import("./cli/program.ts");
