/**
 * What all commands that read a trail have in common: where it is, how they answer, how they end.
 *
 * @module
 */
import { InvalidArgumentError, Option, type Command } from "commander";
import { findFiles, type TrailFile } from "../read/files.js";
import { ReadReport } from "../read/report.js";
import { Output } from "./output.js";

/** How a command ends: 0 it found what was asked; 1 it found nothing, or something bad; 2 it could not be asked so. */
export type ExitCode = 0 | 1 | 2;

export interface TrailOptions {
  readonly dir: string;
  readonly log?: readonly string[];
  readonly json?: boolean;
}

/** What a command works with. */
export interface Trail {
  readonly out: Output;
  readonly report: ReadReport;
  /** Found when they are asked for. */
  files(): Promise<TrailFile[]>;
}

/** Splits `a,b`, and takes the option several times. A composite key, `{"a":1,"b":2}`, is one value. */
export function list(value: string, before: readonly string[] = []): string[] {
  const values = value.startsWith("{") ? [value] : value.split(",");
  return [...before, ...values.map((part) => part.trim())].filter(Boolean);
}

/** A whole number from 0 on. */
export function count(text: string): number {
  if (!/^\d{1,9}$/u.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

/**
 * A command that reads a trail, with `--dir`, `--log` and `--json`.
 *
 * @example
 * trailCommand(program, "timeline <request>", "what one request caused").action(answering(async (trail, request) => …));
 */
export function trailCommand(program: Command, usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option("-d, --dir <path>", "directory of the trail's files", "audit_logs")
    .addOption(
      new Option("--log <names>", "only these files: audit, api, login, app")
        .argParser(list)
        .default(undefined),
    )
    .option("--json", "one JSON object a line, for programs");
}

/**
 * The action of a command: runs it, says what could not be read, and sets how the process ends.
 *
 * @param run - gets the trail, then what commander gives: arguments, and options
 */
export function answering<Given extends [...unknown[]]>(
  run: (trail: Trail, ...given: Given) => Promise<ExitCode>,
): (...given: [...Given, Command]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const options = command.opts<TrailOptions>();
    const report = new ReadReport();
    const out = new Output(options.json === true);
    const files = () => findFiles(options.dir, { logs: options.log });
    const code = await run({ out, report, files }, ...(given.slice(0, -1) as Given));
    await out.flush();
    out.warn(report);
    process.exitCode = code;
  };
}
