// English. The shape of this object is what every language must fill: see zh.ts.
import { type Failure, OWN_ACCOUNT, type Severity, type Source, type Subject } from "../ports.ts";
import type { FieldName } from "../rules/fields.ts";
import type { LostState } from "../situation.ts";
import { articleFor } from "./distance.ts";
import { EVENT_WORDS } from "./events.ts";

const SEVERITY: Readonly<Record<Severity, string>> = { info: "info", warning: "warning", critical: "critical" };

const FIELD: Readonly<Record<FieldName, string>> = {
  marginLevel: "margin level",
  collateralMarginLevel: "collateral margin level",
  marginLevelStatus: "status",
  liquidationDistancePct: "distance to liquidation",
  minutesToLiquidation: "time to liquidation",
  transferOutEnabled: "transfer out",
  transferInEnabled: "transfer in",
  borrowEnabled: "borrowing",
  tradeEnabled: "trading",
  enabled: "pair",
  accountType: "account type",
  totalAssetOfBtc: "assets",
  totalLiabilityOfBtc: "debt",
  totalNetAssetOfBtc: "net assets",
  indexPrice: "index price",
  liquidatePrice: "liquidation price",
};

const STATUS: Readonly<Record<string, string>> = {
  EXCESSIVE: "safe",
  NORMAL: "normal",
  MARGIN_CALL: "margin call",
  PRE_LIQUIDATION: "close to liquidation",
  FORCE_LIQUIDATION: "being liquidated",
};

const FAILURE: Readonly<Record<Failure["code"], string>> = {
  unreachable: "Binance cannot be reached",
  timeout: "Binance does not answer in time",
  unavailable: "Binance is in trouble",
  rate_limited: "Binance asks for a pause: too many requests from this address",
  banned: "Binance has banned this address",
  rejected_key: "Binance refuses the API key (the key, its address list or its permissions)",
  bad_signature: "Binance refuses the signature: the secret does not belong to the API key",
  clock_skew: "this machine's clock differs too much from Binance's",
  bad_response: "Binance's answer is not readable",
};

const BY_HAND: Readonly<Partial<Record<Failure["code"], string>>> = {
  banned: "do not restart margind to get round it, the ban is kept",
  rejected_key: "look at the key's address list and permissions in Binance's API management",
  bad_signature: "put the secret that belongs to the key into the config",
  clock_skew: "set the machine's clock (NTP)",
  unreachable: "check this machine's network and DNS",
};

const LOST: Readonly<Record<LostState, string>> = {
  damaged: "The database was damaged.",
  vanished: "The database is gone or empty.",
  unreadable: "The database cannot be read.",
  rows: "Some rows were damaged; they were set aside in the database.",
};

