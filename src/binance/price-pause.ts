// The silence of public prices: their own, beside that of everything behind this address. The one thing to know: prices are asked for
// far more often than anything else and count on a limit of their own (/api), so what they are told about rate or by a firewall is said
// to them alone. A ban is of the address; and a silence that the accounts were asked for is heeded here, too.
import type { Stop } from "./limits.ts";
import { createPause, type Pause, type PauseOptions } from "./pause.ts";

/** However short the exchange says: who meets its limit again and again, or its firewall, is to ask ever more rarely. */
const LEAST = {
  rate: { firstMs: 5_000, maxMs: 600_000 },
  firewall: { firstMs: 60_000, maxMs: 600_000 },
  ban: { firstMs: 1_000, maxMs: 1_000 }, // never its own
} as const;

export function createPricePause(address: Pause, options: PauseOptions): Pause {
  const own = createPause({ ...options, least: LEAST });
  const isOfAddress = ({ kind }: Pick<Stop, "kind">) => kind === "ban";
  return {
    current: (urgency) => address.current(urgency) ?? own.current(),
    begin: (stop, urgency) => (isOfAddress(stop) ? address.begin(stop, urgency) : own.begin(stop)),
    silenced: (stop, urgency) =>
      isOfAddress(stop) ? address.silenced(stop, urgency) : "prices are not asked for, all else goes on,",
    // Says nothing of the limits of /sapi: the next pause of the accounts is not made short by it.
    answered: () => own.answered(),
  };
}
