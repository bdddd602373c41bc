/**
 * From a row as the driver gives it to one that can stand in a record.
 *
 * @module
 */
import type { EntityMetadata } from "typeorm";
import type { ColumnImage } from "../family.js";

const fractions = new Set<unknown>([
  "float",
  "float4",
  "float8",
  "real",
  "double",
  "double precision",
  "binary_float",
  "binary_double",
  "smallfloat",
  "float64",
]);

/** The row without what the driver has rounded: no value is better in a record than a wrong one. */
export function exactRow(
  row: Readonly<Record<string, unknown>>,
  metadata: EntityMetadata | undefined,
): ColumnImage {
  const image: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    if (isRounded(value, column, metadata)) continue;
    image[column] = exact(value);
  }
  return image;
}

function exact(value: unknown): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  return typeof value === "bigint" ? value.toString() : value;
}

function isRounded(value: unknown, column: string, metadata: EntityMetadata | undefined): boolean {
  if (typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value)) return false;
  const known = metadata?.columns.find(({ databaseName }) => databaseName === column);
  return known !== undefined && !fractions.has(known.type);
}
