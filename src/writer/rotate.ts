/**
 * Turns the file into a backup: by rename, to a name that no other backup has.
 *
 * A rename is what followers such as Vector and `tail -F` understand without loss or doubles; numbers that
 * shift, and copy-and-truncate, are not. A process that still holds the old file appends to the backup, and
 * finds the new file before its next batch.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { readdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { backupPath, backupPattern } from "./backup-name.js";
import { withLock } from "./lock.js";

/**
 * Renames the file to a fresh backup name, if it still is the one with `inode`.
 *
 * @returns the backup's path; `undefined` when another process has just done it, or is doing it now
 */
export function rotate(path: string, inode: number, now: number): string | undefined {
  let renamed: string | undefined;
  withLock(`${path}.lock`, () => {
    if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) return;
    try {
      const backup = nextBackup(path, now);
      renameSync(path, backup);
      renamed = backup;
    } catch (error) {
      // ENOENT: a process without our lock was faster.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  });
  return renamed;
}

/* Two backups of one moment would sort by chance. */
let lastStamp = 0;

function nextBackup(path: string, now: number): string {
  lastStamp = Math.max(now, lastStamp + 1);
  return backupPath(path, lastStamp, randomBytes(4).toString("hex"));
}

/** Where the file with `inode` is now: under its own path, or a backup's; `undefined` when it has been deleted. */
export function pathOfInode(path: string, inode: number): string | undefined {
  const isInode = (candidate: string): boolean =>
    statSync(candidate, { throwIfNoEntry: false })?.ino === inode;
  if (isInode(path)) return path;
  const pattern = backupPattern(path);
  const folder = dirname(path);
  const newestFirst = readdirSync(folder)
    .filter((name) => pattern.test(name))
    .toSorted()
    .toReversed();
  return newestFirst.map((name) => join(folder, name)).find(isInode);
}
