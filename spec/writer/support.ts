/**
 * Runs the programs beside the specs, and reads what they left.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { THREAD_FILE } from "#dist/writer/crew";
import type { WriterSettings } from "#dist/writer/protocol";
import type { Writer } from "#dist/writer/writer";
import { closeWriter, openWriter } from "#dist/writer/writers";
import { until } from "../support/until.js";

const programs = join(__dirname, "programs");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export function start(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  return spawn(process.execPath, [join(programs, `${program}.js`), ...args], {
    env: { ...process.env, NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

export async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const child = start(program, args, env);
  const [output, [code, signal]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  return { code: code as number | null, signal: signal as NodeJS.Signals | null, output };
}

/** Gives `work` a folder that is gone afterwards. */
export async function inFolder(work: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "audit-writer-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The settings of a writer on `a.log`. */
export function settings(folder: string, options: Partial<WriterSettings> = {}): WriterSettings {
  return {
    path: join(folder, "a.log"),
    mode: 0o600,
    maxBytes: 0,
    daily: false,
    gzip: false,
    keep: {},
    ringBytes: 65_536,
    onFull: "drop",
    maxBlockMs: 50,
    threadFile: THREAD_FILE,
    ...options,
  };
}

/** Runs `work` with a writer on `a.log` in `folder`. */
export async function writing(
  folder: string,
  options: Partial<WriterSettings>,
  work: (writer: Writer) => Promise<void> | void,
): Promise<void> {
  const writer = openWriter(settings(folder, options), ({ count, why }) => `gap ${count}: ${why}`);
  try {
    await work(writer);
  } finally {
    closeWriter(writer);
  }
}

/** The thread's word of why comes a turn of the event loop after its state. */
export function untilFailing(writer: Writer): Promise<void> {
  return until(() => writer.health().state === "failing" && writer.health().last_error !== null);
}

/** The lines of `<name>.log` and its backups, oldest file first. */
export function linesOf(folder: string, name: string): string[] {
  const files = readdirSync(folder).filter((file) => new RegExp(`^${name}(-.+)?\\.log$`, "u").test(file));
  // The file itself is the youngest, and would sort before its backups.
  const oldestFirst = [...files.filter((file) => file !== `${name}.log`).toSorted(), `${name}.log`];
  return oldestFirst.flatMap((file) => readFileSync(join(folder, file), "utf8").split("\n").filter(Boolean));
}

export interface Written {
  readonly by: number;
  readonly n: number;
}

/** What is wrong with the records of the writers: none is missing, none comes twice, each is whole. */
export function faultsOf(
  lines: readonly string[],
  expected: ReadonlyMap<number, number>,
): Record<string, number> {
  const seen = new Map<number, Set<number>>([...expected.keys()].map((by) => [by, new Set<number>()]));
  const faults = { missing: 0, twice: 0, torn: 0 };
  for (const line of lines) {
    const record = parsed(line);
    if (!record) faults.torn += 1;
    else if (seen.get(record.by)?.has(record.n)) faults.twice += 1;
    else seen.get(record.by)?.add(record.n);
  }
  for (const [by, count] of expected) faults.missing += count - seen.get(by)!.size;
  return faults;
}

export function parsed(line: string): Written | undefined {
  try {
    const record = JSON.parse(line) as Written & { extra?: Written };
    // Of a request's record they are among the application's fields.
    return record.n === undefined ? record.extra : record;
  } catch {
    return undefined;
  }
}

export const WHOLE = { missing: 0, twice: 0, torn: 0 };
