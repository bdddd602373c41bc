/**
 * Row images on their way through the TEMP table: a list of SQL literals, made by `quote()` in the trigger.
 *
 * Not JSON: `json_array` loses the difference between integer and real, and cannot hold bytes.
 *
 * @module
 */
import { exactInteger } from "../exact.js";

/**
 * Longest text or blob that is copied, in characters or bytes. A trigger that runs into SQLite's own limit
 * on the length of a value would make the application's statement fail.
 */
const LONGEST = 16 * 1024 * 1024;

/** The expression that makes the literal of one value. `quote()` ends a text at a NUL, so such a text goes as hex. */
export function literalOf(value: string): string {
  return (
    `CASE typeof(${value}) ` +
    `WHEN 'text' THEN CASE WHEN length(${value})>${LONGEST} THEN 'L'||length(${value}) ` +
    `WHEN instr(${value},char(0)) THEN 'T'||hex(${value}) ELSE quote(${value}) END ` +
    `WHEN 'blob' THEN CASE WHEN length(${value})>${LONGEST} THEN 'M'||length(${value}) ELSE quote(${value}) END ` +
    `ELSE quote(${value}) END`
  );
}

/** Joins literals. In groups, because SQLite limits how deep an expression may be. */
export function listOf(literals: readonly string[]): string {
  const groups: string[] = [];
  for (let at = 0; at < literals.length; at += 50) {
    groups.push(`(${literals.slice(at, at + 50).join("||','||")})`);
  }
  return groups.join("||','||") || "''";
}

/** Reads the list back, into an image with these columns. */
export function readImage(columns: readonly string[], list: string): Record<string, unknown> {
  const image: Record<string, unknown> = {};
  let at = 0;
  for (const column of columns) {
    const end = endOfLiteral(list, at);
    setColumn(image, column, valueOf(list.slice(at, end)));
    at = end + 1;
  }
  return image;
}

function setColumn(image: Record<string, unknown>, column: string, value: unknown): void {
  if (column !== "__proto__") image[column] = value;
  else Object.defineProperty(image, column, { value, enumerable: true });
}

function endOfLiteral(list: string, start: number): number {
  let at = start;
  if (list[at] === "'") {
    for (;;) {
      at = list.indexOf("'", at + 1);
      if (list[at + 1] !== "'") return at + 1;
      at += 1;
    }
  }
  at = list.indexOf(",", at);
  return at < 0 ? list.length : at;
}

function valueOf(literal: string): unknown {
  switch (literal[0]) {
    case "N":
      return null;
    case "'":
      return literal.slice(1, -1).replaceAll("''", "'");
    case "X":
      return new Uint8Array(Buffer.from(literal.slice(2, -1), "hex"));
    case "T":
      return Buffer.from(literal.slice(1), "hex").toString("utf8");
    case "L":
      return { $clipped: "string", length: Number(literal.slice(1)) };
    case "M":
      return { $binary: Number(literal.slice(1)) };
    default:
      return numberOf(literal);
  }
}

function numberOf(digits: string): unknown {
  if (/^-?\d+$/.test(digits)) return exactInteger(digits);
  const value = Number(digits);
  return Number.isFinite(value) ? value : String(value);
}
