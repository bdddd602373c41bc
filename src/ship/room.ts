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
  /** When the first and the last was made, by its `timestamp`; null of a line that has none. */
  readonly from: string | null;
  readonly to: string | null;
  readonly count: number;
}

export interface Unsent extends Dropped {
  /** How many of `count` were given up before: a record that told of them is among what is given up now. */
  readonly toldBefore: number;
}

/** A line of ours that has these words tells of records that were lost. */
const GAP = '"event_type":"GAP"';

/** @param from - so many bytes of the file the server has */
export function unsentOf(file: SpoolFile, from: number): Unsent {
  const lines = readLines(file, from, Math.max(file.size - from, 1));
  const last = lines.at(-1) === NEWLINE ? lines.subarray(0, -1) : lines;
  const end = lines.indexOf(NEWLINE);
  const own: Dropped = {
    from: timestampOf(end < 0 ? last : last.subarray(0, end)),
    to: timestampOf(last.subarray(last.lastIndexOf(NEWLINE) + 1)),
    count: countLines(lines),
  };
  const before = gapsIn(lines);
  const toldBefore = before.reduce((sum, { count }) => sum + count, 0);
  return {
    from: [own, ...before].map((one) => one.from).reduce(earlier),
    to: own.to,
    count: own.count - before.length + toldBefore,
    toldBefore,
  };
}

/** What records among these lines tell of, which nobody would hear of any more. */
function gapsIn(lines: Buffer): Dropped[] {
  const found: Dropped[] = [];
  for (let at = lines.indexOf(GAP); at >= 0; at = lines.indexOf(GAP, at)) {
    const begin = lines.lastIndexOf(NEWLINE, at) + 1;
    const end = lines.indexOf(NEWLINE, at);
    const gap = gapOf(lines.subarray(begin, end < 0 ? lines.length : end));
    if (gap) found.push(gap);
    at = end < 0 ? lines.length : end;
  }
  return found;
}

function gapOf(line: Buffer): Dropped | undefined {
  try {
    const { name, event_type, details } = JSON.parse(line.toString());
    if (name !== "audit.trail" || event_type !== "GAP" || !Number.isSafeInteger(details?.count))
      return undefined;
    return { from: textOrNull(details.from), to: textOrNull(details.to), count: details.count };
  } catch {
    return undefined;
  }
}

function earlier(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
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
    return textOrNull(timestamp);
  } catch {
    return null;
  }
}
