/**
 * The last records of a trail, read from the ends of its files.
 *
 * @module
 */
import type { TrailFile } from "./files.js";
import { matcher, type Matcher } from "./filter.js";
import { openFile } from "./lines.js";
import { readRecords, recordOf, type LogRecord, type ReadOptions } from "./records.js";

export interface Last {
  /** In the order of time. */
  readonly records: LogRecord[];
  /** Where the whole lines of each file that is written end, by its `identity`: from there it can be followed. */
  readonly ends: ReadonlyMap<string, number>;
}

const BLOCK = 1 << 20;
const NEWLINE = 10;

/**
 * The last `count` records that the filter lets through; reads no more of the files than it must. What cannot be read is
 * told in `report`.
 */
export async function lastRecords(
  files: readonly TrailFile[],
  count: number,
  options: ReadOptions = {},
): Promise<Last> {
  const ends = new Map<string, number>();
  const found: LogRecord[][] = [];
  for (const log of new Set(files.map((file) => file.log))) {
    let ofLog: LogRecord[] = [];
    for (const file of files.filter((one) => one.log === log).toReversed()) {
      const missing = count - ofLog.length;
      // Also without need for more records it must be known where a file that is followed ends.
      if (missing <= 0 && !file.live) break;
      try {
        // Not by `unshift(…)`, which takes some 100,000 arguments.
        ofLog = [...(await lastOf(file, missing, ends, options)), ...ofLog];
      } catch (error) {
        if (!options.report) throw error;
        options.report.unread(file.path, error);
      }
    }
    found.push(ofLog);
  }
  const inOrder = found
    .flat()
    .toSorted((a, b) => Number(a.timestamp > b.timestamp) - Number(a.timestamp < b.timestamp));
  return { records: count > 0 ? inOrder.slice(-count) : [], ends };
}

async function lastOf(
  file: TrailFile,
  count: number,
  ends: Map<string, number>,
  options: ReadOptions,
): Promise<LogRecord[]> {
  if (!file.gzip) return lastOfPlain(file, count, ends, options);
  const kept: LogRecord[] = [];
  for await (const records of readRecords([file], options)) {
    kept.push(...records);
    kept.splice(0, kept.length - count);
  }
  return kept;
}

async function lastOfPlain(
  file: TrailFile,
  count: number,
  ends: Map<string, number>,
  { filter, report }: ReadOptions,
): Promise<LogRecord[]> {
  const match = matcher(filter);
  const kept: LogRecord[] = [];
  const { handle, gzip, path } = await openFile(file);
  try {
    if (gzip) {
      // Rotated and compressed since it was found: read to its end, so that nothing of it is left to be followed.
      ends.set(file.identity, Infinity);
      return await lastOf({ ...file, path, gzip }, count, ends, { filter, report });
    }
    /** The end of a line whose beginning is in a block before. */
    let rest = Buffer.alloc(0);
    let wholeTo: number | undefined;
    for (let at = file.size; at > 0 && (wholeTo === undefined || kept.length < count);) {
      const from = Math.max(0, at - BLOCK);
      const block = Buffer.alloc(at - from);
      const { bytesRead } = await handle.read(block, 0, block.length, from);
      const bytes = Buffer.concat([block.subarray(0, bytesRead), rest]);
      at = from;
      if (wholeTo === undefined) {
        const lastBreak = bytes.lastIndexOf(NEWLINE);
        rest = bytes;
        if (lastBreak === -1) continue;
        wholeTo = from + lastBreak + 1;
      }
      const usable = bytes.subarray(0, Math.min(bytes.length, wholeTo - from));
      const firstBreak = from === 0 ? -1 : usable.indexOf(NEWLINE);
      rest = usable.subarray(0, firstBreak + 1);
      if (firstBreak === -1 && from > 0) {
        rest = usable;
        continue;
      }
      kept.unshift(...parsed(usable.subarray(firstBreak + 1), match, count - kept.length));
    }
    if (file.live) ends.set(file.identity, wholeTo ?? 0);
    return kept;
  } finally {
    await handle.close();
  }
}

/** The last `count` records of whole lines. */
function parsed(bytes: Buffer, match: Matcher, count: number): LogRecord[] {
  const records: LogRecord[] = [];
  let end = bytes.length;
  while (end > 0 && records.length < count) {
    const begin = end === 1 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1;
    const record = recordOf(bytes.subarray(begin, end), match);
    if (record) records.unshift(record);
    end = begin;
  }
  return records;
}
