/**
 * Verifies a sealed trail: whether it stands as it was written, and if not, what was done to it and where.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { stat } from "node:fs/promises";
import { findFiles, type TrailFile } from "../files.js";
import { type Line, readLines } from "../lines.js";
import { ReadReport } from "../report.js";
import { claimsOf, readRegister, readWitness } from "./claims.js";
import { ChainKeys } from "./keys.js";
import { FileScanner } from "./scan.js";
import { assemble } from "./trail.js";
import type { FileScan, Verified } from "./types.js";

/** What a trail is verified with. */
export interface VerifyOptions {
  /**
   * The key of `seal: { key }`. Without it the order of keyed chains can be verified, and not their lines.
   * Default: none.
   */
  readonly key?: Uint8Array | undefined;
  /**
   * An Ed25519 public key in PEM: every checkpoint must be signed with its private half. Default: signatures
   * are not looked at.
   */
  readonly publicKey?: string | undefined;
  /** Files that were last written before are left out, and nothing is missed of them. Default: all files. */
  readonly since?: Date | undefined;
  /**
   * Files that a witness wrote, or folders of them: every checkpoint in them must be in the trail. Default:
   * none.
   */
  readonly witness?: readonly string[] | undefined;
  /** Only these logs. Default: all. */
  readonly logs?: readonly string[] | undefined;
  /**
   * Is told, now and then, how many bytes were read; compressed files count as they are. Default: nobody.
   */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/** A trail that is written while it is read may seem to lack what was just moved: then it is read again. */
const TRIES = 3;

/**
 * Verifies the files of a trail.
 *
 * @param where - a directory, or paths of files; only of a directory can be said what is missing
 * @throws {AuditError} `AUDIT_TRAIL_MISSING`: there is no such directory or file, or none in it
 * @example
 * const { status, findings } = await verify("audit_logs", { key: readFileSync("/run/secrets/audit-seal") });
 */
export async function verify(
  where: string | readonly string[],
  options: VerifyOptions = {},
): Promise<Verified> {
  for (let tries = 1; ; tries += 1) {
    const before = await listing(where);
    const verified = await verifyOnce(where, options);
    const lacks = verified.findings.some(({ kind }) => kind === "missing-file" || kind === "truncated");
    if (!lacks || tries === TRIES || before === (await listing(where))) return verified;
  }
}

async function verifyOnce(where: string | readonly string[], options: VerifyOptions): Promise<Verified> {
  const { since, logs } = options;
  const whole =
    typeof where === "string" && (await stat(where).catch(() => undefined))?.isDirectory() === true;
  // First, so that the files are at least as far as is said here.
  const outside = [
    ...(await Promise.all((options.witness ?? []).map((path) => readWitness(path)))).flat(),
    ...(whole ? await readRegister(where as string) : []),
  ];
  const found = await findFiles(where, { logs });
  const files = since ? found.filter(({ changedAt }) => changedAt >= since.getTime()) : found;
  const keys = new ChainKeys(options.key);
  const report = new ReadReport();
  const scans = await scanAll(files, keys, options, report);
  const known = new Set(found.map(({ log }) => log));
  const claims = [...outside, ...claimsOf(scans)].filter(({ log }) => !logs || known.has(log));
  const { findings, gaps, chains } = assemble(scans, claims, keys, { whole, since: since !== undefined });
  for (const { path, why } of report.unreadable) gaps.push(`${path} could not be read to its end: ${why}`);
  const sum = (count: (scan: FileScan) => number): number =>
    scans.reduce((total, scan) => total + count(scan), 0);
  return {
    status: findings.length > 0 ? "tampered" : gaps.length > 0 ? "incomplete" : "intact",
    findings,
    gaps,
    files: scans.length,
    bytes: report.bytes,
    lines: sum(({ lines }) => lines),
    sealed: sum(({ sealed }) => sealed),
    half_lines: sum(({ halfLines }) => halfLines),
    chains,
  };
}

async function scanAll(
  files: readonly TrailFile[],
  keys: ChainKeys,
  { publicKey, onProgress }: VerifyOptions,
  report: ReadReport,
): Promise<FileScan[]> {
  const key: KeyObject | undefined = publicKey === undefined ? undefined : createPublicKey(publicKey);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const scans: FileScan[] = [];
  let done = 0;
  for (const file of files) {
    const scanner = new FileScanner(file.path, file.log, keys, key);
    // As it was when it was found: a checkpoint that is written while this file is read tells of lines in others that were
    // written after these had been read.
    const until = file.live && !file.gzip ? file.size : Infinity;
    let read = 0;
    for await (const lines of readLines(file, { report })) {
      for (const line of lines) if (beginsOrEnds(line) < until) scanner.add(line);
      const last = lines.at(-1)!;
      if (last.offset >= until) break;
      read = Math.min(last.offset + last.bytes.length, file.size);
      onProgress?.(done + read, total);
    }
    done += file.size;
    scans.push(scanner.end());
  }
  onProgress?.(total, total);
  return scans;
}

/* Where a whole line ends, and a half one begins: what is half to the file's end is one that a killed process left. */
function beginsOrEnds({ offset, bytes, fault }: Line): number {
  return fault === "unended" ? offset : offset + bytes.length;
}

/* The files by name and length: whether something was written or moved meanwhile. */
async function listing(where: string | readonly string[]): Promise<string> {
  const files = await findFiles(where);
  return files.map(({ path, size, identity }) => `${path} ${size} ${identity}`).join("\n");
}
