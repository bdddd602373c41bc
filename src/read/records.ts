/**
 * Records of a trail's files, typed, filtered, and in the order of their time.
 *
 * @module
 */
import type { TrailFile } from "./files.js";
import { matcher, type Matcher, type RecordFilter } from "./filter.js";
import { readLines, type Line } from "./lines.js";
import { parseRecord, type LogRecord } from "./parse.js";
import type { ReadReport } from "./report.js";

export { lineOf, parseRecord, type LogRecord } from "./parse.js";

export interface ReadOptions {
  readonly filter?: RecordFilter | undefined;
  /** For what a filter cannot say; then `filter` only tells which files to leave out. */
  readonly match?: Matcher | undefined;
  readonly report?: ReadReport | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The records of the files, in batches, file after file.
 *
 * Lines that are no records are counted in `report` and left out; with a filter, only those of them that could have
 * passed. The values of a record are as they stand in the file: whoever can write there can put anything into them.
 *
 * @example
 * for await (const records of readRecords(await findFiles("audit_logs"))) …
 */
export async function* readRecords(
  files: readonly TrailFile[],
  options: ReadOptions = {},
): AsyncGenerator<LogRecord[]> {
  const match = options.match ?? matcher(options.filter);
  for (const file of files.filter((one) => canHold(one, options.filter))) {
    for await (const lines of readLines(file, options)) {
      const records: LogRecord[] = [];
      for (const line of lines) {
        const record = parseLine(line, file, match, options.report);
        if (record) records.push(record);
      }
      if (options.report) options.report.records += records.length;
      if (records.length > 0) yield records;
    }
  }
}

/**
 * The same, with the records of all logs (`audit.log`, `api.log` …) in one order of time. Within one log they stay in the
 * order of the file, in which several processes can be some milliseconds apart.
 */
export async function* readInOrder(
  files: readonly TrailFile[],
  options: ReadOptions = {},
): AsyncGenerator<LogRecord> {
  const names = [...new Set(files.map(({ log }) => log))];
  const heads = names.map(
    (log) =>
      new Head(
        readRecords(
          files.filter((file) => file.log === log),
          options,
        ),
      ),
  );
  try {
    const filled = await Promise.all(heads.map((head) => head.advance()));
    const open = heads.filter((_, index) => filled[index]);
    while (open.length > 0) {
      const first = open.reduce((a, b) => (b.record.timestamp < a.record.timestamp ? b : a));
      yield first.record;
      if (!first.step() && !(await first.advance())) open.splice(open.indexOf(first), 1);
    }
  } finally {
    await Promise.all(heads.map((head) => head.close()));
  }
}

/** Where one log's reading stands. */
class Head {
  #batch: LogRecord[] = [];
  #at = 0;

  constructor(private readonly batches: AsyncGenerator<LogRecord[]>) {}

  get record(): LogRecord {
    return this.#batch[this.#at]!;
  }

  /** False at the end of the batch: `advance` then gets the next. */
  step(): boolean {
    this.#at += 1;
    return this.#at < this.#batch.length;
  }

  async advance(): Promise<boolean> {
    const { value, done } = await this.batches.next();
    this.#batch = done ? [] : value;
    this.#at = 0;
    return !done;
  }

  async close(): Promise<void> {
    await this.batches.return(undefined);
  }
}

/** Clocks of machines that share a folder differ by some seconds. */
const CLOCKS_MS = 60_000;

/** A file that was last written before the time that is asked for holds nothing of it. */
export function canHold({ changedAt }: TrailFile, filter: RecordFilter | undefined): boolean {
  const since = filter?.since;
  return since === undefined || changedAt + CLOCKS_MS >= Date.parse(`${since.replace(" ", "T")}Z`);
}

/** The record of a line; undefined if it is none, or not asked for. */
function parseLine(
  { bytes, number, offset, fault }: Line,
  { path, live }: TrailFile,
  match: Matcher,
  report: ReadReport | undefined,
): LogRecord | undefined {
  if (bytes.length === 0) return undefined;
  if (!match.mayHold(bytes)) return undefined;
  const bad = (why: string) => {
    // What is being written is not yet a line; nothing is wrong with it.
    if (!(live && fault === "unended")) report?.bad({ path, line: number, offset, why });
    return undefined;
  };
  if (fault === "too long") return bad("too long");
  const record = parseRecord(bytes.toString());
  if (!record) return bad(fault === "unended" ? "the file ends before the line" : "no record");
  return match.test(record) ? record : undefined;
}

/** The record in the bytes of one line; undefined if there is none, or it is not asked for. */
export function recordOf(bytes: Buffer, match: Matcher): LogRecord | undefined {
  if (!match.mayHold(bytes)) return undefined;
  const record = parseRecord(bytes.toString());
  return record && match.test(record) ? record : undefined;
}
