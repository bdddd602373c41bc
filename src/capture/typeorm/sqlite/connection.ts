/**
 * A SQLite connection of whichever package: what capture asks of it, and what it tells.
 *
 * @module
 */
import type { Undo } from "../../capture.js";
import type { Values } from "../parameters.js";

/** Hears of each statement of the application. Never throws. */
export interface StatementListener {
  /** @param values - what was bound, if the package tells */
  before(sql: string, values?: Values): void;
  after(sql: string, failed: boolean, values?: Values): void;
  /** TEMP objects may be gone: the database was closed and opened again underneath. */
  reopened(): void;
}

/** Its number of parameters is that of the SQL function. */
export type SqlFunction = (...values: any[]) => string | null;

export interface SqliteConnection {
  /** All rows of a query of ours, as arrays. Not seen by the listener. */
  rows(sql: string, ...values: (number | string)[]): unknown[][];
  /** Runs a statement of ours. Not seen by the listener. */
  run(sql: string): void;
  /** `undefined` where the package does not say. */
  inTransaction(): boolean | undefined;
  /** Makes a function that SQL may call: with three or four values, or with none. */
  define(name: string, work: SqlFunction): void;
  listen(listener: StatementListener): Undo;
}
