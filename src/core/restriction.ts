// What the exchange restricts of an asset that the cross account holds or owes.
import type { Advance, Scene } from "./advance.ts";
import { balanceOf, firingSubjects } from "./delisting.ts";
import type { Restrictions } from "./market.ts";
import { heldOf, owes } from "./observe.ts";
import type { CrossAnswer, Severity, Subject } from "./ports.ts";
import type { Restriction } from "./situation.ts";
import { advanceSlowly, allOf } from "./slow.ts";

export const RESTRICTION_RULE = "restricted-asset";
/** It lasts for weeks and asks for nothing at once. */
const REMIND_MS = 7 * 86_400_000;

type Judging = Omit<Scene, "known" | "bars"> & { readonly account: string };

/** Without a list, or without the account, nothing can be said and nothing changes. */
export function judgeRestrictions(
  restrictions: Restrictions | undefined,
  cross: CrossAnswer | undefined,
  scene: Judging,
): Advance {
  if (restrictions === undefined || cross?.assets === undefined) return allOf([]);
  const known = firingSubjects(scene.states, scene.account, RESTRICTION_RULE).map((subject) => subject.slice(6));
  const assets = new Set([...restrictions.maxCollateral, ...restrictions.openLong, ...known]);
  return allOf(
    [...assets].map((asset) => {
      const restriction = restrictionOf(asset, restrictions, cross);
      const subject: Subject = `asset ${asset}`;
      const id = { account: scene.account, subject, rule: RESTRICTION_RULE };
      return advanceSlowly(id, severityOf(restriction), { about: "restriction", restriction }, scene, REMIND_MS);
    }),
  );
}

/** More of what is held adds nothing: that matters to who holds it. What cannot be bought matters to who owes it as well. */
function restrictionOf(asset: string, { maxCollateral, openLong }: Restrictions, cross: CrossAnswer): Restriction {
  const balance = balanceOf(asset, cross);
  const isHeld = balance !== undefined && heldOf(balance) > 0;
  const isOwed = balance !== undefined && owes(balance);
  return {
    asset,
    maxCollateral: isHeld && maxCollateral.includes(asset),
    openLong: (isHeld || isOwed) && openLong.includes(asset),
  };
}

function severityOf({ maxCollateral, openLong }: Restriction): Severity | null {
  if (maxCollateral) return "warning";
  return openLong ? "info" : null;
}