export const en = {
  severity: SEVERITY,
  headSeverity: { info: "INFO", warning: "WARNING", critical: "CRITICAL" } satisfies Record<Severity, string>,
  head: {
    still: (severity: string) => `STILL ${severity}`,
    resolved: "RESOLVED",
    ended: "ENDED",
    blind: "BLIND",
    stillBlind: "STILL BLIND",
    test: "TEST",
  },
  join: (sentences: readonly string[]) => sentences.join(" "),

  subject(subject: Subject): string {
    if (subject === "cross") return "cross";
    if (subject === "feed") return "data";
    if (subject === "daemon") return "margind";
    if (subject === "flow" || subject === "transfer") return `cross ${subject}`;
    const [kind, name] = subject.split(" ");
    if (kind === "flow" || kind === "transfer") return `${name} isolated ${kind}`;
    if (kind === "asset" || kind === "source") return subject.slice(kind.length + 1);
    return kind === "isolated" ? `${name} isolated` : subject;
  },
  source: { cross: "the cross account", isolated: "the isolated pairs" } satisfies Record<Source, string>,
  field: FIELD,
  is: (subject: string, field: string, value: string) => `${subject} ${field} ${value}`,
  flag: (isOn: boolean): string => (isOn ? "is on" : "is off"),
  status: (status: string) => STATUS[status] ?? `"${status}"`,
  /** Behind what is said: " (below 1.30)". */
  aside: (text: string) => ` (${text})`,
  below: (threshold: string) => `below ${threshold}`,
  above: (threshold: string) => `above ${threshold}`,
  was: (severity: Severity) => `was ${SEVERITY[severity]}`,
  noDebt: "no debt",

  crossDistance: (bar: string, pct: string) =>
    `Liquidation at ${bar} is ${articleFor(pct)} ${pct} % fall away (all collateral together).`,
  crossPassed: (bar: string) => `The liquidation bar of ${bar} is reached: Binance may be liquidating now.`,
  pairDistance: (price: string, pct: string, rises: boolean, index: string) =>
    `Liquidation at ${price} is ${articleFor(pct)} ${pct} % ${rises ? "rise" : "fall"} away (index price ${index}).`,
  pairPassed: (price: string) => `The liquidation price of ${price} is reached: Binance may be liquidating now.`,
  backToLevel: (target: string) => `Back to ${target}`,
  /** Where the alert is not on the margin level itself. */
  backToMarginLevel: (target: string) => `Back to a margin level of ${target}`,
  backToCollateral: (target: string) => `Back to a collateral level of ${target}`,
  backToDistance: (pct: string) => `Back to a distance of ${pct} %`,
  ways: (target: string, add: string | undefined, repay: string | undefined, sell: string | undefined) => {
    const ways = [
      add === undefined ? undefined : `add ${add}`,
      repay === undefined ? undefined : `repay ${repay} from outside`,
      sell === undefined ? undefined : `sell and repay ${sell}`,
    ].filter((way) => way !== undefined);
    return `${target}: ${ways.join(", or ")}.`;
  },
  statusMeans: (status: string, isUnknown: boolean) => {
    if (isUnknown) return `margind does not know the status "${status}" and counts it as the worst.`;
    if (status === "MARGIN_CALL") return "Binance calls for margin (MARGIN_CALL): add collateral or repay.";
    if (status === "PRE_LIQUIDATION") return "Binance is about to liquidate this pair (PRE_LIQUIDATION).";
    return status === "FORCE_LIQUIDATION" ? "Binance is liquidating now (FORCE_LIQUIDATION)." : undefined;
  },
  transferOutMeans: "Nothing can be transferred out of the account: a sign that collateral is short.",
  levelNow: (level: string) => `Margin level ${level}.`,

  since: (
    severity: Severity,
    time: string,
    from: { severity: Severity; time: string; rising: boolean } | undefined,
  ) => {
    const start = `${capital(SEVERITY[severity])} since ${time}`;
    if (from === undefined) return `${start}.`;
    return `${start}, ${from.rising ? "rising" : "down"} from ${SEVERITY[from.severity]} since ${from.time}.`;
  },
  sinceFor: (severity: Severity, time: string, lasted: string) =>
    `${capital(SEVERITY[severity])} since ${time}, for ${lasted} now.`,
  data: (age: string, time: string) => `Data ${age} old at ${time}.`,
  /** `lower` undefined: the value says by itself what it is, "a fall of 14.2 %". */
  lasted: (
    peak: Severity,
    lasted: string,
    worst: { value: string; time: string; lower: boolean | undefined } | undefined,
  ) => {
    if (worst === undefined) return `Open for ${lasted}, at worst ${SEVERITY[peak]}.`;
    const extreme = worst.lower === undefined ? "" : worst.lower ? "lowest " : "highest ";
    return `Open for ${lasted}, at worst ${SEVERITY[peak]}, ${extreme}${worst.value} at ${worst.time}.`;
  },
  messages: (count: number) => (count === 1 ? "1 message before this." : `${count} messages before this.`),
  debtGone: "There is no debt any more: repaid, closed or liquidated. If that was not you, look at the account now.",

  blind: (lasted: string) => `no valid answer for ${lasted}`,
  seesAgain: (lasted: string) => `the data is fresh again after ${lasted}`,
  failure: (failure: Failure, until: { time: string; left: string } | undefined) =>
    `${capital(FAILURE[failure.code])}${failure.detail === "" ? "" : ` (${failure.detail})`}${
      until === undefined ? "" : ` until ${until.time} (${until.left})`
    }.`,
  unreadable: (source: string, text: string) => `${capital(source)}: ${text}.`,
  noAnswerYet: "In all this time no answer of any kind came back.",
  lastSeen: (known: readonly string[], time: string) => `Last seen ${known.join(", ")} at ${time}.`,
  lastSeenNothing: "Nothing was owed when the account was last seen.",
  neverSeen: "The account was never seen.",
  blindMeans: "Nothing will be resolved until data is fresh.",
  byHand: (failure: Failure | null) => {
    const more = failure === null ? undefined : BY_HAND[failure.code];
    return `By hand: look at the account in the app${more === undefined ? "" : `; ${more}`}.`;
  },
  stillFiring: (list: readonly string[]) => `Still firing: ${list.join(", ")}.`,
  nothingFiring: "Nothing else is firing.",

  gone: "position disappeared: closed or liquidated",
  goneMeans: "The exchange's answer no longer holds this position, which had debt when it was last seen.",
  goneDo: "If you did not close it, look at the account now. Its other alerts stay open until it is seen again.",
  goneBack: "it is in the exchange's answer again",
  goneBackInDebt: "The position is still open, and is watched again.",
  notOpened: "there is no cross margin account",
  notOpenedDo:
    "The config says cross: true, but Binance has no cross margin account for this key. Open it, or set cross: false.",
  notCreated: "this pair was never opened",
  notCreatedDo:
    "The config names it under isolated, but the account has no such pair. Open it, or take it out of the config.",
  noField: (rule: string) => `${rule} watches what this account does not have`,
  noFieldDo: (field: string, accountType: string) =>
    `The margin level of an account of type ${accountType} is not assets over debt, so there is no ${field}. Nothing is watched by this rule: write it on marginLevel.`,
  disorder: (rule: string) => `the thresholds of ${rule} are out of order`,
  disorderDo: (milder: Severity, worse: Severity) =>
    `With the account's own bars, ${SEVERITY[milder]} is not milder than ${SEVERITY[worse]}. The stricter one holds; mend the rule in the config.`,
  configWrong: "the configuration does not fit the account",
  configRight: "the configuration fits the account again",
  cannotDeliver: "cannot deliver",
  deliversAgain: "delivers again",
  noReason: "It does not answer.",
  waiting: (count: number, since: string) =>
    `${count === 1 ? "1 message waits" : `${count} messages wait`} since ${since}; kept, and sent when it works again.`,
  nothingWaits: "Nothing waits for it yet, but the next alert would not get through.",
  disk: "the state cannot be written",
  diskShort: "the disk is full, the reserve is being used",
  diskAgain: "the state can be written again",
  diskDo: (reason: string) =>
    `${capital(reason)}. Alerts go on from memory: a restart now may repeat some or lose some. Free space, mend the disk, or end the program that holds it.`,
  configRejected: "the new configuration is refused, the old one goes on",
  configAccepted: "the new configuration is in force",
  moreMistakes: (count: number) => `… and ${count} more: margind check lists them all.`,
  givesUp: "stops, and watches no more",
  neverDelivered: (count: number) =>
    `${count === 1 ? "a message was" : `${count} messages were`} never delivered: the notifier is gone from the config`,
  more: (count: number) => `… and ${count} more.`,
  diskShortDo: (reason: string) =>
    `${capital(reason)}. The state is still stored, in the reserve that was kept for this, but not for long. Free space now.`,
  stateLost: "the stored state was lost",
  rowsLost: "a part of the stored state was lost",
  stateLostDo: (what: LostState, movedTo: string | undefined) =>
    `${LOST[what]}${movedTo === undefined ? "" : ` It was moved to ${movedTo}.`} What fires now may be told again, and an alert that was open before may never be resolved here.`,
  restarts: (count: number, time: string) => `started ${count} times since ${time}, each time after a crash or a kill`,
  restartsDo: (crash: string | undefined) =>
    crash === undefined ? "It was killed or crashed: look at its log." : `The last error was: ${crash}`,
  gap: (from: string, to: string, lasted: string) => `nobody watched from ${from} to ${to} (${lasted})`,
  gapDo: (why: "down" | "asleep") =>
    `${why === "down" ? "margind was not running." : "This machine slept or stood still, or its clock was set forward."} Levels that fell and recovered in that time were not seen.`,
  removed: (field: string) => `${field}: rule removed while firing`,
  unwatched: (what: string) => `${what}: not watched any more`,
  unwatchedDo: "The config no longer has this read. It was not resolved.",
  removedDo: "The rule is no longer in the config, so nobody watches this any more. It was not resolved.",

  lateAt: (time: string) => `of ${time}`,
  lateSpan: (from: string, to: string) => `of ${from} to ${to}`,
  lateItem: (text: string, when: string) => `${text} · ${when}`,
  late: (text: string, when: string) => `${text} · ${when}, delivered late`,
  lateBefore: (count: number, time: string, headline: string) =>
    count === 1
      ? `Not delivered at ${time}: ${headline}`
      : `Not delivered since ${time}: ${count} messages, the first ${headline}`,
  lateReason: (notifier: string, reason: string) => `Waited for ${notifier}: ${reason}.`,
  lateSubject: (account: string, count: number) => `margind ${account}: ${count} alerts, delivered late`,

  count: (count: number) => `${count} alerts, worst first`,
  countFiring: (firing: number, size: number) => `${firing} of ${size} alerts still firing`,
  mailSubject: (account: string, what: string) =>
    account === OWN_ACCOUNT ? `margind: ${what}` : `margind ${account}: ${what}`,
  mailSubjectMany: (account: string, count: number, some: string) => `margind ${account}: ${count} alerts (${some})`,
  event: EVENT_WORDS.en,
  testHead: (notifier: string) => `test notification for ${notifier}`,
  testLine: "If you read this, alerts from margind reach you here.",
  testSubject: "margind: test notification",
};

export type Words = typeof en;

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
