// JSON from outside, which may be cut, or no JSON at all.

/** Undefined when it is not JSON, which no JSON text is. The parser's own error quotes the text, so it goes no further. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
