#!/usr/bin/env node
// The process's edge. Only one thing happens here: what V8 compiles is kept for the next start, which halves the time until the
// first poll. It is kept beside the installed packages, where only who installed them can write, and not in a shared /tmp; where that
// is not writable, nothing is kept.
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/margind", import.meta.url)));
await import("./cli/program.ts");
