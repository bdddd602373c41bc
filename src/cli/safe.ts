/**
 * Texts of records as they may be shown: whoever could write into a record must not write to the terminal.
 *
 * @module
 */

/* C0, DEL, C1 (one of which begins an escape sequence), and what turns the direction of a text or breaks its line. */
const HOSTILE =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function hex(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One line of text that does nothing to a terminal; what could is shown as `\u001b`. */
export function safe(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.replaceAll(HOSTILE, (character) => SHORT[character] ?? hex(character));
}

/** The same, cut to `width` characters. */
export function clipped(value: unknown, width: number): string {
  const text = safe(value);
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/* A text, or a blank between values. */
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|\s/gu;

/** A line of a file as JSON that does nothing to a terminal, its numbers as they stand there. */
export function safeLine(line: string): string {
  // Between the values of a line that we did not write there can be blanks, where an escape would be wrong.
  return /[\t\v\f\r\u2028\u2029\ufeff]/u.test(line)
    ? line.replaceAll(PARTS, (part) => (part.startsWith('"') ? part.replaceAll(HOSTILE, hex) : ""))
    : line.replaceAll(HOSTILE, hex);
}

/** JSON on one line, with the same characters escaped: for programs the value is the same. */
export function safeJson(value: unknown): string {
  return (JSON.stringify(value) ?? "null").replaceAll(HOSTILE, hex);
}
