/**
 * What is given up of a spool that has grown beyond its limit.
 *
 * @module
 */
import { countLines as wholeLines } from "../writer/lines.js";
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

/** The last one may lack its newline. */
export function countLines(lines: Buffer): number {
  const half = lines.length > 0 && lines.at(-1) !== NEWLINE;
  return wholeLines(lines) + (half ? 1 : 0);
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
