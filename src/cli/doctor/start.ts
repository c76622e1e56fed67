// The part of the doctor that `run` repeats quietly when it starts: what no other part of a start looks at. To be loaded after the first
// poll, which nothing may delay.
import type { Config } from "../../config/config.ts";
import type { Check } from "../../core/finding.ts";
import { heartbeatCheck } from "./channels.ts";
import { diskFinding, stateFinding } from "./state.ts";

export function startChecks({ stateDir, watchdog }: Config): readonly Check[] {
  return [...machineChecks(stateDir), ...(watchdog.heartbeat === undefined ? [] : [heartbeatCheck(watchdog)])];
}

export function machineChecks(stateDir: string): readonly Check[] {
  return [
    { name: "state folder", run: async () => stateFinding(stateDir, process.getuid?.()) },
    { name: "disk", run: async () => diskFinding(stateDir) },
  ];
}
