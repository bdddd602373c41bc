/**
 * Puts text into a statement at places that are counted in UTF-8 bytes, as PostgreSQL's scanner counts them,
 * and finds the way back from a place in the longer text.
 *
 * @module
 */

/** Text to put in, in front of the byte `at`. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** The text with all insertions, which must be in the order of their places. */
export function splice(sql: string, insertions: readonly Insertion[]): string {
  const bytes = Buffer.from(sql);
  let done = 0;
  let out = "";
  for (const { at, text } of insertions) {
    out += bytes.toString("utf8", done, at) + text;
    done = at;
  }
  return out + bytes.toString("utf8", done);
}

/** The part of a text between two byte places. */
export function sliceBytes(sql: string, start: number, end: number): string {
  return Buffer.from(sql).toString("utf8", start, end);
}

/**
 * Where a place in the spliced text was before, as error messages count: characters from 1.
 * `undefined` for a place inside of an insertion.
 */
export function placeBefore(
  sql: string,
  insertions: readonly Insertion[],
  place: number,
): number | undefined {
  const bytes = Buffer.from(sql);
  let grown = 0;
  for (const { at, text } of insertions) {
    const start = characters(bytes.toString("utf8", 0, at)) + grown + 1;
    if (place < start) break;
    const length = characters(text);
    if (place < start + length) return undefined;
    grown += length;
  }
  return place - grown;
}

function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
