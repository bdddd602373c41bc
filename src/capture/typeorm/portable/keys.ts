/**
 * By which keys the rows of an insert can be found: before it, by their unique keys; after it, by what TypeORM
 * tells of it.
 *
 * @module
 */
import type { DataSource, EntityMetadata, ObjectLiteral } from "typeorm";
import type { ColumnMetadata } from "typeorm/metadata/ColumnMetadata.js";
import type { ColumnImage } from "../family.js";
import type { WriteBuilder } from "./builder.js";

/** The values of an insert, one object a row. */
export function valueSets({ expressionMap: { valuesSet } }: WriteBuilder): readonly ObjectLiteral[] {
  if (Array.isArray(valuesSet)) return valuesSet as readonly ObjectLiteral[];
  return valuesSet ? [valuesSet] : [];
}

/** The key of these columns in `values`, as the driver takes it; `undefined` if a part is missing or an expression. */
export function keyIn(
  dataSource: DataSource,
  columns: readonly ColumnMetadata[],
  ...sources: readonly (ObjectLiteral | undefined)[]
): ColumnImage | undefined {
  const key: Record<string, unknown> = {};
  for (const column of columns) {
    const value = sources
      .map((source): unknown => source && column.getEntityValue(source, true))
      .find((one) => one !== undefined && one !== null);
    if (value === undefined || typeof value === "function") return undefined;
    key[column.databaseName] = dataSource.driver.preparePersistentValue(value, column) as unknown;
  }
  return columns.length > 0 ? key : undefined;
}

/** The keys under which rows may be there already; `undefined` if one of the values names none. */
export function uniqueKeys(
  dataSource: DataSource,
  metadata: EntityMetadata,
  values: readonly ObjectLiteral[],
): readonly ColumnImage[] | undefined {
  const sets = [
    metadata.primaryColumns,
    ...metadata.uniques.map(({ columns }) => columns),
    ...metadata.indices.filter(({ isUnique }) => isUnique).map(({ columns }) => columns),
  ];
  const found = values.map((one): ColumnImage[] =>
    sets.flatMap((columns): ColumnImage[] => {
      const key = keyIn(dataSource, columns, one);
      return key ? [key] : [];
    }),
  );
  return found.some((keys) => keys.length === 0) ? undefined : found.flat();
}

/** What TypeORM gives for an insert. */
interface InsertResult {
  readonly identifiers: readonly (ObjectLiteral | undefined)[];
  readonly raw: unknown;
}

/** The primary keys of the rows that were inserted, as far as TypeORM or the driver tells them. */
export function insertedKeys(
  dataSource: DataSource,
  metadata: EntityMetadata,
  values: readonly ObjectLiteral[],
  { identifiers, raw }: InsertResult,
): readonly ColumnImage[] {
  const { driver } = dataSource;
  return values.flatMap((one, row): ColumnImage[] => {
    // With `updateEntity(false)` TypeORM asks nothing, but many drivers tell of a generated id all the same.
    const made = (): ObjectLiteral | undefined =>
      raw === undefined || raw === null
        ? undefined
        : driver.createGeneratedMap(metadata, raw, row, values.length);
    const key =
      keyIn(dataSource, metadata.primaryColumns, identifiers[row], one) ??
      keyIn(dataSource, metadata.primaryColumns, made(), one);
    return key ? [key] : [];
  });
}
