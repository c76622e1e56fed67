// ${NAME} and ${file:/path} inside one value of the configuration. It works on scalars after the YAML was parsed, so that what
// the environment holds can never become keys, lists or comments.
import { resolve } from "node:path";
import { readTextFile } from "./files.ts";

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a relative ${file:…} starts: the folder of the configuration file. */
  readonly folder: string;
}

/** `used`: something was put in, so the text must not be shown to anybody. */
export interface Expansion {
  readonly text: string;
  readonly used: boolean;
  readonly problems: readonly string[];
}

/** "$${" escapes; a "${" without its "}" is matched too, so that it is refused and not taken as it stands. */
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const FILE = "file:";
const FILE_MAX_BYTES = 64 * 1024;

type Found = { readonly value: string } | { readonly problem: string };

export function interpolate(text: string, world: World): Expansion {
  const problems: string[] = [];
  let used = false;
  const expanded = text.replace(REFERENCE, (whole: string, inner: string | undefined, end: string | undefined) => {
    if (inner === undefined) return whole.slice(1);
    used = true;
    const found = end === "}" ? lookUp(inner, world) : { problem: MALFORMED };
    if ("value" in found) return found.value;
    problems.push(found.problem);
    return "";
  });
  return { text: expanded, used, problems };
}

const MALFORMED = `expected \${NAME} or \${file:/path}; write $\${ where the text itself holds \${`;

function lookUp(inner: string, { env, folder }: World): Found {
  if (inner.startsWith(FILE)) return fileContent(inner.slice(FILE.length), folder);
  if (!NAME.test(inner)) return { problem: MALFORMED };
  const value = Object.hasOwn(env, inner) ? env[inner] : undefined;
  if (value === undefined) return { problem: `environment variable ${inner} is not set` };
  return value === "" ? { problem: `environment variable ${inner} is empty` } : { value };
}

function fileContent(path: string, folder: string): Found {
  if (path === "") return { problem: MALFORMED };
  const file = readTextFile(resolve(folder, path), FILE_MAX_BYTES);
  if (!file.ok) return { problem: `file ${path} cannot be read: ${file.reason}` };
  const value = file.text.replace(/\r?\n$/, "");
  return value === "" ? { problem: `file ${path} is empty` } : { value };
}
