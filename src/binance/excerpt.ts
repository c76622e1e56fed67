// What a web page in the place of an answer says, for the log: a firewall's page names its reason. Such pages like to quote the
// request, and the request holds the key and a signature, so only plain words and short numbers are shown. Pure.

const SHOWN_MAX = 200;
const READ_MAX = 10 * SHOWN_MAX;
/** A word of letters or a short number, with the marks of a sentence round it: neither key, signature, stamp nor address is one. */
const PLAIN = /^["'(]?(\p{L}{1,15}(['’-]\p{L}{1,15})?|\d{1,6})["')]?[.,:;!]?$/u;

/** The page's words without its tags; "…" stands for those that could be a secret or part of one. */
export function excerpt(page: string): string {
  const text = page.slice(0, READ_MAX).replaceAll(/<[^>]*(>|$)/g, " ");
  const words = text.split(/\s+/).filter((word) => word !== "");
  const shown = words.map((word) => (PLAIN.test(word) ? word : "…")).join(" ");
  return shown.replaceAll(/…( …)+/g, "…").slice(0, SHOWN_MAX);
}
