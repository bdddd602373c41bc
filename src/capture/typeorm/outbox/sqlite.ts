/**
 * The outbox table on SQLite.
 *
 * @module
 */
import { hostname } from "node:os";
import { BATCH_ROWS, type OutboxRow, type OutboxStore } from "./store.js";

/** The table, for those who make it themselves. Without rowids, so that `last_insert_rowid()` never tells of it. */
export const sqliteOutboxDdl = (name: string): string =>
  `CREATE TABLE IF NOT EXISTS ${name} (id TEXT PRIMARY KEY NOT NULL, records TEXT NOT NULL, taken_by TEXT, taken_until INTEGER) WITHOUT ROWID`;

/** What is asked of the application's own connection, where there can be no other. */
export interface SharedConnection {
  /** The rows, if no transaction is open; else `null`. */
  outboxRows(limit: number): readonly OutboxRow[] | null;
  /** Deletes these, at once if it can be done unseen, else before the application's next write. */
  deleteFromOutbox(ids: readonly string[]): void;
}

/** A database that lives in this process: there is no second connection to it. */
export class SharedStore implements OutboxStore {
  readonly #name: string;
  readonly #connection: () => SharedConnection | undefined;
  readonly #mayTell: (id: string) => boolean;

  constructor(
    name: string,
    connection: () => SharedConnection | undefined,
    mayTell: (id: string) => boolean = () => true,
  ) {
    this.#name = name;
    this.#connection = connection;
    this.#mayTell = mayTell;
  }

  async prepare(): Promise<string> {
    return this.#name;
  }

  async take(work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>): Promise<number | null> {
    const rows = this.#connection()?.outboxRows(BATCH_ROWS) ?? null;
    if (rows === null) return null;
    const told = rows.filter(({ id }) => this.#mayTell(id));
    this.#connection()?.deleteFromOutbox(await work(told));
    return told.length;
  }

  /** All of them, at once: the database is about to be closed. */
  takeNow(work: (rows: readonly OutboxRow[]) => readonly string[]): void {
    const rows = this.#connection()?.outboxRows(Number.MAX_SAFE_INTEGER) ?? [];
    this.#connection()?.deleteFromOutbox(work(rows.filter(({ id }) => this.#mayTell(id))));
  }

  async close(): Promise<void> {}
}

/** What is used of better-sqlite3's `Database`. */
export interface OwnDatabase {
  prepare(sql: string): { all(...values: unknown[]): unknown[]; run(...values: unknown[]): unknown };
  transaction<T>(work: () => T): { immediate(): T };
  close(): void;
}

/** How long a batch is held for a process that may be alive. */
const LEASE_MS = 10_000;
const BUSY_TRIES = 100;

let stores = 0;

/** A file: read on a connection of our own, by one process at a time. */
export class FileStore implements OutboxStore {
  readonly #name: string;
  readonly #open: () => OwnDatabase;
  readonly #owner = `${hostname()}:${process.pid}:${(stores += 1)}`;
  #database: OwnDatabase | null = null;

  constructor(name: string, open: () => OwnDatabase) {
    this.#name = name;
    this.#open = open;
  }

  async prepare(): Promise<string> {
    return this.#name;
  }

  async take(work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>): Promise<number | null> {
    // Between looking whether another process has rows, and taking them, no other may do the same.
    const rows = await this.#unlessBusy(() => this.#db.transaction(() => this.#lease()).immediate());
    if (!rows || rows.length === 0) return rows && 0;
    const done = await work(rows);
    const gone = await this.#unlessBusy(() => {
      this.#db
        .prepare(`DELETE FROM ${this.#name} WHERE id IN (SELECT value FROM json_each(?))`)
        .run(JSON.stringify(done));
      return true;
    });
    if (!gone) throw new Error("The file of the outbox was locked for too long.");
    return rows.length;
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = null;
  }

  /** `null` while another process has rows. */
  #lease(): OutboxRow[] | null {
    const holders = this.#db
      .prepare(`SELECT DISTINCT taken_by AS holder FROM ${this.#name} WHERE taken_until >= ?`)
      .all(Date.now()) as { holder: string }[];
    if (holders.some(({ holder }) => holder !== this.#owner && mayLive(holder))) return null;
    const rows = this.#db
      .prepare(
        `UPDATE ${this.#name} SET taken_by = ?, taken_until = ? ` +
          `WHERE id IN (SELECT id FROM ${this.#name} ORDER BY id LIMIT ${BATCH_ROWS}) RETURNING id, records`,
      )
      .all(this.#owner, Date.now() + LEASE_MS) as OutboxRow[];
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /* A transaction of the application's has the file: waiting inside of SQLite would stop the whole process. */
  async #unlessBusy<T>(work: () => T): Promise<T | null> {
    for (let left = BUSY_TRIES; left > 0; left -= 1) {
      try {
        return work();
      } catch (error) {
        if (!/^SQLITE_(?:BUSY|LOCKED)/.test((error as { code?: string }).code ?? "")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    return null;
  }

  get #db(): OwnDatabase {
    return (this.#database ??= this.#open());
  }
}

/** Of a process of another machine we cannot know. */
function mayLive(holder: string): boolean {
  const [, host, pid] = /^(.*):(\d+):\d+$/.exec(holder) ?? [];
  if (host !== hostname()) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}
