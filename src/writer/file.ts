/**
 * One file that takes whole lines, whoever else writes to it.
 *
 * Any number of processes append with single `write` calls on `O_APPEND` descriptors; the kernel puts them one
 * after the other. Before each batch the path is looked at: if another process has rotated it, or somebody
 * has moved or deleted it, it is opened anew. Half lines of killed writers are kept from running into ours.
 *
 * @module
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { isatty } from "node:tty";
import { endHalfLine, partFromHalfLine } from "./half-line.js";
import { fault, guarded } from "../health.js";
import type { FileSettings } from "./protocol.js";
import { wholeLines } from "./lines.js";
import { rotate } from "./rotate.js";

const NEWLINE = 10;
const DAY_MS = 86_400_000;
/** After a rotation that the system refused or a lock kept from us, how long the file may grow before the next is tried. */
const ROTATE_REST_MS = 1000;
/** So long a look at the file after a line counts as one before the next. */
const FRESH_MS = 1;
/** How often, 1 ms apart, a rotation is tried while another process holds the lock. */
const ROTATE_TRIES = 20;
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** What a file tells of. */
export interface FileEvents {
  /** Takes over the descriptor of a file that has become a backup, to sync and close it. */
  retire(fd: number, backup: string | undefined): void;
  /** A rotation was refused; lines go on into the file, which grows beyond its limit. */
  rotationFailed(error: Error): void;
}

export class LogFile {
  #fd = -1;
  #inode = -1;
  /** How long the file is if nobody else has written since our last batch; -1 when we cannot know. */
  #expectedSize = -1;

  /** A line that may stand right behind a half line of another writer. */
  #unsettled: Buffer | undefined;
  /** When the file was last seen under its path with our line at its end. */
  #seenAt = -FRESH_MS;
  /** The folder has been brought to the disk since the file was made or opened. */
  #nameSynced = false;
  /** No rotation is tried before. */
  #restUntil = 0;

  constructor(
    readonly settings: FileSettings,
    private readonly events: FileEvents,
  ) {}

  /** Of the file that is open; -1 when none is. */
  get inode(): number {
    return this.#inode;
  }

  /** How long the file was before the batch that `prepare` was called for. */
  sizeBefore = 0;

  /** Opens the file, making it and its folder if need be; throws what the system says when it cannot. */
  open(): void {
    makeFolder(dirname(this.settings.path));
    const fd = openSync(this.settings.path, APPEND, this.settings.mode);
    if (fstatSync(fd).isFIFO() || isatty(fd)) {
      // To look for half lines in it would take away what we wrote, and wait for more.
      closeSync(fd);
      throw new Error(`${this.settings.path} is a pipe or a terminal, and no file`);
    }
    this.close();
    this.#fd = fd;
    this.#inode = fstatSync(fd).ino;
    this.#expectedSize = -1;
    this.#restUntil = 0;
    this.#nameSynced = false;
  }

