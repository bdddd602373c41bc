/**
 * Rows of PostgreSQL as the database prints them: `pg` gives moments to the millisecond only.
 *
 * @module
 */
import type { DataSource, EntityMetadata } from "typeorm";
import { parseExact } from "../exact.js";
import type { ColumnImage } from "../family.js";
import { imageReader } from "../postgres/images.js";

type Driver = DataSource["driver"];

/** The same rows, each as one JSON text. */
export function asJson(select: string): string {
  return `SELECT pg_catalog.row_to_json(activity_audit.*)::pg_catalog.text AS activity_audit FROM (${select}) AS activity_audit`;
}

/** TypeORM's words for types → PostgreSQL's own, where more than text comes of them. */
const names: Readonly<Record<string, string>> = {
  bigint: "int8",
  decimal: "numeric",
  "double precision": "float8",
  float: "float8",
  real: "float4",
  integer: "int4",
  int: "int4",
  smallint: "int2",
  boolean: "bool",
  "character varying": "varchar",
  character: "bpchar",
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
  "time with time zone": "timetz",
  "time without time zone": "time",
};

/** Reads what `asJson` selects. */
export function readRows(
  rows: readonly Record<string, unknown>[],
  metadata: EntityMetadata | undefined,
  driver: Driver,
): ColumnImage[] {
  const read = metadata ? imageReader(typesOf(metadata, driver)) : parseExact;
  return rows.map((row) => read(String(row["activity_audit"])) as ColumnImage);
}

function typesOf({ columns }: EntityMetadata, driver: Driver): Map<string, string> {
  return new Map(
    columns.map((column) => {
      const type = driver.normalizeType(column);
      return [column.databaseName, `${column.isArray ? "_" : ""}${names[type] ?? type}`];
    }),
  );
}
