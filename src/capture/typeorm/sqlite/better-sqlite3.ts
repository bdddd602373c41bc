/**
 * The connection of better-sqlite3.
 *
 * @module
 */
import type { Undo } from "../../capture.js";
import { replaceMethod } from "../../patch.js";
import type { Values } from "../parameters.js";
import type { SqlFunction, SqliteConnection, StatementListener } from "./connection.js";

/** What is used of better-sqlite3's `Database` and `Statement`. */
export interface BetterDatabase {
  prepare(sql: string): BetterStatement;
  exec(sql: string): unknown;
  pragma(source: string, options?: unknown): unknown;
  function(name: string, options: object, work: SqlFunction): unknown;
  readonly inTransaction: boolean;
}

interface BetterStatement {
  run(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
  iterate(...values: unknown[]): IterableIterator<unknown>;
  raw(): BetterStatement;
  safeIntegers(on: boolean): BetterStatement;
  readonly database: BetterDatabase;
  readonly source: string;
}

/** The listeners of all captured connections of this process: the patched prototype serves all of them. */
const listeners = new Map<BetterDatabase, StatementListener>();
let unpatch: Undo | undefined;

export class BetterConnection implements SqliteConnection {
  readonly #database: BetterDatabase;
  readonly #exec: BetterDatabase["exec"];
  readonly #cached = new Map<string, BetterStatement>();

  constructor(database: BetterDatabase) {
    this.#database = database;
    this.#exec = database.exec;
  }

  rows(sql: string, ...values: (number | string)[]): unknown[][] {
    let statement = this.#cached.get(sql);
    if (!statement) {
      // The application may have asked for BigInts everywhere.
      statement = this.#database.prepare(sql).raw().safeIntegers(false);
      this.#cached.set(sql, statement);
    }
    return statement.all(...values) as unknown[][];
  }

  run(sql: string): void {
    this.#exec.call(this.#database, sql);
  }

  define(name: string, work: SqlFunction): void {
    this.#database.function(name, { safeIntegers: false }, work);
  }

  inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /**
   * On the prototype of statements, because TypeORM and `database.transaction()` hold statements which they
   * prepared before we came, COMMIT among them.
   */
  listen(listener: StatementListener): Undo {
    const database = this.#database;
    const around =
      (original: (...args: any[]) => unknown, textOf = (source: string) => source) =>
      (source: string, ...rest: unknown[]): unknown =>
        told(listener, textOf(source), () => original.call(database, source, ...rest));
    const undos = [
      replaceMethod(database, "exec", (original) => around(original)),
      replaceMethod(database, "pragma", (original) => around(original, (source) => `PRAGMA ${source}`)),
    ];
    listeners.set(database, listener);
    unpatch ??= patchStatements(Object.getPrototypeOf(database.prepare("SELECT 1")) as BetterStatement);
    return () => {
      undos.forEach((undo) => undo());
      listeners.delete(database);
      if (listeners.size > 0) return;
      unpatch?.();
      unpatch = undefined;
    };
  }
}

function patchStatements(prototype: BetterStatement): Undo {
  const around = (original: (...args: unknown[]) => unknown) =>
    function (this: BetterStatement, ...values: unknown[]): unknown {
      const listener = listeners.get(this.database);
      if (!listener) return original.apply(this, values);
      return told(listener, this.source, () => original.apply(this, values), boundBy(values));
    };
  const undos = [
    replaceMethod(prototype, "run", around),
    replaceMethod(prototype, "all", around),
    replaceMethod(prototype, "get", around),
    replaceMethod(prototype, "iterate", iterateTold),
  ];
  return () => undos.forEach((undo) => undo());
}

function iterateTold(original: (...args: unknown[]) => unknown) {
  return function (this: BetterStatement, ...values: unknown[]): unknown {
    const listener = listeners.get(this.database);
    const iterator = original.apply(this, values) as IterableIterator<unknown>;
    if (!listener) return iterator;
    const { source } = this;
    let ended = false;
    const bound = boundBy(values);
    const end = (failed: boolean): void => {
      if (!ended) listener.after(source, failed, bound);
      ended = true;
    };
    listener.before(source, bound);
    replaceMethod(iterator as { next(): unknown }, "next", (next) => () => {
      try {
        const step = next.call(iterator) as IteratorResult<unknown>;
        if (step.done) end(false);
        return step;
      } catch (error) {
        end(true);
        throw error;
      }
    });
    replaceMethod(iterator as { return(): unknown }, "return", (giveUp) => (...args: unknown[]) => {
      try {
        return giveUp.apply(iterator, args) as unknown;
      } finally {
        end(false);
      }
    });
    return iterator;
  };
}

/** Values come one by one, as one list, or by name. */
function boundBy(values: unknown[]): Values {
  const [first] = values;
  const whole =
    values.length === 1 && typeof first === "object" && first !== null && !ArrayBuffer.isView(first);
  return whole ? (first as Values) : values;
}

function told<T>(listener: StatementListener, sql: string, work: () => T, values?: Values): T {
  listener.before(sql, values);
  let failed = true;
  try {
    const result = work();
    failed = false;
    return result;
  } finally {
    listener.after(sql, failed, values);
  }
}
