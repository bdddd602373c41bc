/**
 * The files that wait to be sent: the live one, which any number of processes append to, and its backups.
 *
 * @module
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { backupPattern } from "../writer/backup-name.js";
import { lastChange, SETTLED_MS } from "../writer/settled.js";

const NEWLINE = 10;

/** One file of the spool, as it was when it was looked at. */
export interface SpoolFile {
  readonly path: string;
  readonly inode: number;
  readonly size: number;
  /** A backup that nobody appends to any more. */
  readonly isSettled: boolean;
}

/** Oldest first, the live one last. */
export function spoolFiles(live: string, now: number): SpoolFile[] {
  // The live file first: one that is rotated meanwhile is then seen twice, and not overlooked.
  const current = describe(live, now, false);
  const folder = dirname(live);
  const pattern = backupPattern(live);
  const backups = namesIn(folder)
    .filter((name) => pattern.test(name))
    .toSorted()
    .flatMap((name) => describe(join(folder, name), now, true) ?? []);
  const isRotated = backups.some(({ inode }) => inode === current?.inode);
  return current && !isRotated ? [...backups, current] : backups;
}

function describe(path: string, now: number, isBackup: boolean): SpoolFile | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  const isSettled = isBackup && now - lastChange(found) > SETTLED_MS;
  return { path, inode: found.ino, size: found.size, isSettled };
}

/**
 * Whole lines from `from` on, at most `most` bytes of them (more if a single line is longer). A last line without
 * a newline is taken only from a settled file: its writer is gone.
 */
export function readLines(file: SpoolFile, from: number, most: number): Buffer {
  const fd = openSync(file.path, "r");
  try {
    // Renamed and replaced since it was looked at: the next look finds both.
    if (fstatSync(fd).ino !== file.inode) return Buffer.alloc(0);
    for (let length = most; ; length *= 2) {
      const bytes = readAt(fd, from, Math.min(length, file.size - from));
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      if (end > 0) return bytes.subarray(0, end);
      if (bytes.length < length) return file.isSettled ? bytes : bytes.subarray(0, 0);
    }
  } finally {
    closeSync(fd);
  }
}

/** Whether the file is as long as it was when it was looked at. */
export function isUnchanged(file: SpoolFile): boolean {
  return statSync(file.path).size === file.size;
}

/**
 * Removes a file that was sent whole, or given up.
 *
 * @param forget - notes that nothing is known of its inode, which the system gives to a new file
 */
export function discard(file: SpoolFile, forget: () => void): void {
  // On a disk that is full the note finds no room before.
  truncateSync(file.path);
  forget();
  unlinkSync(file.path);
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(length, 0));
  let read = 0;
  while (read < bytes.length) {
    const count = readSync(fd, bytes, read, bytes.length - read, position + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
