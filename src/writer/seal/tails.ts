/**
 * The last lines of each chain, as the files have them: where a chain stood that was not stopped.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Head } from "../../seal/checkpoint.js";
import { readSeal } from "../../seal/line.js";
import { backupPattern } from "../backup-name.js";

const NEWLINE = 10;
/** So much is looked at, of the file and then of its newest backups. */
const TAIL_BYTES = 2 << 20;
/** And so much for a chain that is sought: others may have gone on for a while before one saw that its process is gone. */
const SEARCH_BYTES = 64 << 20;

/** Chains that are sought. */
export interface Sought {
  readonly chains: ReadonlySet<string>;
  /** When they are known to have run, in milliseconds since the epoch: they have no later line in older files. */
  readonly since: number;
}

/** The last line of each chain that is seen at the end of a file and of its newest backups; those that came first stand first. */
export function lastLines(path: string, sought?: Sought): Map<string, Head> {
  const found: Map<string, Head>[] = [];
  const missing = new Set(sought?.chains);
  let looked = 0;
  for (const { bytes, modified } of backwards(path)) {
    if (looked >= TAIL_BYTES && (missing.size === 0 || modified < sought!.since)) break;
    if (looked >= SEARCH_BYTES) break;
    const heads = headsIn(bytes);
    for (const chain of heads.keys()) missing.delete(chain);
    found.push(heads);
    looked += bytes.length;
  }
  const last = new Map<string, Head>();
  // A file that was rotated meanwhile has more lines of one when it comes again.
  for (const [chain, head] of found.toReversed().flatMap((heads) => [...heads]))
    if (head.seq >= (last.get(chain)?.seq ?? 0)) last.set(chain, head);
  return last;
}

function headsIn(bytes: Buffer): Map<string, Head> {
  const heads = new Map<string, Head>();
  for (let start = 0, end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const seal = readSeal(bytes, start, end);
    if (seal) heads.set(seal.chain, { seq: seal.seq, hash: seal.hash });
    start = end + 1;
  }
  return heads;
}

interface Piece {
  readonly bytes: Buffer;
  /** When its file was, in milliseconds since the epoch. */
  readonly modified: number;
}

/* The file first and its backups after: one that is rotated meanwhile comes twice, and not never. */
function* backwards(path: string): Generator<Piece> {
  yield* piecesOf(path);
  for (const backup of newestBackups(path)) yield* piecesOf(backup);
}

function* piecesOf(path: string): Generator<Piece> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return;
  }
  try {
    const { size, mtimeMs } = fstatSync(fd);
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - TAIL_BYTES);
      const buffer = Buffer.alloc(end - start);
      const bytes = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, start));
      yield { bytes, modified: mtimeMs };
      // The line that the piece begins amid comes again, whole.
      const whole = start === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
      end = whole < bytes.length ? start + whole : start;
    }
  } finally {
    closeSync(fd);
  }
}

function newestBackups(path: string): string[] {
  const pattern = backupPattern(path);
  return readdirSync(dirname(path))
    .filter((found) => pattern.test(found) && !found.endsWith(".gz"))
    .toSorted()
    .toReversed()
    .map((name) => join(dirname(path), name));
}
