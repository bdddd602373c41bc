/**
 * Whole lines in bytes.
 *
 * @module
 */

const NEWLINE = 10;

/** How many of the first `limit` bytes are whole lines; the first line is always whole. */
export function wholeLines(lines: Buffer, limit: number): number {
  const end = lines.lastIndexOf(NEWLINE, Math.max(limit - 1, 0)) + 1;
  return end > 0 && limit > 0 ? end : lines.indexOf(NEWLINE) + 1;
}

export function countLines(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(NEWLINE); at >= 0; at = lines.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
