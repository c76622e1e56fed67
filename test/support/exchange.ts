// A scripted exchange on 127.0.0.1: it checks key, signature and timestamp as Binance does, answers with documented bodies unless a
// script says otherwise, and remembers when each request arrived.
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { systemClock } from "../../src/lib/clock.ts";
import { listen } from "./server.ts";

export const API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
export const API_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

export const CROSS = "/sapi/v1/margin/account";
export const ISOLATED = "/sapi/v1/margin/isolated/account";
export const COEFF = "/sapi/v1/margin/tradeCoeff";
export const RESTRICTIONS = "/sapi/v1/account/apiRestrictions";
export const FLOWS = "/sapi/v1/margin/capital-flow";
export const TRANSFERS = "/sapi/v1/margin/transfer";
export const TIME = "/api/v3/time";
export const PRICES = "/api/v3/ticker/price";
export const RATES = "/sapi/v1/margin/next-hourly-interest-rate";

export interface Seen {
  readonly path: string;
  /** As it came over the wire, without the question mark. */
  readonly query: string;
  readonly symbols: readonly string[];
  readonly headers: IncomingHttpHeaders;
  /** Monotonic time of arrival. */
  readonly atMs: number;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent as it is, instead of `body` as JSON. */
  readonly raw?: string | Buffer;
}

/** `nth` counts the requests to this path from 1. Undefined: the documented answer. */
export type Script = (
  request: Seen,
  nth: number,
  response: ServerResponse,
) => Answer | "handled" | undefined | Promise<Answer | "handled" | undefined>;

export interface FakeExchange {
  readonly url: string;
  readonly seen: Seen[];
  /** Paths of the requests so far, shortened to their last word. */
  paths(): readonly string[];
  /** Ends every connection: whoever comes again needs a new one. */
  hangUp(): void;
  /** Rejects when anything but a GET was ever sent: margind only reads. */
  close(): Promise<void>;
}

export interface FakeOptions {
  readonly script?: Script;
  /** What the exchange's clock says. */
  readonly serverMs?: () => number;
}

export async function startExchange({
  script,
  serverMs = systemClock.wallMs,
}: FakeOptions = {}): Promise<FakeExchange> {
  const seen: Seen[] = [];
  const refused: string[] = [];
  const server = createServer(async (incoming, response) => {
    const atMs = systemClock.monoMs();
    response.setHeader("date", new Date(serverMs()).toUTCString());
    if (incoming.method !== "GET" || hasBody(incoming.headers)) {
      refused.push(`${incoming.method}`);
      return send(response, { status: 405, raw: "" });
    }
    const [path = "", query = ""] = (incoming.url ?? "").split("?");
    const symbols = (/(?:^|&)symbols=([^&]*)/.exec(query)?.[1] ?? "").split("%2C").filter((symbol) => symbol !== "");
    const request: Seen = { path, query, symbols, headers: incoming.headers, atMs };
    seen.push(request);
    const nth = seen.filter((other) => other.path === path).length;
    const answer = (await script?.(request, nth, response)) ?? documented(request, serverMs());
    if (answer !== "handled") send(response, answer);
  });
  server.keepAliveTimeout = 60_000;
  const { port, close } = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    paths: () => seen.map(({ path }) => path.split("/").slice(-2).join("/").replace("margin/", "")),
    hangUp: () => server.closeAllConnections(),
    async close() {
      await close();
      if (refused.length > 0) throw new Error(`the exchange was sent more than GET: ${refused.join(", ")}`);
    },
  };
}

const hasBody = (headers: IncomingHttpHeaders): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";

/** Requests that carry a key: public ones have a lane of their own. */
export const keyed = <S extends Pick<Seen, "headers">>(seen: readonly S[]): readonly S[] =>
  seen.filter(({ headers }) => headers["x-mbx-apikey"] !== undefined);

/** The shortest time between two signed requests, ms, by the stamps that they carry: no delay on the way counts. */
export function shortestGapMs(seen: readonly Seen[]): number {
  const stamps = seen.flatMap(({ query }) => /(?:^|&)timestamp=(\d+)/.exec(query)?.[1] ?? []).map(Number);
  if (stamps.length < 2) throw new Error("there are no two requests whose distance could be told");
  return Math.min(...stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? 0)));
}

export const complaint = (code: number, msg = "no", status = 400): Answer => ({ status, body: { code, msg } });

export function send(response: ServerResponse, { status = 200, headers = {}, body, raw }: Answer): void {
  response.writeHead(status, { "content-type": "application/json;charset=UTF-8", ...headers });
  response.end(raw ?? JSON.stringify(body));
}

/** What Binance answers to a right request, and how it refuses a wrong one. */
function documented(request: Seen, serverMs: number): Answer {
  if (request.path === TIME) return { body: { serverTime: Math.floor(serverMs) } };
  if (request.path === PRICES) return pricesAnswer(new URLSearchParams(request.query));
  const isKeyOnly = request.path.endsWith("delist-schedule") || request.path.endsWith("restricted-asset");
  const flaw = isKeyOnly ? undefined : flawOf(request, serverMs);
  if (flaw !== undefined) return flaw;
  const headers = { "x-sapi-used-ip-weight-1m": "10" };
  switch (request.path) {
    case CROSS:
      return { headers, body: CROSS_BODY };
    case ISOLATED:
      return { headers, body: isolatedBody(request.symbols.length === 0 ? ["BTCUSDT", "ETHUSDT"] : request.symbols) };
    case RESTRICTIONS:
      return { headers: { "x-sapi-used-ip-weight-1m": "1" }, body: READ_ONLY_KEY };
    case COEFF:
      return { headers, body: { normalBar: "1.25", marginCallBar: "1.16", forceLiquidationBar: "1.1" } };
    case RATES:
      return { headers: { "x-sapi-used-ip-weight-1m": "100" }, body: ratesBody(new URLSearchParams(request.query)) };
    case FLOWS:
    case "/sapi/v1/margin/delist-schedule":
      return { headers, body: [] };
    case TRANSFERS:
    case "/sapi/v1/margin/forceLiquidationRec":
      return { headers, body: { rows: [], total: 0 } };
    case "/sapi/v1/margin/liquidation-loan":
      return { headers, body: {} };
    case "/sapi/v1/margin/restricted-asset":
      return { headers, body: { openLongRestrictedAsset: [], maxCollateralExceededAsset: [] } };
    default:
      return { status: 404, body: { code: -1099, msg: "Not found" } };
  }
}

