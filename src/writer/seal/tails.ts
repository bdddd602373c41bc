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

/** What stands at the end of a file and of its newest backups. */
export interface Tails {
  /** The last line of each chain that is seen. */
  readonly heads: ReadonlyMap<string, Head>;
  /** How long the file is, if it has lines and none of those that were seen is sealed. */
  readonly unsealedBytes: number;
}

export function readTails(path: string): Tails {
  const own = tailOf(path, TAIL_BYTES);
  const tails = [own.bytes];
  let left = TAIL_BYTES - own.bytes.length;
  for (const backup of left > 0 ? newestBackups(path) : []) {
    const { bytes } = tailOf(backup, left);
    tails.push(bytes);
    left -= bytes.length;
    if (left <= 0) break;
  }
  const heads = new Map<string, Head>();
  const sealed = tails.toReversed().map((bytes) => collect(bytes, heads));
  return { heads, unsealedBytes: sealed.includes(true) ? 0 : own.size };
}

/* Later lines of a chain come later; true if there was one. */
function collect(bytes: Buffer, heads: Map<string, Head>): boolean {
  let found = false;
  for (let start = 0, end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const seal = readSeal(bytes, start, end);
    if (seal) heads.set(seal.chain, { seq: seal.seq, hash: seal.hash });
    found ||= seal !== undefined;
    start = end + 1;
  }
  return found;
}

function tailOf(path: string, limit: number): { readonly bytes: Buffer; readonly size: number } {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return { bytes: Buffer.alloc(0), size: 0 };
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, limit));
    return { bytes: bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, size - bytes.length)), size };
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
