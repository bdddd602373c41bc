/**
 * What is given up of a spool that has grown beyond its limit.
 *
 * @module
 */
import { readLines, type SpoolFile } from "./spool.js";

const NEWLINE = 10;

/** Records that the server will never get. */
export interface Dropped {
  /** The `timestamp` of the first and of the last; null of a line that has none. */
  readonly from: string | null;
  readonly to: string | null;
  readonly count: number;
}

/** @param from - so many bytes of the file the server has */
export function unsentOf(file: SpoolFile, from: number): Dropped {
  const lines = readLines(file, from, Math.max(file.size - from, 1));
  const last = lines.at(-1) === NEWLINE ? lines.subarray(0, -1) : lines;
  const end = lines.indexOf(NEWLINE);
  return {
    from: timestampOf(end < 0 ? last : last.subarray(0, end)),
    to: timestampOf(last.subarray(last.lastIndexOf(NEWLINE) + 1)),
    count: countLines(lines),
  };
}

export function countLines(lines: Buffer): number {
  if (lines.length === 0) return 0;
  let count = 0;
  for (let at = lines.indexOf(NEWLINE); at >= 0; at = lines.indexOf(NEWLINE, at + 1)) count += 1;
  return lines.at(-1) === NEWLINE ? count : count + 1;
}

/* Whatever was appended to the spool, it must not keep us from making room. */
function timestampOf(line: Buffer): string | null {
  try {
    const { timestamp } = JSON.parse(line.toString()) as { timestamp?: unknown };
    return typeof timestamp === "string" ? timestamp : null;
  } catch {
    return null;
  }
}
