// The first thing that a newcomer runs, from the installed package.
import { type Bench, type Check, expect, indent } from "../harness.ts";
import { run } from "../programs.ts";

/** Distance, ways back, price of one asset, falls, what moved it, cost; the README shows it. Within one message: a dot is no line end. */
const WHOLE_ALERT = new RegExp(
  [
    "CRITICAL · main · cross margin level .*",
    ".*Liquidation at .*",
    ".*Back to .*",
    ".*Out of the margin call .*",
    ".*BTC alone: liquidation at .*",
    ".*If all you hold falls .*",
    ".*Margin level from .* price .* Interest costs about .*",
  ].join("\\n"),
);

export async function demo(check: Check, { main, folder }: Bench): Promise<void> {
  await check("margind demo replays the crash, resolves what it opened, and ends by itself", async () => {
    // Whatever channels the environment names are not this test's to write to.
    const env = { SLACK_BOT_TOKEN: "", SMTP_URL: "", NO_COLOR: "1" };
    const { stdout, stderr, tookMs } = await run(process.execPath, [main, "demo"], { cwd: folder, env });
    expect(stderr === "", `it complained:${indent(stderr)}`);
    expect(/CRITICAL · main · /.test(stdout), `no critical alert:${indent(stdout)}`);
    expect(WHOLE_ALERT.test(stdout), `no alert says all of it:${indent(stdout)}`);
    const summary = /Six days in short: .*/.exec(stdout)?.[0];
    const [, opened, resolved] = /(\d+) alerts? opened, (\d+) resolved/.exec(summary ?? "") ?? [];
    expect(Number(opened) > 0 && opened === resolved, `summary: ${summary ?? `none${indent(stdout)}`}`);
    expect(tookMs < 90_000, `it took ${Math.round(tookMs / 1000)} s`);
    return summary;
  });
}
