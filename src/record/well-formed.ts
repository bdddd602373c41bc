/**
 * Lines without halves of surrogate pairs.
 *
 * A text may hold half a pair; JSON writes it as an escape, which is allowed (RFC 8259 §8.2 warns of it), but of which
 * other readers make an error: DuckDB refuses the whole line. UTF-8 has no form for it at all, so it is written as
 * U+FFFD, as whatever goes through UTF-8 has it.
 *
 * @module
 */

/* An escaped backslash is no other escape's beginning. Only halves are written as such escapes: a pair stays as it is. */
const ESCAPES = /\\(?:u(d[89a-f][0-9a-f]{2})|.)/g;

/** @param line - as `JSON.stringify` writes it, with nothing else escaped by number above U+001F */
export function wellFormed(line: string): string {
  if (!line.includes("\\ud")) return line;
  return line.replaceAll(ESCAPES, (escape, half: string | undefined) =>
    half === undefined ? escape : "\ufffd",
  );
}
