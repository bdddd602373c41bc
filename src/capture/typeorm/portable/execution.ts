/**
 * One run of a writing builder: reads its rows, lets it run, reads them again, and tells what differs.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { DataSource, EntityMetadata, ObjectLiteral, QueryRunner } from "typeorm";
import { currentContext, type AuditContext } from "../../../context/context.js";
import { fault } from "../../../health.js";
import { FIRST_ROWS } from "../bulk.js";
import type { ColumnImage, FamilyLimits, RowChange, TableName, TableScope } from "../family.js";
import {
  metadataOf,
  selectKeys,
  selectSame,
  statementOf,
  tableOf,
  type Query,
  type WriteBuilder,
} from "./builder.js";
import { exactRow } from "./image.js";
import { insertedKeys, keyIn, uniqueKeys, valueSets } from "./keys.js";
import { asJson, readRows } from "./postgres-rows.js";
import { quietQuery } from "./quiet.js";
import type { Transactions } from "./transactions.js";

/** What all executions of one DataSource share. */
export interface Shared {
  readonly dataSource: DataSource;
  readonly scope: TableScope;
  readonly limits: FamilyLimits;
  readonly transactions: Transactions;
}

/** How many keys one look-up names: databases limit a statement's parameters, some at about a thousand. */
const KEYS_A_QUERY = 200;

/** Databases where a failed statement spoils the transaction, so that our reads need a savepoint. */
const fragile = new Set<string>(["postgres", "aurora-postgres", "cockroachdb"]);

const verbs = {
  insert: "insert",
  update: "update",
  delete: "delete",
  "soft-delete": "update",
  restore: "update",
} as const;

/** Rows by primary key, or `null` where they could not be told. */
type Rows = readonly ColumnImage[] | null;

export class Execution {
  readonly #builder: WriteBuilder;
  readonly #shared: Shared;
  readonly #table: TableName;
  readonly #metadata: EntityMetadata | undefined;
  readonly #verb: "insert" | "update" | "delete";
  readonly #context: AuditContext | undefined = currentContext();

  private constructor(builder: WriteBuilder, shared: Shared) {
    this.#builder = builder;
    this.#shared = shared;
    this.#table = tableOf(builder);
    this.#metadata = metadataOf(builder);
    this.#verb = verbs[builder.expressionMap.queryType];
  }

  /** `undefined` if there is nothing to record. Never throws: what is wrong with a builder TypeORM tells itself. */
  static of(builder: WriteBuilder, shared: Shared): Execution | undefined {
    try {
      const execution = new Execution(builder, shared);
      if (execution.#context?.muted || !shared.scope.includes(execution.#table)) return undefined;
      return execution;
    } catch {
      return undefined;
    }
  }

  /** Gives what the builder gives, or throws what it throws. */
  async around(run: () => Promise<unknown>): Promise<unknown> {
    const builder = this.#builder;
    if (builder.queryRunner) return this.#observe(builder.queryRunner, run);
    // TypeORM would take a runner for this one statement; ours, so that our reads are on its connection.
    const runner = this.#shared.dataSource.createQueryRunner();
    builder.queryRunner = runner;
    try {
      return await this.#observe(runner, run);
    } finally {
      builder.queryRunner = undefined;
      await runner.release();
    }
  }

  async #observe(runner: QueryRunner, run: () => Promise<unknown>): Promise<unknown> {
    const before = await this.#quietly(runner, () => this.#rowsBefore(runner));
    let result: unknown;
    try {
      result = await run();
    } catch (error) {
      // A listener may have thrown after the statement was done: the rows say whether it was.
      if (before && this.#verb !== "insert" && !(this.#fragile && this.#shared.transactions.isOpen(runner))) {
        await this.#quietly(runner, () => this.#tell(runner, before, undefined));
      }
      throw error;
    }
    await this.#quietly(runner, () => this.#tell(runner, before, result));
    return result;
  }

