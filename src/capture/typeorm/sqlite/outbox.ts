/**
 * Which way there is to the outbox of a SQLite database.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import type { DataSource } from "typeorm";
import { AuditError } from "../../../errors.js";
import { FileStore, SharedStore, type OwnDatabase } from "../outbox/sqlite.js";
import type { OutboxStore, OutboxTable } from "../outbox/store.js";
import type { Undo } from "../../capture.js";
import { replaceMethod } from "../../patch.js";
import type { SqliteRecorder } from "./recorder.js";
import { quoted } from "./triggers.js";

interface BetterDriver {
  readonly sqlite: new (file: string, options: object) => OwnDatabase;
  readonly databaseConnection: { readonly name?: string; readonly memory?: boolean };
}

interface SqljsDriver {
  autoSave(): Promise<void>;
}

/** The outbox of one DataSource, and the recorder that writes to it. */
export interface Box {
  readonly table: OutboxTable;
  recorder: SqliteRecorder | undefined;
  /** To be called when the recorder is there, and when it has stopped. */
  begin?: () => void;
  end?: Undo;
}

/** @throws {AuditError} `AUDIT_OPTION_INVALID`: the table is not in the main database */
export function checkTable({ schema, name }: OutboxTable): void {
  if (schema === null || schema === "main") return;
  const found = JSON.stringify(`${schema}.${name}`);
  throw new AuditError("AUDIT_OPTION_INVALID", [
    "audit.attach.outboxTable",
    found,
    "a name without a schema",
  ]);
}

/**
 * A connection of our own to a file; else the application's, while no transaction is open on it.
 *
 * @throws {AuditError} `AUDIT_OPTION_INVALID`: the table is not in the main database
 */
export function openStore(dataSource: DataSource, box: Box): OutboxStore {
  checkTable(box.table);
  const connection = (): SqliteRecorder | undefined => box.recorder;
  const full = `main.${quoted(box.table.name)}`;
  const { options, driver } = dataSource;
  if (options.type === "sqljs") {
    const saved = options.autoSave ? tellSavedOnly(driver as unknown as SqljsDriver, box) : undefined;
    return new SharedStore(full, connection, saved);
  }
  const { sqlite: Database, databaseConnection } = driver as unknown as BetterDriver;
  const { key, nativeBinding = null } = options as { key?: string; nativeBinding?: string | null };
  const file = databaseConnection.name ?? "";
  // A key would have to be given before anything else; and memory is nobody else's.
  if (key || databaseConnection.memory || file === "") return new SharedStore(full, connection);
  // Waiting for the application's own transaction inside of SQLite would wait for ever: this thread is its thread.
  const own = { timeout: 0, fileMustExist: true, nativeBinding };
  return new FileStore(full, () => new Database(isAbsolute(file) ? file : join(process.cwd(), file), own));
}

/**
 * With `autoSave`, what is committed is committed to memory only, until TypeORM has written the file: a record must
 * not be there for a change that a crash takes back.
 */
function tellSavedOnly(driver: SqljsDriver, box: Box): (id: string) => boolean {
  const last = (): string => box.recorder?.outboxRows(Number.MAX_SAFE_INTEGER)?.at(-1)?.id ?? "";
  let upTo = "";
  box.begin = () => {
    // What is there at first came from the file.
    upTo = last();
    box.end = replaceMethod(driver, "autoSave", (original) => async () => {
      // Within a transaction of TypeORM's it does nothing, its COMMIT included.
      const exports = box.recorder?.exports;
      const now = last();
      await original.call(driver);
      if (now === "" || box.recorder?.exports === exports) return;
      upTo = now;
      box.recorder?.saved();
    });
  };
  return (id) => id <= upTo;
}