/** Of what the documented accounts hold. */
const PRICE_ROWS = [
  { symbol: "BTCUSDT", price: "10000.00000000" },
  { symbol: "ETHUSDT", price: "10000.00000000" },
  { symbol: "BNBUSDT", price: "300.00000000" },
  { symbol: "BNBBTC", price: "0.03000000" },
];

function pricesAnswer(params: URLSearchParams): Answer {
  const [one, list] = [params.get("symbol"), params.get("symbols")];
  const headers = { "x-mbx-used-weight-1m": one === null ? "4" : "2" };
  const asked: unknown = list === null ? (one ?? undefined) : JSON.parse(list);
  if (asked === undefined) return { headers, body: PRICE_ROWS };
  const rows = [asked].flat().map((name) => PRICE_ROWS.find(({ symbol }) => symbol === name));
  if (rows.includes(undefined)) return complaint(-1121, "Invalid symbol.");
  return { headers, body: one === null ? rows : rows[0] };
}

const ratesBody = (params: URLSearchParams) =>
  (params.get("assets") ?? "").split(",").map((asset) => ({ asset, nextHourlyInterestRate: "0.00000571" }));

/** How Binance refuses a request whose key, signature or time is wrong; undefined for a right one. */
export function flawOf({ query, headers }: Seen, serverMs: number): Answer | undefined {
  if (headers["x-mbx-apikey"] !== API_KEY)
    return complaint(-2015, "Invalid API-key, IP, or permissions for action.", 401);
  const [payload = "", signature = ""] = query.split("&signature=");
  if (signature !== createHmac("sha256", API_SECRET).update(payload).digest("hex")) return complaint(-1022);
  const timestamp = Number(/(?:^|&)timestamp=(\d+)/.exec(payload)?.[1]);
  const recvWindow = Number(/(?:^|&)recvWindow=(\d+)/.exec(payload)?.[1]);
  const isFresh = timestamp < serverMs + 1000 && serverMs - timestamp <= recvWindow;
  return isFresh ? undefined : complaint(-1021, "Timestamp for this request is outside of the recvWindow.");
}

/** The documented sample, as it stands: https://developers.binance.com/docs/wallet/account/api-key-permission */
export const DOCUMENTED_KEY = {
  ipRestrict: false,
  createTime: 1698645219000,
  enableReading: true,
  enableWithdrawals: false,
  enableInternalTransfer: false,
  enableMargin: false,
  enableFutures: false,
  permitsUniversalTransfer: false,
  enableVanillaOptions: false,
  enableFixApiTrade: false,
  enableFixReadOnly: true,
  enableSpotAndMarginTrading: false,
  enablePortfolioMarginTrading: true,
};

/** A key as margind wants it: it may only read, and only from listed addresses. */
export const READ_ONLY_KEY = { ...DOCUMENTED_KEY, ipRestrict: true, enablePortfolioMarginTrading: false };

export const CROSS_BODY = {
  created: true,
  borrowEnabled: true,
  marginLevel: "11.64405625",
  collateralMarginLevel: "3.2",
  totalAssetOfBtc: "6.82728457",
  totalLiabilityOfBtc: "0.58633215",
  totalNetAssetOfBtc: "6.24095242",
  TotalCollateralValueInUSDT: "5.82728457",
  totalOpenOrderLossInUSDT: "582.728457",
  tradeEnabled: true,
  transferInEnabled: true,
  transferOutEnabled: true,
  accountType: "MARGIN_1",
  userAssets: [
    {
      asset: "BTC",
      borrowed: "0.00000000",
      free: "0.00499500",
      interest: "0.00000000",
      locked: "0.00000000",
      netAsset: "0.00499500",
    },
    {
      asset: "BNB",
      borrowed: "201.66666672",
      free: "2346.50000000",
      interest: "0.00000000",
      locked: "0.00000000",
      netAsset: "2144.83333328",
    },
  ],
};

const leg = (asset: string) => ({
  asset,
  borrowEnabled: true,
  borrowed: "0.00000000",
  free: "0.00000000",
  interest: "0.00000000",
  locked: "0.00000000",
  netAsset: "0.00000000",
  netAssetOfBtc: "0.00000000",
  repayEnabled: true,
  totalAsset: "0.00000000",
});

export const pairBody = (symbol: string) => ({
  baseAsset: leg(symbol.replace(/USDT$/, "")),
  quoteAsset: leg("USDT"),
  symbol,
  isolatedCreated: true,
  enabled: true,
  marginLevel: "0.00000000",
  marginLevelStatus: "EXCESSIVE",
  marginRatio: "0.00000000",
  indexPrice: "10000.00000000",
  liquidatePrice: "1000.00000000",
  liquidateRate: "1.00000000",
  tradeEnabled: true,
});

export const isolatedBody = (symbols: readonly string[]) => ({ assets: symbols.map(pairBody) });
