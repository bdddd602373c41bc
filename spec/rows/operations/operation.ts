/**
 * What one operation of the matrix is, and what a database must bring to run them.
 */
import type { DataSource, DataSourceOptions } from "typeorm";
import type { Family } from "#dist/capture/typeorm/family";

/** A row as the database's own triggers saw it change: the truth. */
export interface TrueRow {
  readonly op: "insert" | "update" | "delete" | "truncate";
  readonly table: string;
  /** By column; values as text, numbers, JSON values or bytes, losing nothing. */
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** A database, for the specs of all families. */
export interface Database {
  /** As it stands in `docs/row-coverage.json`, for example `sqljs` or `postgres 15`. */
  readonly name: string;
  /** How its rows are captured, if not by the driver's family. */
  readonly family?: Family | undefined;
  /** Whether the changes go through an outbox. */
  readonly outbox?: boolean;
  /** A reason to skip all, or `null`. */
  unavailable(): Promise<string | null>;
  /** Options of a DataSource on an empty database; entities are added. */
  options(): Promise<DataSourceOptions>;
  /** Creates table `rawt` (id integer primary key generated, name text, n integer) and the row triggers of all tables. */
  prepare(dataSource: DataSource): Promise<void>;
  /** The changes that were committed since the last call, in order. */
  truth(dataSource: DataSource): Promise<TrueRow[]>;
  /** The same, one list a transaction, where the database can tell. */
  transactions?(dataSource: DataSource): Promise<TrueRow[][]>;
  /**
   * Empties all tables, ids from 1 again: where several DataSources may share the database. Without it each
   * DataSource has a database of its own.
   */
  empty?(dataSource: DataSource): Promise<void>;
  /** A DataSource has one connection, so that several connections take several DataSources on the same database. */
  readonly oneConnection?: boolean;
  /** Removes what `options` made. */
  drop(dataSource: DataSource): Promise<void>;
  /** `false` where rows that foreign keys take along fire no trigger, so that nobody can tell their transaction. */
  readonly triggersSeeCascades?: boolean;
  /** Statements in the database's own words. */
  readonly sql: {
    /** Two UPDATEs of `plain` in one string, or `null` if one string can hold only one. */
    readonly many: string | null;
    /** A CTE that updates `plain`, for `SELECT`, or `null`. */
    readonly writingCte: string | null;
  };
  /** Operations in which the order of rows inside of one statement is the database's own (cascades), or all. */
  readonly unordered?: boolean | readonly string[];
  /** Operations and scenarios that this database or driver does not have, by name, with the reason. */
  readonly lacks?: Readonly<Record<string, string>>;
  /** Operations and scenarios of which a row is not seen, or not as it was, by name. */
  readonly unseen?: readonly string[];
  /** Operations that are recorded as a statement, by name. */
  readonly statements?: readonly string[] | undefined;
}

/** What an operation works on. */
export interface World {
  readonly dataSource: DataSource;
  readonly database: Database;
  /** Whether this TypeORM has the method. */
  readonly has: (target: object, method: string) => boolean;
}

export interface Operation<State = any> {
  readonly name: string;
  /** Rows that must be there before; not compared. */
  readonly before?: (world: World) => Promise<State>;
  readonly run: (world: World, state: State) => Promise<unknown>;
  /** The operation must end with an error. */
  readonly fails?: boolean;
}

export function operation<State = undefined>(
  name: string,
  before: ((world: World) => Promise<State>) | null,
  run: (world: World, state: State) => Promise<unknown>,
  { fails = false } = {},
): Operation {
  return before ? { name, before, run, fails } : { name, run: run as Operation["run"], fails };
}
