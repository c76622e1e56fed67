// How the unit tests run: those beside the code and those of the whole program in test/. What needs other programs or root
// (test/e2e) and what measures (bench/) is run by name, never from here.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // core/ is pure, so its files may share a process: starting one costs more than most of them.
      { extends: true, test: { name: "core", include: ["src/core/**/*.test.ts"], isolate: false } },
      {
        extends: true,
        test: {
          name: "rest",
          include: ["src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["src/core/**", "test/e2e/**"],
        },
      },
    ],
    watch: false,
    // Processes, not threads: file locks and signals belong to a process, and both are tested.
    pool: "forks",
    // One more than there are cores: whole-program tests wait for sockets and polls most of the time. With more of them some were late.
    maxWorkers: availableParallelism() + 1,
    // A zone that is nobody's default: a test that leans on the machine's own zone fails everywhere, not only abroad.
    env: { TZ: "Pacific/Chatham" },
    // Far above what any test needs: on a busy machine a test may be slow, but it must not hang.
    testTimeout: 15_000,
    hookTimeout: 15_000,
    teardownTimeout: 5_000,
    allowOnly: false,
    passWithNoTests: false,
    restoreMocks: true,
  },
});
