/**
 * Reads a row's JSON, as `row_to_json` writes it, without losing a digit.
 *
 * `JSON.parse` alone would round a bigint above 2^53 and cut the zeros of a numeric. So numbers are put in
 * quotes first, where the column's type asks for it; a table without such columns is parsed as it is.
 *
 * @module
 */
import { replaceNumbers } from "../exact.js";
import type { ColumnImage } from "../family.js";

/** Column name to the name of its base type: `int8`, `_numeric` for its arrays, `bytea`. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** Reads the images of one table. */
export type ImageReader = (json: string) => ColumnImage;

/** Types whose JSON may hold numbers that a double cannot: they are told as text, as PostgreSQL prints them. */
const exact = /^_?(int8|numeric|money)$/;
const plain =
  /^_?(bool|int2|int4|oid|text|varchar|bpchar|name|char|uuid|date|time|timetz|timestamp|timestamptz|interval|inet|cidr|macaddr|macaddr8|citext|tsvector|xml|bit|varbit|enum)$/;
const float = /^_?float[48]$/;
const json = /^_?jsonb?$/;

export function imageReader(types: ColumnTypes): ImageReader {
  const bytes = [...types].filter(([, type]) => /^_?bytea$/.test(type)).map(([column]) => column);
  const floats = [...types].filter(([, type]) => float.test(type)).map(([column]) => column);
  const risky = [...types.values()].some(
    (type) => !plain.test(type) && !float.test(type) && type !== "bytea",
  );
  const quick = quickQuoter(types);
  return (text) => {
    const known = risky ? quick?.(text) : text;
    let image = known === undefined ? null : (JSON.parse(known) as Record<string, unknown>);
    // Another column has come, or one has gone: then what was made for these does not hold.
    if (image && Object.keys(image).length !== types.size) image = null;
    const careful = image === null;
    image ??= JSON.parse(quoteNumbers(text, types)) as Record<string, unknown>;
    if (careful) replaceIn(image, floats, asNumber);
    replaceIn(image, bytes, asBytes);
    return image;
  };
}

function replaceIn(
  image: Record<string, unknown>,
  columns: readonly string[],
  to: (value: unknown) => unknown,
): void {
  for (const column of columns) if (column in image) image[column] = deeply(image[column], to);
}

/**
 * Puts the numbers of a row in quotes that must stay text, where none of its columns can hold an object or a list of such
 * numbers; gives nothing for a row that may hold one all the same. `null`: the table is not so simple.
 */
function quickQuoter(types: ColumnTypes): ((text: string) => string | undefined) | null {
  const names = [...types].filter(([, type]) => exact.test(type)).map(([column]) => column);
  const flat = [...types.values()].every(
    (type) => plain.test(type) || /^(float[48]|int8|numeric|money|bytea)$/.test(type),
  );
  if (!flat || names.some((column) => !/^[\w $-]+$/.test(column))) return null;
  // What looks like a key behind a bracket or a comma is one: inside of a string its quote would have a backslash.
  const alternatives = names.map((column) => column.replaceAll("$", String.raw`\$`)).join("|");
  const numbers = new RegExp(`([{,]"(?:${alternatives})":)(-?\\d[\\d.eE+-]*)`, "g");
  return (text) => (text.includes("{", 1) ? undefined : text.replace(numbers, '$1"$2"'));
}

function quoteNumbers(text: string, types: ColumnTypes): string {
  let depth = 0;
  let type = "";
  return replaceNumbers(
    text,
    (number) => (mustBeText(number, type) ? `"${number}"` : number),
    (first, start, end) => {
      if (first === "{" || first === "[") depth += 1;
      else if (first === "}" || first === "]") depth -= 1;
      else if (depth === 1 && text[end] === ":")
        type = types.get(JSON.parse(text.slice(start, end)) as string) ?? "";
    },
  );
}

function mustBeText(number: string, type: string): boolean {
  if (exact.test(type)) return true;
  if (plain.test(type)) return false;
  return json.test(type) ? !survives(number) : float.test(type) || String(Number(number)) !== number;
}

/** True if a JSON number is the same number after `JSON.parse`, however it is written. */
function survives(number: string): boolean {
  const parsed = Number(number);
  if (Number.isInteger(parsed) && !/[.eE]/.test(number)) return Number.isSafeInteger(parsed);
  return digits(String(parsed)) === digits(number);
}

/** The digits that count, and how far the point stands: `1.10`, `1.1` and `11e-1` give the same. */
function digits(number: string): string {
  const [, sign, whole = "", part = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const all = `${whole}${part}`;
  const kept = all.replace(/0+$/, "");
  const power = Number(exponent) - part.length + (all.length - kept.length);
  const significant = kept.replace(/^0+/, "");
  return significant === "" ? "0" : `${sign}${significant}e${power}`;
}

function deeply(value: unknown, change: (value: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map((item) => deeply(item, change)) : change(value);
}

/** PostgreSQL writes NaN and the infinities as JSON strings: they stay text. */
function asNumber(value: unknown): unknown {
  return typeof value === "string" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function asBytes(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value.startsWith("\\x")) return new Uint8Array(Buffer.from(value.slice(2), "hex"));
  // `bytea_output = escape`: bytes outside of ASCII as three octal digits, the backslash doubled.
  const bytes: number[] = [];
  for (const [, octal, slash, other] of value.matchAll(/\\(\d{3})|\\(\\)|([\s\S])/g)) {
    bytes.push(octal ? parseInt(octal, 8) : (slash ?? other ?? "").charCodeAt(0));
  }
  return Uint8Array.from(bytes);
}
