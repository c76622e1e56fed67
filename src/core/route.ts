// Who is told: the first route that matches decides; without one, every notifier. A notifier that was told of an incident is told
// of all that follows in it, whatever the routes say of the new severity: nobody may be left with a CRITICAL that never ends.
import { symbolOf } from "./observe.ts";
import type { AlertId, Severity } from "./ports.ts";
import type { Route } from "./rules/types.ts";

export interface Target {
  readonly notify: readonly string[];
  readonly repeatEveryMs: number;
}

const MINUTE_MS = 60_000;
const REPEAT_MS: Readonly<Record<Severity, number>> = {
  info: 240 * MINUTE_MS,
  warning: 240 * MINUTE_MS,
  critical: 5 * MINUTE_MS,
};

/** These say that the watch itself is in trouble: every notifier hears of it. */
const isOwnTrouble = (subject: AlertId["subject"]): boolean =>
  subject === "feed" || subject === "daemon" || subject.startsWith("notifier ") || subject.startsWith("source ");

export function routeOf(
  routes: readonly Route[],
  everyone: readonly string[],
  id: AlertId,
  severity: Severity,
): Target {
  const route = routes.find(({ match }) => matches(match, id, severity));
  const repeatEveryMs = route?.repeatEveryMs ?? REPEAT_MS[severity];
  const notify = route === undefined || isOwnTrouble(id.subject) ? everyone : route.notify;
  return { notify, repeatEveryMs };
}

function matches(match: Route["match"], { account, subject, rule }: AlertId, severity: Severity): boolean {
  return (
    (match.severity?.includes(severity) ?? true) &&
    (match.account?.includes(account) ?? true) &&
    (match.rule?.includes(rule) ?? true) &&
    (match.symbol?.includes(symbolOf(subject)) ?? true)
  );
}
