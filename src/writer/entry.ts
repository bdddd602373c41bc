/**
 * What stands in a ring: lines, and frames, which become lines when they are taken out.
 *
 * A line ends with its newline, and never begins with `FRAME`, which JSON does not allow and `Writer` sees to. A frame
 * begins with it, tells how long it is and which format makes its line, and may hold any byte.
 *
 * @module
 */
import { Bytes } from "../record/bytes.js";

/** The first byte of a frame. */
const FRAME = 1;
const NEWLINE = 10;
/* The mark, the length in 4 bytes, the format in 2. */
const LENGTH_AT = 1;
const FORMAT_AT = 5;
const CONTENT_AT = 7;
/** What a frame needs besides its content. */
export const FRAME_EXTRA = CONTENT_AT;

/** What becomes a line later. */
export interface Frame {
  /** The most that `writeTo` may need. */
  readonly maxBytes: number;
  /**
   * @param view - of the same bytes as `into`
   * @returns where it ends
   */
  writeTo(into: Buffer, view: DataView, start: number): number;
}

/**
 * Adds the line of a frame, without its newline.
 *
 * @returns false for a frame of which something is not known yet
 */
export type Format = (from: Bytes, start: number, end: number, into: Bytes) => boolean;

/** @returns where the entry ends */
export function writeFrame(frame: Frame, format: number, into: Buffer, view: DataView, at: number): number {
  const end = frame.writeTo(into, view, at + CONTENT_AT);
  view.setUint8(at, FRAME);
  view.setUint32(at + LENGTH_AT, end - at, true);
  view.setUint16(at + FORMAT_AT, format, true);
  return end;
}

/** Whether a line would be taken for a frame. */
export function looksLikeFrame(line: string): boolean {
  return line.charCodeAt(0) === FRAME;
}

/** A text of several lines, each of them an entry of the ring, so that none would be taken for a frame. */
export function withoutFrames(text: string): string {
  return text.replaceAll("\n\u0001", "\n \u0001");
}

/** Where the entry that begins at `at` ends. */
function entryEnd(entries: Buffer, at: number): number {
  if (entries[at] !== FRAME) return entries.indexOf(NEWLINE, at) + 1 || entries.length;
  // Of one that was overwritten meanwhile anything may be said; but who reads it has lost the right to write it.
  if (at + CONTENT_AT > entries.length) return entries.length;
  const length = entries.readUInt32LE(at + LENGTH_AT);
  return length < CONTENT_AT ? entries.length : Math.min(at + length, entries.length);
}

/** How many of the first `limit` bytes are whole entries; the first entry is always whole. */
export function wholeEntries(entries: Buffer, limit: number): number {
  let end = entryEnd(entries, 0);
  while (end < entries.length) {
    const next = entryEnd(entries, end);
    if (next > limit) break;
    end = next;
  }
  return end;
}

export function countEntries(entries: Buffer): number {
  let count = 0;
  for (let at = 0; at < entries.length; at = entryEnd(entries, at)) count += 1;
  return count;
}

/** Entries of the ring, as the lines that go into the file. */
export interface Batch {
  readonly lines: Buffer;
  /** How many bytes of the entries the first `bytes` of the lines were made of, both whole. */
  entryBytes(bytes: number): number;
}

/* One of each for all: what they hold is used up before the next batch. */
const source = new Bytes();
const made = new Bytes();

/**
 * The lines of a run of entries; used up before the next call. Without a frame among them they are the entries
 * themselves.
 *
 * @param formatOf - `undefined` for a format that is not known yet
 * @returns undefined if there is such a one, or a frame of which something is not known yet
 */
export function batchOf(
  entries: Buffer,
  formatOf: (format: number) => Format | undefined,
): Batch | undefined {
  // No line of JSON has the byte, so this is the answer for nearly all that is no frame.
  if (!entries.includes(FRAME)) return { lines: entries, entryBytes: (bytes) => bytes };
  // A copy, so that nothing changes while it is read.
  source.length = 0;
  source.add(entries);
  const copy = source.buffer.subarray(0, source.length);
  const lineEnds: number[] = [];
  const entryEnds: number[] = [];
  made.length = 0;
  for (let at = 0; at < copy.length;) {
    const end = entryEnd(copy, at);
    if (copy[at] === FRAME) {
      const format = formatOf(source.view.getUint16(at + FORMAT_AT, true));
      if (!format?.(source, at + CONTENT_AT, end, made)) return undefined;
      made.addByte(NEWLINE);
    } else {
      made.add(copy.subarray(at, end));
    }
    lineEnds.push(made.length);
    entryEnds.push(end);
    at = end;
  }
  return {
    lines: made.buffer.subarray(0, made.length),
    entryBytes: (bytes) => entryEnds[lineEnds.findLastIndex((end) => end <= bytes)] ?? 0,
  };
}
