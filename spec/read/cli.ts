/**
 * Runs the command line as its users do: another process, with its streams and its exit code.
 *
 * @module
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";

export const cliPath = resolve(__dirname, "../../../dist/cli/main.js");

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly cwd?: string;
  /** Who runs it. */
  readonly uid?: number;
  readonly gid?: number;
}

export function startCli(args: readonly string[], { env, cwd, uid, gid }: CliOptions = {}): ChildProcess {
  const plain = { ...process.env };
  delete plain["FORCE_COLOR"];
  return spawn(process.execPath, [cliPath, ...args], {
    cwd,
    uid,
    gid,
    env: { ...plain, NO_COLOR: "1", ...env },
  });
}

export async function cli(args: readonly string[], options: CliOptions = {}): Promise<Answer> {
  const child = startCli(args, options);
  child.stdin!.end(options.input ?? "");
  const [stdout, stderr] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close"),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

/** The objects that `--json` prints, one a line. */
export function objects(stdout: string): any[] {
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
