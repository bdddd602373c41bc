#!/usr/bin/env node
/**
 * The command line: `npx activity-audit`. Each command is one file.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import pc from "picocolors";
import { AuditError } from "../errors.js";
import { removeTemporaries } from "../read/sql/store.js";
import { safe, safeJson } from "./safe.js";
import { asOfCommand } from "./as-of.js";
import { exportCommand } from "./export.js";
import { explainCommand } from "./explain.js";
import { historyCommand } from "./history.js";
import { queryCommand } from "./query.js";
import { serveCommand } from "./serve.js";
import { statsCommand } from "./stats.js";
import { tailCommand } from "./tail.js";
import { timelineCommand } from "./timeline.js";
import { verifyCommand } from "./verify.js";

const { version } = require("../../package.json") as { version: string };

const COMMANDS = [
  tailCommand,
  queryCommand,
  timelineCommand,
  historyCommand,
  asOfCommand,
  statsCommand,
  exportCommand,
  explainCommand,
  serveCommand,
  verifyCommand,
];

async function main(): Promise<void> {
  const program = new Command("activity-audit")
    .description("Reads the trail that activity-audit writes.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(--help shows how)");
  for (const add of COMMANDS) add(program);
  program.addHelpText(
    "after",
    "\nEnds with 0: found; 1: nothing found, or something is wrong; 2: not asked rightly.",
  );

  // `activity-audit tail | head`: the reader has seen enough.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    removeTemporaries();
    process.exit(0);
  });
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = failed(error);
  }
}

/** Says why, and gives the exit code. */
function failed(error: unknown): number {
  // commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { code, message } = error as NodeJS.ErrnoException;
  if (process.argv.includes("--json")) process.stderr.write(`${safeJson({ error: { code, message } })}\n`);
  else process.stderr.write(`${pc.red("error:")} ${safe(message)}\n`);
  if (!(error instanceof AuditError) && process.env["DEBUG"]) console.error(error);
  return 2;
}

void main();