  /**
   * Makes ready for `lines`; gives how many bytes of them may be written now, as whole lines.
   *
   * @param mayRotate - false: the first line belongs into the file that is there
   */
  prepare(lines: Buffer, mayRotate = true): number {
    const { maxBytes } = this.settings;
    this.settle();
    let size = this.#isFresh ? this.#expectedSize : this.#current().size;
    if (mayRotate && this.#isDue(size, lines)) size = this.#rotate(lines);
    if (size !== this.#expectedSize) size = endHalfLine(this.#fd, size);
    this.sizeBefore = size;
    // No room at all: the rotation that was due could not be had.
    const room = maxBytes > 0 && size < maxBytes ? maxBytes - size : lines.length;
    return lines.length > room ? wholeLines(lines, room) : lines.length;
  }

  /**
   * Writes `lines`, which `prepare` allowed, with one `write` if the system takes them in one.
   *
   * @returns bytes of whole lines that stand in the file; fewer than given when the disk is full
   * @throws what the system says, when not even one line could be written
   */
  write(lines: Buffer): number {
    const done = this.#put(lines);
    this.#settle(lines, done, fstatSync(this.#fd).size);
    return lastWholeLine(lines, done);
  }

  /**
   * The same for one line that its caller waits for: with nothing but a `write`. `settle` is to be called soon, and the line's
   * bytes stay as they are until then.
   */
  writeLine(line: Buffer): number {
    const done = this.#put(line);
    if (done === line.length) this.#unsettled = line;
    else this.#settle(line, done, fstatSync(this.#fd).size);
    return lastWholeLine(line, done);
  }

  /** Looks at the file after `writeLine`, and parts the line from a half line. What it sees serves the next `prepare` too. */
  settle(): void {
    const line = this.#unsettled;
    if (!line) return;
    this.#unsettled = undefined;
    const stat = this.#look();
    const isOurs = stat?.ino === this.#inode;
    this.#settle(line, line.length, isOurs ? stat.size : fstatSync(this.#fd).size);
    if (isOurs && this.#expectedSize >= 0) this.#seenAt = performance.now();
  }

  #put(lines: Buffer): number {
    let done = 0;
    try {
      while (done < lines.length) done += writeSync(this.#fd, lines, done, lines.length - done);
    } catch (error) {
      // The half line that may stand there now is ended before the next batch, which begins with that line.
      if (lastWholeLine(lines, done) === 0) {
        this.#expectedSize = -1;
        throw error;
      }
    }
    return done;
  }

  /** @param size - of the file after `done` bytes of `lines` were written */
  #settle(lines: Buffer, done: number, size: number): void {
    const alone = size === this.sizeBefore + done;
    if (!alone && !partFromHalfLine(this.#fd, done, this.settings.path)) this.#repeatFirst(lines);
    this.#expectedSize = alone && done === lines.length ? size : -1;
  }

  get #isFresh(): boolean {
    return this.#expectedSize >= 0 && performance.now() - this.#seenAt < FRESH_MS;
  }

  /** Brings what stands in the file to the disk, and its name with it. */
  sync(): void {
    if (this.#fd < 0) return;
    fsyncSync(this.#fd);
    if (this.#nameSynced) return;
    syncFolder(dirname(this.settings.path));
    this.#nameSynced = true;
  }

  close(): void {
    if (this.#fd < 0) return;
    guarded("writer.disk", () => this.settle());
    const fd = this.#fd;
    this.#fd = -1;
    this.#inode = -1;
    // Also where it fails, as on NFS beyond a quota, the number is free, and may be a socket's the next moment.
    guarded("writer.disk", () => closeSync(fd));
  }

  /* What was written counts, whatever comes of this: it must not be written twice as a whole. */
  #repeatFirst(lines: Buffer): void {
    try {
      writeSync(this.#fd, Buffer.concat([Buffer.from("\n"), lines.subarray(0, lines.indexOf(NEWLINE) + 1)]));
    } catch (error) {
      fault("writer.disk", error);
    }
  }

  #current(backup?: string): Stats {
    const stat = this.#look();
    if (stat && stat.ino === this.#inode && this.#fd >= 0) return stat;
    const old = this.#fd;
    this.#fd = -1;
    try {
      this.open();
    } finally {
      // Not before: a file that was deleted gives its inode to the next, which could not be told from it.
      if (old >= 0) this.events.retire(old, backup);
    }
    return fstatSync(this.#fd);
  }

  /* A folder that we may not search any more keeps nobody from the file that is open. */
  #look(): Stats | undefined {
    try {
      return statSync(this.settings.path, { throwIfNoEntry: false });
    } catch (error) {
      if (this.#fd >= 0 && (error as NodeJS.ErrnoException).code === "EACCES") return fstatSync(this.#fd);
      throw error;
    }
  }

  #isDue(size: number, lines: Buffer): boolean {
    if (size === 0 || performance.now() < this.#restUntil) return false;
    const { maxBytes, daily } = this.settings;
    if (maxBytes > 0 && size + lines.indexOf(NEWLINE) + 1 > maxBytes) return true;
    return daily && dayOf(fstatSync(this.#fd).mtimeMs) !== dayOf(Date.now());
  }

  /** A new, or at least a shorter, file; gives its size. */
  #rotate(lines: Buffer): number {
    for (let tries = 0; tries < ROTATE_TRIES; tries += 1) {
      const backup = this.#rename();
      const { size } = this.#current(backup);
      if (backup !== undefined || !this.#isDue(size, lines)) return size;
      Atomics.wait(pause, 0, 0, 1);
    }
    // The lock's owner takes its time, or is gone: better a file that is too long than lines that each wait.
    this.#restUntil = performance.now() + ROTATE_REST_MS;
    return fstatSync(this.#fd).size;
  }

  #rename(): string | undefined {
    try {
      return rotate(this.settings.path, this.#inode, Date.now());
    } catch (error) {
      this.#restUntil = performance.now() + ROTATE_REST_MS;
      this.events.rotationFailed(error as Error);
      return undefined;
    }
  }
}

/* Level by level: `recursive` never returns where a file system answers ENOENT although the parent is there. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
}

/* A folder that may be written but not read cannot be synced; its lines can. */
function syncFolder(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/* Of `done` bytes, those of whole lines. A line that lacks only its newline counts: closing it off ends it. */
function lastWholeLine(lines: Buffer, done: number): number {
  if (done === 0) return 0;
  if (lines[done] === NEWLINE) return done + 1;
  return lines.lastIndexOf(NEWLINE, done - 1) + 1;
}

function dayOf(milliseconds: number): number {
  return Math.floor(milliseconds / DAY_MS);
}
