/**
 * A lock between processes that share a folder: a small file, made with O_EXCL, that names its owner.
 *
 * It only keeps two processes from doing the same work twice (rotating, compressing, shipping). Losing it costs a short
 * backup, never a line; so a lock is never waited for, and one whose owner is gone is simply taken over.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { isAlive } from "../alive.js";

/** A lock of another machine (its process ids mean nothing here) counts as left behind after so long. */
const FOREIGN_STALE_MS = 10_000;

/** Runs `work` under the lock; false when another live process has it. */
export function withLock(path: string, work: () => void): boolean {
  const lock = takeLock(path);
  if (!lock) return false;
  try {
    work();
  } finally {
    lock.release();
  }
  return true;
}

/** A lock for work that goes on. */
export interface HeldLock {
  /** Says that the owner lives; false when the lock was lost to another process. At least every five seconds. */
  keep(): boolean;
  release(): void;
}

/** Undefined when another live process has it. */
export function takeLock(path: string): HeldLock | undefined {
  const token = `${hostname()} ${process.pid} ${randomBytes(6).toString("hex")}`;
  if (!take(path, token)) return undefined;
  const isOurs = (): boolean => read(path) === token;
  return {
    keep() {
      if (!isOurs()) return false;
      const now = new Date();
      utimesSync(path, now, now);
      return true;
    },
    release() {
      if (isOurs()) remove(path);
    },
  };
}

function take(path: string, token: string): boolean {
  if (create(path, token)) return true;
  const found = read(path);
  if (found === undefined) return create(path, token);
  if (!isLeftBehind(path, found)) return false;
  evict(path, found);
  return create(path, token);
}

function create(path: string, token: string): boolean {
  const fd = open(path);
  if (fd === undefined) return false;
  try {
    writeSync(fd, token);
    return true;
  } catch (error) {
    // On a full disk: a lock that names nobody would stand for long.
    remove(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

/* By rename, so that of two processes that see the same dead owner only one removes its lock. If the lock has
   passed to a live owner between our look and our rename, it is put back. */
function evict(path: string, dead: string): void {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (read(aside) !== dead) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process already made a new lock; the owner of this one finds out when it looks.
    }
  }
  remove(aside);
}

function isLeftBehind(path: string, token: string): boolean {
  const [host, pid] = token.split(" ");
  if (host === hostname() && pid) {
    if (Number(pid) === process.pid) return false;
    return !isAlive(Number(pid));
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > FOREIGN_STALE_MS;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process has taken it over.
  }
}
