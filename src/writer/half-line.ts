/**
 * Half lines: what a writer leaves that is killed inside `write`, or that finds the disk full.
 *
 * They cannot be prevented, but they can be kept from running into a line of somebody else. One that stands
 * at the end of the file is ended before the next batch. One that comes between that look and the `write` of the batch
 * stands right before it; its last byte becomes a newline. That byte was of no use to anybody, and nothing
 * has to be written twice.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { pathOfInode } from "./rotate.js";

const NEWLINE = 10;
/** A last byte that is no newline is a half line only if the file does not grow for so long. */
const HALF_LINE_MS = 2;
const pause = new Int32Array(new SharedArrayBuffer(4));
const scratch = Buffer.allocUnsafe(65_536);

/**
 * Ends the half line at the end of a file of `size` bytes, if there is one; gives how long the file is then.
 * A live writer that the kernel has stopped amid its `write` is not harmed: ours waits for it, and is an empty line.
 */
export function endHalfLine(fd: number, size: number): number {
  let seen = size;
  while (seen > 0 && byteAt(fd, seen - 1) !== NEWLINE) {
    Atomics.wait(pause, 0, 0, HALF_LINE_MS);
    const now = fstatSync(fd).size;
    if (now === seen) return seen + writeSync(fd, "\n");
    seen = now;
  }
  return seen;
}

/**
 * Parts what was just written, `length` bytes on `fd`, from a half line right before it.
 *
 * @param path - the file, or what it was before it became a backup
 * @returns false when they could not be parted: a half line and the first of the lines are one now
 */
export function partFromHalfLine(fd: number, length: number, path: string): boolean {
  try {
    const start = positionOf(fd) - length;
    if (start <= 0 || byteAt(fd, start - 1) === NEWLINE) return true;
    const current = pathOfInode(path, fstatSync(fd).ino);
    if (current !== undefined) overwrite(current, start - 1);
    return true;
  } catch {
    return false;
  }
}

/* By a descriptor of its own: on one with O_APPEND every `write` goes to the end, whatever position it is given. */
function overwrite(path: string, position: number): void {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, "\n", position);
  } finally {
    closeSync(fd);
  }
}

/* A `write` with O_APPEND leaves the descriptor's position at its end. Node cannot ask for it, but reading from there
   to the end of the file tells how far that is away; the size counts if nothing comes after it was taken. */
function positionOf(fd: number): number {
  let after = 0;
  for (;;) {
    const { size } = fstatSync(fd);
    const read = readToEnd(fd);
    after += read;
    if (read === 0) return size - after;
  }
}

function readToEnd(fd: number): number {
  let total = 0;
  for (;;) {
    const read = readSync(fd, scratch, 0, scratch.length, null);
    if (read === 0) return total;
    total += read;
  }
}

function byteAt(fd: number, position: number): number | undefined {
  return readSync(fd, scratch, 0, 1, position) === 1 ? scratch[0] : undefined;
}
