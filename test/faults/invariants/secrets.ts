// P8: no key, no secret and no signature is seen anywhere: not in messages, not on the disk, not in the log, not in a ping.
import { KEYS } from "../exchange.ts";
import type { Oracle, OracleParts } from "./scene.ts";

const CANARIES = Object.values(KEYS).flatMap(({ key, secret }) => [key, secret]);
const HEX = /[0-9a-f]{64}/g;

export interface SecretOracle extends Oracle {
  /** A line of the log, with everything that was handed to it. */
  line(text: string): void;
}

export function secrets({ violate }: OracleParts, signatures: ReadonlySet<string>): SecretOracle {
  const scan = (where: string, text: string) => {
    const canary = CANARIES.find((each) => text.includes(each));
    if (canary !== undefined) violate("P8", `${where} holds ${canary.slice(0, 12)}…: ${text.slice(0, 200)}`);
    else if (text.includes("signature=") || [...text.matchAll(HEX)].some(([hex]) => signatures.has(hex)))
      violate("P8", `${where} holds a signature: ${text.slice(0, 200)}`);
  };
  return {
    line: (text) => scan("the log", text),
    see(happening) {
      switch (happening.kind) {
        case "accepted":
          return scan("a message", happening.bytes);
        case "commit":
          if (happening.change.rows.length > 0) scan("an outbox row", JSON.stringify(happening.change.rows));
          if (happening.change.snapshot?.trouble !== null)
            scan("a snapshot", JSON.stringify(happening.change.snapshot ?? ""));
          return;
        case "settle":
          if (happening.settlement.kind === "failed") scan("an outcome", happening.settlement.error);
          return;
        case "fact":
          return scan("a fact", happening.value);
        case "ping":
          return scan("a ping", happening.problem ?? "");
        default:
          return;
      }
    },
  };
}
