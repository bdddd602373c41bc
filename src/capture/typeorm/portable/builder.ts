/**
 * What is used of TypeORM's writing builders, and what can be asked of one before it runs.
 *
 * @module
 */
import type { DataSource, EntityMetadata, ObjectLiteral, QueryRunner } from "typeorm";
import type { ColumnImage, ManyRowsChange, TableName } from "../family.js";
import { boundParameters } from "../parameters.js";
import { withoutValues } from "../statement-text.js";

/** The parts of the Insert-, Update-, Delete- and SoftDeleteQueryBuilder that are used, in 0.3 and 1.x. */
export interface WriteBuilder {
  execute(): Promise<unknown>;
  clone(): WriteBuilder;
  getQuery(): string;
  getQueryAndParameters(): [string, unknown[]];
  /** 1.x calls it `dataSource`, 0.3 `connection`. */
  readonly dataSource?: DataSource;
  readonly connection?: DataSource;
  queryRunner?: QueryRunner | undefined;
  readonly expressionMap: {
    readonly queryType: "insert" | "update" | "delete" | "soft-delete" | "restore";
    readonly mainAlias?: { readonly hasMetadata: boolean; readonly metadata: EntityMetadata };
    readonly valuesSet?: ObjectLiteral | ObjectLiteral[];
    readonly insertFromSelect?: unknown;
    readonly onIgnore?: unknown;
    readonly onUpdate?: unknown;
    readonly limit?: number;
  };
  getTableName(path: string): string;
  getMainTableName(): string;
  createWhereExpression(): string;
  createCteExpression(): string;
  createOrderByExpression?(): string;
  createLimitExpression?(): string;
  replacePropertyNamesForTheWholeQuery(statement: string): string;
}

export const dataSourceOf = (builder: WriteBuilder): DataSource | undefined =>
  builder.dataSource ?? builder.connection;

/** The entity that the builder writes; none for a table that is only named. */
export function metadataOf({ expressionMap }: WriteBuilder): EntityMetadata | undefined {
  return expressionMap.mainAlias?.hasMetadata ? expressionMap.mainAlias.metadata : undefined;
}

export function tableOf(builder: WriteBuilder): TableName {
  const path = metadataOf(builder)?.tablePath ?? builder.getMainTableName();
  const name = metadataOf(builder)?.tableName ?? path.slice(path.lastIndexOf(".") + 1);
  return { schema: path === name ? null : path.slice(0, -name.length - 1), name };
}

const lockingDrivers = new Set<string>([
  "postgres",
  "aurora-postgres",
  "cockroachdb",
  "mysql",
  "mariadb",
  "aurora-mysql",
  "oracle",
]);
const driversWithoutLimit = new Set<string>(["mssql", "oracle", "sap"]);

/** The builder's statement without its values, and the values. */
export function statementOf(builder: WriteBuilder): Pick<ManyRowsChange, "statement" | "parameters"> {
  const { type } = dataSourceOf(builder)!.options;
  const quoting = /mysql|mariadb/.test(type)
    ? "mysql"
    : /postgres|cockroach/.test(type)
      ? "postgres"
      : "standard";
  // A twin, because building a statement numbers the parameters of the builder.
  const [sql, values] = builder.clone().getQueryAndParameters();
  const base = type === "mssql" ? 0 : 1;
  return { statement: withoutValues(sql, quoting), parameters: boundParameters(sql, values, quoting, base) };
}

/** A statement with its parameters, as a query runner takes it. */
export type Query = readonly [sql: string, parameters: unknown[]];

/** Reads the rows that the builder's WHERE names: at most one more than `most`, where the database can count. */
export function selectSame(builder: WriteBuilder, most: number, lock: boolean): Query {
  const { type } = dataSourceOf(builder)!.options;
  const twin = builder.clone();
  twin.getQuery = () => {
    const ordered = twin.createOrderByExpression?.() ?? "";
    const own = twin.expressionMap.limit === undefined ? "" : (twin.createLimitExpression?.() ?? "");
    const limit = own === "" && !driversWithoutLimit.has(type) ? ` LIMIT ${most + 1}` : own;
    const sql =
      `${twin.createCteExpression()}SELECT * FROM ${twin.getTableName(twin.getMainTableName())}` +
      `${twin.createWhereExpression()}${ordered}${limit}${lock && lockingDrivers.has(type) ? " FOR UPDATE" : ""}`;
    return twin.replacePropertyNamesForTheWholeQuery(sql);
  };
  return twin.getQueryAndParameters();
}

/** Reads the rows that have one of these keys (column → value as the driver takes it). */
export function selectKeys(dataSource: DataSource, path: string, keys: readonly ColumnImage[]): Query {
  const builder = dataSource.createQueryBuilder() as unknown as WriteBuilder;
  const parameters: Record<string, unknown> = {};
  const { driver } = dataSource;
  const conditions = keys.map((key, row) => {
    const equal = Object.entries(key).map(([column, value], place) => {
      const name = `audit_${row}_${place}`;
      parameters[name] = value;
      return `${driver.escape(column)} = :${name}`;
    });
    return `(${equal.join(" AND ")})`;
  });
  const sql = `SELECT * FROM ${builder.getTableName(path)} WHERE ${conditions.join(" OR ")}`;
  // 0.3 takes native parameters as a third argument, and 1.x has none.
  const escape = driver.escapeQueryWithParameters as (...args: unknown[]) => [string, unknown[]];
  return escape.call(driver, sql, parameters, {});
}
