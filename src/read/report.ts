/**
 * What a reading met: how much was read, and what could not be. Nothing that is read is fatal; it is told of here.
 *
 * @module
 */

/** A line that is no record. */
export interface BadLine {
  /** The file. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** Of the line's first byte; in compressed files, of what was compressed. */
  readonly offset: number;
  /** What is wrong with it. */
  readonly why: string;
}

/** A file that could not be read to its end. */
export interface UnreadFile {
  /** Which. */
  readonly path: string;
  /** What the system says: a code such as `EACCES`, or a sentence. */
  readonly why: string;
}

/** Enough to go and look. All are counted. */
const KEPT = 20;

/**
 * Counts of one reading, filled in while it goes on.
 *
 * @example
 * for await (const record of trail.query({ since: "7d" })) console.log(record.message);
 * const { records, malformed } = trail.report;
 */
export class ReadReport {
  /** How many were opened. */
  files = 0;
  /** Of the lines; of compressed files, as they were before. */
  bytes = 0;
  /** How many were looked at. */
  lines = 0;
  /** Those that the filter let through. */
  records = 0;
  /** How many are no records. */
  malformed = 0;
  /** The first 20 of them. */
  readonly badLines: BadLine[] = [];
  /** Files that could not be read to their end. */
  readonly unreadable: UnreadFile[] = [];

  /**
   * Counts a line that is no record.
   *
   * @internal
   */
  bad(line: BadLine): void {
    this.malformed += 1;
    if (this.badLines.length < KEPT) this.badLines.push(line);
  }

  /**
   * Counts a file that could not be read.
   *
   * @internal
   */
  unread(path: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    this.unreadable.push({ path, why: code ?? message });
  }
}
