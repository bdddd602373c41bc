/**
 * The one interface between the shared row capture and the database families
 * (SQLite by triggers; PostgreSQL and MySQL/MariaDB at the connection; the rest by query builders).
 *
 * A family knows how its database shows changed rows and how a transaction ends. It tells of row changes in
 * the database's own terms (tables, columns). Who the row belongs to in the application (entity, property
 * names, field rules) is the shared part's business, so that all databases give the same records.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import type { AuditContext } from "../../context/context.js";
import type { Undo } from "../capture.js";
import type { OutboxRow, OutboxStore, OutboxTable } from "./outbox/store.js";

/** A table as the database names it. `schema` is `null` where the database has none, or for the default one. */
export interface TableName {
  readonly schema: string | null;
  readonly name: string;
}

/**
 * A row by column name. Values are JSON values that lose nothing: integers beyond 2^53, decimals and dates
 * are text as the database prints them, JSON columns are objects, bytes are a `Uint8Array`.
 */
export type ColumnImage = Readonly<Record<string, unknown>>;

interface OneRow {
  readonly table: TableName;
  readonly context: AuditContext | undefined;
  /** The columns of the primary key, if the family knows: they make the id where no entity stands for the table. */
  readonly primary?: readonly string[];
}

/** One change of one row, in one transaction. */
export type OneRowChange = OneRow &
  (
    | { readonly op: "insert"; readonly before: null; readonly after: ColumnImage }
    | { readonly op: "update"; readonly before: ColumnImage; readonly after: ColumnImage }
    | { readonly op: "delete"; readonly before: ColumnImage; readonly after: null }
  );

/** One change of one row; or a statement whose rows could not be told apart, or were too many. */
export type RowChange = OneRowChange | ManyRowsChange;

/** A value that a statement was run with, as a plain copy of limited size. */
export interface Parameter {
  readonly value: unknown;
  /** The columns that it is for, in lower case; none, if it is for no column. `null`: not known. */
  readonly columns: readonly string[] | null;
}

/** One entry for many rows: a TRUNCATE, a statement that could not be taken apart, or rows past the limit. */
export interface ManyRowsChange {
  readonly op: "truncate" | "statement";
  readonly table: TableName;
  readonly before: null;
  readonly after: null;
  /** `null` if the database did not say. */
  readonly rowCount: number | null;
  /** The statement without its values, for `op: "statement"`; `withoutValues` makes it. */
  readonly statement: string | null;
  /** The values that it was run with. */
  readonly parameters?: readonly Parameter[];
  /** What was done, where that is known: for rows past the limit of one statement. */
  readonly verb?: "insert" | "update" | "delete";
  /** The first of the rows, for their ids. */
  readonly first?: readonly ColumnImage[];
  readonly context: AuditContext | undefined;
}

/** Whether the change is one entry for many rows. */
export function isManyRows(change: RowChange): change is ManyRowsChange {
  return change.op === "truncate" || change.op === "statement";
}

/** A read of rows by one query. */
export interface RowsRead {
  readonly table: TableName;
  /** The class of the entity that was read: of one table there may be several. */
  readonly target: unknown;
  readonly rowCount: number;
  readonly ids: readonly ColumnImage[];
  readonly context: AuditContext | undefined;
}

/** `failure`: of code that failed, and may have committed something before. */
export type RowOutcome = "success" | "unknown" | "failure";

/** Where a family tells what it saw. Never throws. */
export interface ChangeSink {
  /**
   * The changes of one transaction, in order, after the database said COMMIT (`success`), or when the
   * connection died while a COMMIT was under way (`unknown`). A statement outside of a transaction is a
   * transaction of its own.
   */
  committed(changes: readonly RowChange[], outcome: RowOutcome): void;
}

/** Where the records of a transaction are written before its COMMIT, so that both are committed or neither is. */
export interface OutboxTarget {
  /**
   * The table's name as SQL writes it.
   *
   * @throws if it is not there
   */
  table(): Promise<string>;
  /** A new id for a row, or for a transaction. */
  newId(): string;
  /** The records of these changes as one row holds them, for a database whose triggers write the rows. */
  records(changes: readonly RowChange[], transactionId: string): string | null;
  /** What to write for these changes; no rows where nothing is to be recorded. Default outcome `"success"`. Never throws. */
  rows(changes: readonly RowChange[], outcome?: RowOutcome): readonly OutboxRow[];
  /** What to write before a statement that may be committed by itself; `null` where nothing is to be recorded. Never throws. */
  intent(changes: readonly RowChange[]): OutboxRow | null;
  /** Rows that could not be written: their records are told from memory, and this intent need not be told any more. */
  handOn(rows: readonly OutboxRow[], intent: string | null): void;
  /** What `flush` has to wait for. */
  settling(work: Promise<void>): void;
  /** `"record"`: the transaction goes on, and its records are told as without an outbox. `"fail"`: it fails. */
  readonly onError: "record" | "fail";
  /** The rows could not be written. */
  failed(error: unknown): void;
  /** Rows that were written may be committed now. */
  committed(): void;
}

/** Which tables are captured. */
export interface TableScope {
  includes(table: TableName): boolean;
}

/** Limits that a family keeps to. */
export interface FamilyLimits {
  /** Beyond this many rows of one statement, one change stands for all. Default 1000. */
  readonly maxRowsPerStatement: number;
  /** Beyond this many bytes of images held for one open transaction, statements are counted, not imaged. */
  readonly maxImageBytes: number;
  /** Whether rewritten statements may be prepared by name. */
  readonly prepare: boolean;
}

/** What a family cannot see, one sentence an item; shown by `audit.coverage()`. */
export type Blind = readonly string[];

/** A way to capture rows for a group of TypeORM drivers. */
export interface Family {
  readonly name: "sqlite" | "postgres" | "mysql" | "portable";
  /** The TypeORM driver types (`dataSource.options.type`) that it serves. */
  readonly drivers: readonly string[];
  /** How it captures, and what that cannot see. */
  readonly blind: Blind;
  /**
   * Looks at what can be wrong before there is a connection, so that an attach before `initialize()` fails as one after it.
   *
   * @param table - of the outbox, if there is one
   * @throws {AuditError} what `start` or `outbox` would throw
   */
  check?(table: OutboxTable | undefined): void;
  /**
   * Starts on an initialised DataSource.
   *
   * @param outbox - where to write what is about to be committed; what was written there is not told to `sink`
   */
  start(
    dataSource: DataSource,
    sink: ChangeSink,
    scope: TableScope,
    limits: FamilyLimits,
    outbox?: OutboxTarget,
  ): Undo;
  /** The outbox table of this database, where the family can write to one. */
  readonly outbox?: (dataSource: DataSource, table: OutboxTable) => OutboxStore;
  /** What is told from memory although there is an outbox, one sentence an item. */
  readonly besideOutbox?: Blind;
}
