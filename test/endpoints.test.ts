// docs/ENDPOINTS.md, src/binance/endpoints.ts and the code say the same: every endpoint that is asked is in the table, with its weight, and
// nothing is in the table that nobody asks.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CHANGE_LOG_CHECKED, ENDPOINTS, type Endpoint, PATHS, STREAM_URLS } from "../src/binance/endpoints.ts";
import { streamDefaults } from "../src/config/stream.ts";

const ROOT = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");
const TABLE = "src/binance/endpoints.ts";

const sourcesIn = (folder: string): readonly string[] =>
  readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => `${folder}${path.replaceAll("\\", "/")}`);

/** Texts in code that are paths of the exchange; words in comments have no quotes. */
const pathsIn = (source: string): readonly string[] =>
  [...source.matchAll(/["'`](\/s?api\/[^"'`]*)["'`]/g)].map(([, path]) => path ?? "");

const doc = read("docs/ENDPOINTS.md");
const documented = doc
  .split("\n")
  .filter((line) => /^\| (GET|POST|PUT|WS) \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

const rowOf = ({ method, path, weight, countedPer, security, schedule, purpose }: Endpoint): readonly string[] => [
  method,
  `\`${path}\``,
  weight === undefined ? "–" : `${weight} (${countedPer})`,
  security,
  schedule,
  purpose,
];

test("the document has every row of the table, word for word and in its order, and no other", () => {
  expect(documented.map((cells) => cells.slice(1, 7))).toEqual(ENDPOINTS.map(rowOf));
});

test("every row of the document says what happens when it fails", () => {
  for (const cells of documented) expect(cells[7]?.length, cells[2]).toBeGreaterThan(10);
});

test("the document names the change log that it was checked against, and does not claim more", () => {
  expect(doc).toContain(`checked against the exchange's change log of ${CHANGE_LOG_CHECKED}`);
  expect(doc).toContain("against stored documents, not against Binance itself");
});

test("no endpoint is in the table twice, and each path has a name", () => {
  const rows: readonly Endpoint[] = ENDPOINTS;
  const keys = rows.map(({ method, path }) => `${method} ${path}`);
  expect(new Set(keys).size).toBe(keys.length);
  const named: readonly string[] = [...Object.values(PATHS), ...Object.values(STREAM_URLS)];
  expect(new Set(rows.map(({ path }) => path))).toEqual(new Set(named));
});

test("nothing but GET is in the table, except for listen keys and tokens", () => {
  const rows: readonly Endpoint[] = ENDPOINTS;
  const others = rows.filter(({ method }) => method === "POST" || method === "PUT").map(({ path }) => path);
  expect(new Set(others)).toEqual(new Set([PATHS.listenKey, PATHS.listenToken]));
});

test("every path in the code of the adapter is in the table", () => {
  const known: readonly string[] = Object.values(PATHS);
  const unknown = sourcesIn("src/binance/").flatMap((file) =>
    pathsIn(read(file)).flatMap((path) => (known.includes(path) ? [] : [`${file}: ${path}`])),
  );
  expect(unknown).toEqual([]);
  expect(pathsIn(read(TABLE))).toHaveLength(known.length);
});

test("every path in the table is asked somewhere", () => {
  const code = [...sourcesIn("src/binance/"), ...sourcesIn("src/config/")].filter((file) => file !== TABLE).map(read);
  const isUsed = ([name, path]: readonly [string, string]) =>
    code.some((text) => new RegExp(`\\bPATHS\\.${name}\\b`).test(text) || pathsIn(text).includes(path));
  expect(Object.entries(PATHS).filter((entry) => !isUsed(entry))).toEqual([]);
});

test("the streams are where the configuration has them by default", () => {
  expect(streamDefaults()).toEqual({
    riskUrl: STREAM_URLS.risk,
    listenKeyPath: PATHS.listenKey,
    userUrl: STREAM_URLS.user,
    listenTokenPath: PATHS.listenToken,
  });
});
