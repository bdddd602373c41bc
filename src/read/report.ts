/**
 * What a reading met: how much was read, and what could not be. Nothing that is read is fatal; it is told of here.
 *
 * @module
 */

/** A line that is no record. */
export interface BadLine {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** Of the line's first byte; in compressed files, of what was compressed. */
  readonly offset: number;
  readonly why: string;
}

/** Enough to go and look. All are counted. */
const KEPT = 20;

/**
 * Counts of one reading, filled in while it goes on.
 *
 * @example
 * const report = new ReadReport();
 * for await (const records of readRecords(files, { report })) { … }
 * report.malformed; // how many lines were no records
 */
export class ReadReport {
  files = 0;
  /** Of the lines; of compressed files, as they were before. */
  bytes = 0;
  lines = 0;
  /** Those that the filter let through. */
  records = 0;
  malformed = 0;
  /** The first of them. */
  readonly badLines: BadLine[] = [];
  /** Files that could not be read to their end. */
  readonly unreadable: { readonly path: string; readonly why: string }[] = [];

  bad(line: BadLine): void {
    this.malformed += 1;
    if (this.badLines.length < KEPT) this.badLines.push(line);
  }

  unread(path: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    this.unreadable.push({ path, why: code ?? message });
  }
}
