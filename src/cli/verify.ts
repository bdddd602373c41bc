/**
 * `activity-audit verify DIR|FILES`: whether a sealed trail stands as it was written.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import pc from "picocolors";
import { moment } from "../read/filter.js";
import type { Finding, Verified } from "../read/verify/types.js";
import { verify } from "../read/verify/verify.js";
import { list } from "./command.js";
import { Output } from "./output.js";
import { safe } from "./safe.js";

/** How it ends; also in `docs/sealing.md`. */
const EXIT = { intact: 0, tampered: 1, incomplete: 3 } as const;
/** Findings that are shown; all are counted, and `--json` has all. */
const SHOWN = 20;
const NEWLINES = /[\r\n]+$/u;

interface Options {
  readonly key?: string;
  readonly keyFile?: string;
  readonly publicKey?: string;
  readonly since?: Date;
  readonly witness?: readonly string[];
  readonly log?: readonly string[];
  readonly json?: boolean;
}

export function verifyCommand(program: Command): void {
  program
    .command("verify [where...]")
    .description("verifies a sealed trail: names the first line that does not stand as it was written")
    .option(
      "--key <key>",
      "the key that the trail is sealed with; seen in the list of processes, so better a file",
    )
    .option("--key-file <path>", "a file with that key; default: the variable AUDIT_SEAL_KEY")
    .option("--public-key <path>", "PEM: each checkpoint must be signed with its private half")
    .option(
      "--since <time>",
      "leaves out files that were last written before this time, or so long ago: 7d",
      time,
    )
    .option(
      "--witness <paths>",
      "files or folders of a witness, whose lines must all be found in the trail",
      list,
    )
    .option("--log <names>", "only these files: audit, api, login, app", list)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nEnds with 0: intact; 1: tampered with; 2: not asked rightly; 3: not all could be verified.",
    )
    .action(run);
}

async function run(places: readonly string[], options: Options): Promise<void> {
  const where = places.length === 0 ? "audit_logs" : places.length === 1 ? places[0]! : places;
  const out = new Output(options.json === true);
  const bar = process.stderr.isTTY && !options.json ? progress() : undefined;
  let verified: Verified;
  try {
    verified = await verify(where, {
      key: keyOf(options),
      publicKey: options.publicKey === undefined ? undefined : readFileSync(options.publicKey, "utf8"),
      since: options.since,
      witness: options.witness,
      logs: options.log,
      onProgress: bar?.update,
    });
  } finally {
    bar?.stop();
  }
  if (out.json) await out.data(verified);
  else await tell(verified, out);
  await out.flush();
  process.exitCode = EXIT[verified.status];
}

/** The key, out of a file, the command line or the environment. */
export function keyOf({
  key = process.env["AUDIT_SEAL_KEY"],
  keyFile,
}: Pick<Options, "key" | "keyFile">): Uint8Array | undefined {
  if (keyFile !== undefined)
    return Buffer.from(readFileSync(keyFile, "latin1").replace(NEWLINES, ""), "latin1");
  return key === undefined ? undefined : Buffer.from(key);
}

/** As every other command takes it: without an offset it is UTC. */
function time(value: string): Date {
  return new Date(`${moment("--since", value, Date.now()).replace(" ", "T")}Z`);
}

async function tell(verified: Verified, out: Output): Promise<void> {
  const { status, findings, gaps, chains, half_lines, sealed, files, bytes } = verified;
  for (const finding of findings.slice(0, SHOWN)) await out.line(shown(finding));
  if (findings.length > SHOWN) await out.line(`… and ${findings.length - SHOWN} more; --json has all.`);
  for (const gap of gaps) await out.line(pc.yellow(`not verified: ${safe(gap)}`));
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  await out.line(`${sealed} sealed lines of ${chains.length} chains in ${files} files, ${size}`);
  const crashed = chains.filter(({ ended }) => ended === "crashed").length;
  const open = chains.filter(({ ended }) => ended === "open");
  if (crashed > 0) await out.line(`${crashed} ended by a crash`);
  const tail = open.reduce((sum, chain) => sum + chain.since_checkpoint, 0);
  if (open.length > 0) {
    await out.line(
      `${open.length} go on, or ended without a word; ${tail} of their lines are after the last checkpoint`,
    );
  }
  if (half_lines > 0) await out.line(`${half_lines} half lines of writers that were killed`);
  await out.line(
    status === "intact"
      ? pc.green("intact")
      : status === "tampered"
        ? pc.red("tampered with")
        : pc.yellow("incomplete"),
  );
}

function shown({ kind, file, line, offset, chain, message }: Finding): string {
  const at = file === undefined ? "" : `${safe(file)}:${line} (byte ${offset}) `;
  return `${pc.red(kind)} ${at}${safe(message)}${chain === null ? "" : pc.dim(` [chain ${chain}]`)}`;
}

/** A bar on standard error, which is only shown where it takes longer than a moment. */
function progress(): { update(bytes: number, total: number): void; stop(): void } {
  const bar = new SingleBar({
    format: "verifying {bar} {percentage}% · {eta_formatted}",
    stream: process.stderr,
    clearOnComplete: true,
  });
  const begun = performance.now();
  let shows = false;
  return {
    update(bytes, total) {
      if (!shows && performance.now() - begun > 500) {
        shows = true;
        bar.start(total, bytes);
      }
      if (shows) bar.update(bytes);
    },
    stop: () => bar.stop(),
  };
}
