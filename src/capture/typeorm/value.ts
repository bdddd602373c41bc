/**
 * From a column's value, as a family tells it, to the property's value in a record.
 *
 * By the column's type, and never by its transformer: a transformer may decrypt what the database holds
 * encrypted, and a record must not know more than the database. So all databases give the same record.
 *
 * @module
 */
import type { ColumnMetadata } from "typeorm/metadata/ColumnMetadata.js";
import { isoMoment, parseExact } from "./exact.js";

/** Turns one value. `null` is passed over before. */
export type Convert = (value: unknown) => unknown;

const moments = new Set<unknown>([
  Date,
  "datetime",
  "datetime2",
  "datetimeoffset",
  "smalldatetime",
  "timestamp",
  "timestamptz",
  "timestamp with time zone",
  "timestamp without time zone",
  "timestamp with local time zone",
]);
const booleans = new Set<unknown>([Boolean, "boolean", "bool"]);
const bigIntegers = new Set<unknown>(["bigint", "int8", "unsigned big int", "bigserial", "serial8", "int64"]);
const decimals = new Set<unknown>(["numeric", "decimal", "dec", "fixed", "number", "money", "smallmoney"]);
const documents = new Set<unknown>(["json", "jsonb", "simple-json"]);
const lists = new Set<unknown>(["simple-array", "set"]);

/** How the values of this column are written: exact, and the same from every database. */
export function converter(column: ColumnMetadata, zoneless: "utc" | "keep"): Convert {
  const one = scalar(column, zoneless);
  return column.isArray
    ? (value) => (Array.isArray(value) ? value.map((item) => mapNested(item, one)) : value)
    : one;
}

function mapNested(item: unknown, one: Convert): unknown {
  if (Array.isArray(item)) return item.map((inner) => mapNested(inner, one));
  return item === null ? null : one(item);
}

function scalar({ type, isDiscriminator }: ColumnMetadata, zoneless: "utc" | "keep"): Convert {
  if (isDiscriminator) return same;
  if (moments.has(type)) return (value) => (typeof value === "string" ? isoMoment(value, zoneless) : value);
  if (booleans.has(type)) return toBoolean;
  if (bigIntegers.has(type) || decimals.has(type)) return toText;
  if (documents.has(type)) return toDocument;
  if (lists.has(type)) return toList;
  return same;
}

const same: Convert = (value) => value;
const toBoolean: Convert = (value) => (typeof value === "number" ? value !== 0 : value);
const toText: Convert = (value) =>
  typeof value === "number" || typeof value === "bigint" ? String(value) : value;

/** A text that is no JSON stays a text: SQLite and `simple-json` let anything in. */
const toDocument: Convert = (value) => {
  if (typeof value !== "string") return value;
  try {
    return parseExact(value);
  } catch {
    return value;
  }
};

const toList: Convert = (value) => {
  if (typeof value !== "string") return value;
  return value === "" ? [] : value.split(",");
};
