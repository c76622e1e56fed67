// What is said of something that the exchange offered and that cannot be read any more: what changed, and what nobody hears of meanwhile.
import * as format from "./format.ts";
import type { FactsOf, Situation, SourceTrouble } from "./situation.ts";
import { isAccountSource } from "./source-trouble.ts";
import { WORDS } from "./words/index.ts";
import { SOURCE_WORDS } from "./words/source.ts";

type Told = FactsOf<"source">;

/** What follows "CRITICAL · main · ". */
export function sourceHeadline(
  { trouble }: Told,
  { id }: Situation,
  nowMs: number,
  { language }: format.Locale,
): string {
  const own = SOURCE_WORDS[language];
  const source = sourceIn(id.subject);
  const name = own.names[source] ?? source;
  switch (trouble?.kind) {
    case undefined:
      return own.again(name);
    case "gone":
      return own.gone(name);
    case "field":
      return own.field(name, trouble.field);
    case "renamed":
      return own.renamed(name, trouble.field, trouble.oldName);
    case "unread":
      return own.unread(name, format.duration(nowMs - trouble.sinceMs, language));
  }
}

export function sourceLines(
  { trouble }: Told,
  { id, transition }: Situation,
  nowMs: number,
  { language }: format.Locale,
): readonly string[] {
  const own = SOURCE_WORDS[language];
  if (trouble === undefined) return [own.againAfter(format.duration(nowMs - transition.state.openedAtMs, language))];
  const reason = because(trouble, language);
  if (trouble.kind === "renamed") return reason;
  return [...reason, WORDS[language].join(loss(sourceIn(id.subject), trouble, language))];
}

function because(trouble: SourceTrouble, language: format.Language): readonly string[] {
  const own = SOURCE_WORDS[language];
  if (trouble.kind === "gone") return [own.goneBecause(trouble.detail)];
  if (trouble.kind === "renamed") return [own.renamedMeans(trouble.oldName)];
  return trouble.kind === "unread" ? [WORDS[language].failure(trouble.failure, undefined)] : [];
}

/** What nobody hears of meanwhile. */
function loss(source: string, { kind }: SourceTrouble, language: format.Language): readonly string[] {
  const own = SOURCE_WORDS[language];
  if (kind === "field") return [own.lossField];
  if (isAccountSource(source)) return [own.lossGoneAccount];
  return [own.losses[source] ?? own.loss, own.levelsGoOn];
}

const sourceIn = (subject: string): string => subject.slice(subject.indexOf(" ") + 1);
