/**
 * Rows as the database sends them → images that lose nothing.
 *
 * Two ways: the columns of a result, as bytes; and one JSON array of strings, where a row must pass through
 * a session variable. In the array everything is text or hex, for `JSON_OBJECT` itself turns BIT and BLOB into
 * JSON that is no JSON.
 *
 * @module
 */
import { exactInteger, parseExact } from "../exact.js";
import type { ColumnImage } from "../family.js";
import { quote, type Column, type Table } from "./catalog.js";
import { EXTRA } from "./names.js";
import type { Assignments } from "./statement.js";

const integers = /^(?:tinyint|smallint|mediumint|int|bigint|year)$/;
const doubles = /^(?:double|real)$/;
const texts = /^(?:char|varchar|(?:tiny|medium|long)?text|enum|set|json)$/;
const bytes =
  /^(?:bit|binary|varbinary|(?:tiny|medium|long)?blob|vector|geometry|point|linestring|polygon|multi\w+|geom\w+)$/;
/** Their values may be of any length, so that one row can be too big for a session variable. */
const unbounded = /text$|blob$|^json$|^varchar$|^varbinary$|^geom|^multi|polygon|linestring|vector/;

/** A value as it came: `null`, or its bytes. */
export type Raw = Buffer | null;

/** Where the values of a select list go to. */
interface Results {
  /** As in `Settings`. */
  readonly utf8Results: boolean;
}

/** The columns of a table in a select list. */
export function columnList(table: Table, results: Results, qualifier: string | null = null): string {
  return selected(table, results, qualifier).join(", ");
}

/** The columns of a RETURNING; where they stand behind the application's own, under names that are ours. */
export function returningList(table: Table, results: Results, extra: boolean): string {
  if (!extra) return columnList(table, results);
  return selected(table, results, null)
    .map((column, index) => `${column} AS ${EXTRA}${index}`)
    .join(", ");
}

function selected({ columns }: Table, { utf8Results }: Results, qualifier: string | null): string[] {
  const prefix = qualifier === null ? "" : `${quote(qualifier)}.`;
  return columns.map(({ name, type }) => {
    const column = prefix + quote(name);
    if (type === "float") return wide(column);
    return utf8Results || !texts.test(type) ? column : asBytes(`CONVERT(${column} USING utf8mb4)`);
  });
}

/** A FLOAT with all its digits: by itself it is written with six. */
const wide = (column: string): string => `(${column} + 0e0)`;

/** A text as its bytes are, which no character set of the connection changes. */
export const asBytes = (expression: string): string => `CAST(${expression} AS BINARY)`;

export const namesOf = ({ columns }: Table): string[] => columns.map(({ name }) => name);

/** A row of `columnList(table)`. */
export function imageOf(table: Table, columns: readonly string[], row: readonly Raw[]): ColumnImage {
  return Object.fromEntries(
    columns.map((name, index) => [name, decode(columnOf(table, name), row[index] ?? null)]),
  );
}

/** An expression that gives the row's columns as one JSON array of strings. */
export function arrayExpression(table: Table, columns: readonly string[]): string {
  const values = columns.map((name) => text(columnOf(table, name)));
  return `CONVERT(JSON_ARRAY(${values.join(", ")}) USING utf8mb4)`;
}

/** About how long that array may be, as an expression; it is evaluated without building the array. */
export function lengthExpression(table: Table, columns: readonly string[]): string {
  const long = columns.filter((name) => unbounded.test(columnOf(table, name).type));
  // Six characters, for a control character is written \u0000 in JSON.
  return ["0", ...long.map((name) => `6 * IFNULL(LENGTH(${quote(name)}), 0)`)].join(" + ");
}

/** The images in a list of arrays. */
export function imagesOf(table: Table, columns: readonly string[], list: Raw): ColumnImage[] {
  const rows = JSON.parse(`[${list?.toString("utf8") ?? ""}]`) as (string | null)[][];
  return rows.map((row) =>
    Object.fromEntries(
      columns.map((name, index) => {
        const column = columnOf(table, name);
        const value = row[index] ?? null;
        const raw = value === null ? null : Buffer.from(value, bytes.test(column.type) ? "hex" : "utf8");
        return [name, decode(column, raw)];
      }),
    ),
  );
}

function text({ name, type, bits }: Column): string {
  const column = quote(name);
  if (type === "bit") return `LPAD(HEX(${column}), ${2 * Math.ceil(bits / 8)}, '0')`;
  if (bytes.test(type)) return `HEX(${column})`;
  if (type === "float") return `CAST(${wide(column)} AS CHAR)`;
  // Anything else of a JSON column is put into the array as JSON, not as text.
  if (type === "json") return `CONCAT(CONVERT(${column} USING utf8mb4), '')`;
  if (texts.test(type)) return `CONVERT(${column} USING utf8mb4)`;
  return `CAST(${column} AS CHAR)`;
}

function decode({ type }: Column, raw: Raw): unknown {
  if (raw === null) return null;
  if (bytes.test(type)) return new Uint8Array(raw);
  const value = raw.toString("utf8");
  if (integers.test(type)) return exactInteger(value);
  if (type === "float") return shortest(Number(value));
  if (doubles.test(type)) return Number(value);
  return type === "json" ? json(value) : value;
}

/** A float as one would write it: 12345.67, where the double that is the same has 12345.669921875. */
function shortest(value: number): number {
  for (let digits = 6; digits <= 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function json(value: string): unknown {
  try {
    return parseExact(value);
  } catch {
    return value;
  }
}

/** A value of an image, in a query of ours. */
export function literalOf(table: Table, name: string, value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  const { type } = columnOf(table, name);
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value).toString("hex");
    return type === "bit" ? BigInt(`0x${hex || "0"}`).toString() : `x'${hex}'`;
  }
  if (typeof value === "number" || type === "bigint" || type === "decimal") return String(value);
  const string = typeof value === "string" ? value : JSON.stringify(value);
  return `_utf8mb4 x'${Buffer.from(string, "utf8").toString("hex")}'`;
}

/** Says whether two images are of the same row. */
export const keyText = (columns: readonly string[], image: ColumnImage): string =>
  JSON.stringify(columns.map((name) => plain(image[name])));

/**
 * Whether a row is stored as it was. The server does not store a new ON UPDATE timestamp where nothing else
 * changed, though RETURNING, and even an AFTER UPDATE trigger, shows one.
 */
export function isUnchanged(table: Table, set: Assignments | null, a: ColumnImage, b: ColumnImage): boolean {
  const assigned = new Set(set?.columns.map(({ name }) => name.toLowerCase()));
  const columns = table.columns
    .filter(({ name, onUpdate }) => !onUpdate || assigned.has(name.toLowerCase()))
    .map(({ name }) => name);
  return keyText(columns, a) === keyText(columns, b);
}

/* Types that a column can be given its own value of, without a warning and without a change. Not: ENUM (an
   invalid value), TIMESTAMP (the hour that daylight saving time repeats), dates (zero dates), BIT, FLOAT. */
const reassignable =
  /^(?:tinyint|smallint|mediumint|int|bigint|decimal|double|char|varchar|(?:tiny|medium|long)?text)$/;

/** Whether `SET c = c` is certain to leave the column alone. */
export function isReassignable(table: Table, name: string): boolean {
  const column = columnOf(table, name);
  return !column.generated && reassignable.test(column.type);
}

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;

export function columnOf({ columns }: Table, name: string): Column {
  const lower = name.toLowerCase();
  const found = columns.find((column) => column.name === name || column.name.toLowerCase() === lower);
  if (!found) throw new Error(`The table has no column ${name}.`);
  return found;
}
