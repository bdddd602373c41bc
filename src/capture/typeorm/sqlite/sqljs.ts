/**
 * The connection of sql.js.
 *
 * @module
 */
import type { Undo } from "../../capture.js";
import { replaceMethod } from "../../patch.js";
import type { Values } from "../parameters.js";
import type { SqlFunction, SqliteConnection, StatementListener } from "./connection.js";
import { readStatement } from "./statement.js";
import { PREFIX } from "./triggers.js";

/** What is used of sql.js's `Database` and `Statement`. */
export interface SqljsDatabase {
  prepare(sql: string, ...rest: unknown[]): SqljsStatement;
  run(sql: string, ...rest: unknown[]): unknown;
  exec(sql: string, ...rest: unknown[]): unknown;
  each(sql: string, ...rest: unknown[]): unknown;
  iterateStatements(sql: string): SqljsIterator;
  export(): unknown;
  create_function(name: string, work: SqlFunction): unknown;
  updateHook?(hook: UpdateHook | null): unknown;
}

type UpdateHook = (operation: string, schema: string, table: string, rowId: number) => void;

interface SqljsStatement {
  bind(values: unknown[]): boolean;
  step(): boolean;
  get(): unknown[];
  reset(): unknown;
  free(): unknown;
  getSQL(): string;
}

interface SqljsIterator {
  next(): { value?: SqljsStatement; done: boolean };
}

export class SqljsConnection implements SqliteConnection {
  readonly #database: SqljsDatabase;
  readonly #prepare: SqljsDatabase["prepare"];
  readonly #run: SqljsDatabase["run"];

  constructor(database: SqljsDatabase) {
    this.#database = database;
    // Taken before `listen`, so that what we run ourselves is not told to the listener.
    this.#prepare = database.prepare;
    this.#run = database.run;
  }

  rows(sql: string, ...values: (number | string)[]): unknown[][] {
    const statement = this.#prepare.call(this.#database, sql);
    try {
      statement.bind(values);
      const rows: unknown[][] = [];
      while (statement.step()) rows.push(statement.get());
      return rows;
    } finally {
      statement.free();
    }
  }

  run(sql: string): void {
    this.#run.call(this.#database, sql);
  }

  define(name: string, work: SqlFunction): void {
    this.#database.create_function(name, work);
  }

  /** sql.js does not expose sqlite3_get_autocommit. */
  inTransaction(): undefined {
    return undefined;
  }

  listen(listener: StatementListener): Undo {
    const database = this.#database;
    const around =
      (original: (...args: any[]) => unknown) =>
      (sql: string, ...rest: unknown[]): unknown => {
        listener.before(sql, rest[0] as Values);
        let failed = true;
        try {
          const result = original.call(database, sql, ...rest);
          failed = false;
          return result;
        } finally {
          listener.after(sql, failed, rest[0] as Values);
        }
      };
    const undos = [
      replaceMethod(database, "run", around),
      replaceMethod(database, "exec", around),
      replaceMethod(database, "each", around),
      replaceMethod(database, "prepare", (original) => (sql: string, ...rest: unknown[]) => {
        const statement = original.call(database, sql, ...rest) as SqljsStatement;
        const { kind, recursion, storage } = readStatement(sql);
        if (kind !== "read" || recursion || storage) watch(statement, sql, listener, rest[0] as Values);
        return statement;
      }),
      replaceMethod(database, "iterateStatements", (original) => (sql: string) => {
        const statements = original.call(database, sql) as SqljsIterator;
        const next = statements.next.bind(statements);
        statements.next = () => {
          const step = next();
          if (step.value) watch(step.value, step.value.getSQL(), listener);
          return step;
        };
        return statements;
      }),
      replaceMethod(database, "export", (original) => (...args: unknown[]) => {
        try {
          return original.apply(database, args) as unknown;
        } finally {
          listener.reopened();
        }
      }),
    ];
    if (database.updateHook) {
      // The rows of our own table are nobody else's.
      const others =
        (hook: UpdateHook): UpdateHook =>
        (operation, schema, table, rowId) =>
          table.startsWith(PREFIX) ? undefined : hook(operation, schema, table, rowId);
      const hooked =
        (original: (hook: UpdateHook | null) => unknown) =>
        (hook: UpdateHook | null): unknown =>
          original.call(database, typeof hook === "function" ? others(hook) : hook);
      undos.push(replaceMethod(database as Required<SqljsDatabase>, "updateHook", hooked));
    }
    return () => undos.forEach((undo) => undo());
  }
}

/** A statement has run when it has no more rows, fails, or is given up half-way. */
function watch(statement: SqljsStatement, sql: string, listener: StatementListener, given?: Values): void {
  let running = false;
  let values = given;
  replaceMethod(statement, "bind", (bind) => (bound: Values, ...rest: unknown[]) => {
    values = bound;
    return bind.call(statement, bound as unknown[], ...(rest as [])) as unknown;
  });
  const ended = (failed: boolean): void => {
    running = false;
    listener.after(sql, failed, values);
  };
  replaceMethod(statement, "step", (step) => () => {
    if (!running) listener.before(sql, values);
    running = true;
    let more: unknown;
    try {
      more = step.call(statement);
    } catch (error) {
      ended(true);
      throw error;
    }
    if (!more) ended(false);
    return more;
  });
  const giveUp = (original: () => unknown) => (): unknown => {
    try {
      return original.call(statement);
    } finally {
      if (running) ended(false);
    }
  };
  replaceMethod(statement, "reset", giveUp);
  replaceMethod(statement, "free", giveUp);
}
