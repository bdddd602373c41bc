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
/** One that names nobody: its owner was killed between two steps that follow each other at once. */
const UNNAMED_STALE_MS = 300;
/** One whose process id lives here too: longer than an owner may be busy between two words of his. */
const LIVING_STALE_MS = 300_000;
/** Clocks of file systems and of processes differ by so much. */
export const FILE_CLOCK_MS = 2000;

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

/* A container that is started again has the process ids that it had before (its first one is always 1), and mostly
   its old name: a living owner is not believed for ever. Nor are we ourselves: a thread that was ended amid its work,
   since it did not answer or its files were closed, has left a lock with our id. */
function isLeftBehind(path: string, token: string): boolean {
  const [host, pid] = token.split(" ");
  const isHere = host === hostname() && Number(pid) > 0;
  if (isHere && !isAlive(Number(pid))) return true;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  const age = Date.now() - stat.mtimeMs;
  if (token === "") return age > UNNAMED_STALE_MS;
  if (!isHere) return age > FOREIGN_STALE_MS;
  if (age > LIVING_STALE_MS) return true;
  return Number(pid) === process.pid && age > process.uptime() * 1000 + FILE_CLOCK_MS;
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