  /** What stands there before: by the builder's own WHERE, or for an insert by the unique keys that it may meet. */
  async #rowsBefore(runner: QueryRunner): Promise<Rows> {
    const builder = this.#builder;
    const { dataSource, limits, transactions } = this.#shared;
    if (this.#verb !== "insert") {
      return this.#read(runner, selectSame(builder, limits.maxRowsPerStatement, transactions.isOpen(runner)));
    }
    const { onIgnore, onUpdate, insertFromSelect } = builder.expressionMap;
    if (!this.#metadata || insertFromSelect) return null;
    if (!onIgnore && !onUpdate) return [];
    const keys = uniqueKeys(dataSource, this.#metadata, valueSets(builder));
    return keys ? this.#find(runner, keys) : null;
  }

  async #tell(runner: QueryRunner, before: Rows | undefined, result: unknown): Promise<void> {
    const changes = await this.#changes(runner, before ?? null, result);
    if (changes.length === 0) return;
    const builder = this.#builder;
    this.#shared.transactions.add(runner, {
      changes,
      get statement() {
        return statementOf(builder).statement;
      },
      parameters: () => statementOf(builder).parameters ?? [],
    });
  }

  async #changes(runner: QueryRunner, before: Rows, result: unknown): Promise<readonly RowChange[]> {
    const rowCount = affected(result);
    if (before === null) return rowCount === 0 ? [] : [this.#many(rowCount, [])];
    if (before.length > this.#shared.limits.maxRowsPerStatement) return [this.#many(rowCount, before)];
    if (this.#verb === "insert") return this.#inserted(runner, before, result);
    if (before.length === 0) return [];
    if (!this.#metadata?.primaryColumns.length) {
      if (this.#verb === "delete") return before.map((row) => this.#one(row, null)).filter(isChange);
      return [this.#many(rowCount, [])];
    }
    return this.#changed(runner, this.#metadata, before, rowCount);
  }

  async #changed(
    runner: QueryRunner,
    metadata: EntityMetadata,
    before: readonly ColumnImage[],
    rowCount: number | null,
  ): Promise<readonly RowChange[]> {
    const keys = before.map((row) => this.#keyAfter(row, metadata));
    if (keys.some((key) => key === undefined)) return [this.#many(rowCount, before)];
    const after = this.#byKey(await this.#find(runner, keys as ColumnImage[]), metadata);
    return before.flatMap((row, place) => this.#one(row, after.get(keyText(keys[place]!)) ?? null) ?? []);
  }

  async #inserted(
    runner: QueryRunner,
    before: readonly ColumnImage[],
    result: unknown,
  ): Promise<readonly RowChange[]> {
    const metadata = this.#metadata!;
    const { dataSource } = this.#shared;
    const values = valueSets(this.#builder);
    const { onIgnore, onUpdate } = this.#builder.expressionMap;
    const plain = !onIgnore && !onUpdate;
    // Of ignored rows TypeORM gives the ids of others.
    const keys = plain
      ? insertedKeys(dataSource, metadata, values, result as Parameters<typeof insertedKeys>[3])
      : (uniqueKeys(dataSource, metadata, values) ?? []);
    const was = this.#byKey(before, metadata);
    const rows = await this.#find(runner, keys);
    const changes = rows.flatMap((row) => {
      const key = keyText(this.#primaryOf(row, metadata));
      return this.#one(was.get(key) ?? null, row) ?? [];
    });
    const missing = plain ? values.length - rows.length : 0;
    return missing > 0 ? [...changes, this.#many(missing, [])] : changes;
  }

  /** The primary key that the row has afterwards; `undefined` if an expression of the database makes it. */
  #keyAfter(row: ColumnImage, metadata: EntityMetadata): ColumnImage | undefined {
    const key = this.#primaryOf(row, metadata);
    if (this.#builder.expressionMap.queryType !== "update") return key;
    const values = this.#builder.expressionMap.valuesSet as ObjectLiteral;
    const set = metadata.primaryColumns.filter((column) => column.getEntityValue(values) !== undefined);
    if (set.length === 0) return key;
    const next = keyIn(this.#shared.dataSource, set, values);
    return next && { ...key, ...next };
  }

  #primaryOf(row: ColumnImage, { primaryColumns }: EntityMetadata): ColumnImage {
    return Object.fromEntries(primaryColumns.map(({ databaseName }) => [databaseName, row[databaseName]]));
  }

  #byKey(rows: readonly ColumnImage[], metadata: EntityMetadata): Map<string, ColumnImage> {
    return new Map(rows.map((row) => [keyText(this.#primaryOf(row, metadata)), row]));
  }

  #one(before: ColumnImage | null, after: ColumnImage | null): RowChange | null {
    const base = { table: this.#table, context: this.#context };
    if (before && after) {
      return isDeepStrictEqual(before, after) ? null : { ...base, op: "update", before, after };
    }
    if (after) return { ...base, op: "insert", before: null, after };
    return before && { ...base, op: "delete", before, after: null };
  }

  #many(rowCount: number | null, rows: readonly ColumnImage[]): RowChange {
    return {
      op: "statement",
      verb: this.#verb,
      table: this.#table,
      before: null,
      after: null,
      rowCount,
      ...statementOf(this.#builder),
      context: this.#context,
      ...(rows.length > 0 ? { first: rows.slice(0, FIRST_ROWS) } : {}),
    };
  }

  async #find(runner: QueryRunner, keys: readonly ColumnImage[]): Promise<readonly ColumnImage[]> {
    const { dataSource } = this.#shared;
    const path = this.#metadata!.tablePath;
    const found = new Map<string, ColumnImage>();
    for (let from = 0; from < keys.length; from += KEYS_A_QUERY) {
      const query = selectKeys(dataSource, path, keys.slice(from, from + KEYS_A_QUERY));
      for (const row of await this.#read(runner, query)) {
        found.set(keyText(this.#primaryOf(row, this.#metadata!)), row);
      }
    }
    return [...found.values()];
  }

  async #read(runner: QueryRunner, [sql, parameters]: Query): Promise<readonly ColumnImage[]> {
    const { driver, options } = this.#shared.dataSource;
    const text = options.type === "postgres" ? asJson(sql) : sql;
    const rows = (await quietQuery(runner, text, parameters)) as readonly Record<string, unknown>[];
    if (text !== sql) return readRows(rows, this.#metadata, driver);
    return rows.map((row) => exactRow(row, this.#metadata));
  }

  get #fragile(): boolean {
    return fragile.has(this.#shared.dataSource.options.type);
  }

  /** Does what may fail without the application's transaction or its result coming to harm. */
  async #quietly<Result>(runner: QueryRunner, act: () => Promise<Result>): Promise<Result | undefined> {
    const guard = this.#fragile && this.#shared.transactions.isOpen(runner);
    try {
      if (guard) await quietQuery(runner, "SAVEPOINT activity_audit");
      const result = await act();
      if (guard) await quietQuery(runner, "RELEASE SAVEPOINT activity_audit");
      return result;
    } catch (error) {
      fault("capture.portable", error);
      if (guard) await quietQuery(runner, "ROLLBACK TO SAVEPOINT activity_audit").catch(() => {});
      return undefined;
    }
  }
}

const isChange = (change: RowChange | null): change is RowChange => change !== null;

/** Numbers and texts of the same digits are the same key: drivers give big integers as they like. */
const keyText = (key: ColumnImage): string =>
  JSON.stringify(Object.entries(key).map(([column, value]) => [column, String(value)]));

/** How many rows TypeORM says a statement changed. */
function affected(result: unknown): number | null {
  const { affected: count, identifiers } = (result ?? {}) as { affected?: unknown; identifiers?: unknown[] };
  if (typeof count === "number") return count;
  return identifiers && identifiers.length > 0 ? identifiers.length : null;
}
