/**
 * Rows of SQLite, by TEMP triggers on the application's own connection.
 *
 * Sees everything that changes a row through this connection: raw SQL, foreign keys' actions, triggers of the
 * application's. Adds no statement to the application's, and nothing to the database file.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { guarded } from "../../health.js";
import type { Undo } from "../capture.js";
import type { Family } from "./family.js";
import { BetterConnection, type BetterDatabase } from "./sqlite/better-sqlite3.js";
import type { SqliteConnection } from "./sqlite/connection.js";
import { SqliteRecorder } from "./sqlite/recorder.js";
import { Triggers } from "./sqlite/schema.js";
import { SqljsConnection, type SqljsDatabase } from "./sqlite/sqljs.js";
import { checkTable, openStore, type Box } from "./sqlite/outbox.js";

const boxes = new WeakMap<DataSource, Box>();

interface SqliteDriver {
  databaseConnection: unknown;
}

export const sqlite: Family = {
  name: "sqlite",
  drivers: ["sqljs", "better-sqlite3"],
  blind: [
    "Rows that another connection or process changes in the same file.",
    "Rows of virtual tables (full-text search and the like), and rows that CREATE TABLE … AS SELECT makes.",
    "Rows of a table that is created or altered in the same text of several statements that fills it.",
    "Rows that OR REPLACE deletes because of a unique index on an expression.",
    "The content of a value longer than 16 MiB: its length is recorded.",
  ],

  check: (table) => void (table && checkTable(table)),

  outbox(dataSource, table) {
    const box: Box = { table, recorder: undefined };
    boxes.set(dataSource, box);
    return openStore(dataSource, box);
  },

  start(dataSource, sink, scope, limits, outbox): Undo {
    const driver = dataSource.driver as unknown as SqliteDriver;
    const box = outbox ? boxes.get(dataSource) : undefined;
    const record = (database: unknown): SqliteRecorder => {
      const connection = connectionOf(dataSource, database);
      if (!outbox || !box)
        return new SqliteRecorder(connection, new Triggers(connection, scope), sink, limits);
      const triggers = new Triggers(connection, scope, box.table);
      const into = { target: outbox, table: box.table.name };
      return (box.recorder = new SqliteRecorder(connection, triggers, sink, limits, into));
    };
    let recorder: SqliteRecorder | undefined = record(driver.databaseConnection);
    box?.begin?.();
    const unwatch = watchProperty(driver, "databaseConnection", (database) => {
      // Loading another database (`sqljsManager.loadDatabase`) replaces the connection.
      guarded("capture.sqlite", () => {
        recorder?.stop();
        recorder = undefined;
        recorder = record(database);
      });
    });
    return () => {
      unwatch();
      box?.end?.();
      recorder?.stop();
      recorder = undefined;
    };
  },
};

function connectionOf(dataSource: DataSource, database: unknown): SqliteConnection {
  return dataSource.options.type === "sqljs"
    ? new SqljsConnection(database as SqljsDatabase)
    : new BetterConnection(database as BetterDatabase);
}

/** Tells of each new value of a plain property, by an accessor that stands in for it. */
function watchProperty<Name extends string>(
  target: Record<Name, unknown>,
  name: Name,
  changed: (value: unknown) => void,
): Undo {
  let value = target[name];
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set: (next: unknown) => {
      const differs = next !== value;
      value = next;
      if (differs) changed(next);
    },
  });
  return () => {
    Object.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true });
  };
}
