/**
 * The outbox table on MySQL and MariaDB.
 *
 * @module
 */
/* oxlint-disable no-underscore-dangle -- mysql2 keeps a cluster's pools behind one */
import { createHash } from "node:crypto";
import type { DataSource } from "typeorm";
import { AuditError } from "../../../errors.js";
import { rowsToHandOn } from "./intent-id.js";
import { BATCH_ROWS, type OutboxRow, type OutboxStore, type OutboxTable } from "./store.js";

type Answered = (error: Error | null, rows: unknown) => void;

/** What is used of a connection of mysql2 that is not in a pool. */
interface OwnConnection {
  query(options: { sql: string; values?: readonly unknown[] }, answered: Answered): void;
  end(done: () => void): void;
  on(event: "error", listener: () => void): void;
  readonly stream: { unref?(): void; once(event: "close", listener: () => void): void };
}

interface PoolWithConfig {
  readonly config: { readonly connectionConfig: object };
}

interface Driver {
  readonly mysql: { readonly Connection: new (options: { config: object }) => OwnConnection };
  readonly pool?: PoolWithConfig;
  readonly poolCluster?: { readonly _nodes?: Readonly<Record<string, { readonly pool?: PoolWithConfig }>> };
}

/** The table, for those who make it themselves. */
export const mysqlOutboxDdl = (name: string): string =>
  `CREATE TABLE IF NOT EXISTS ${name} (id char(36) CHARACTER SET ascii PRIMARY KEY, ` +
  `written_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), records longblob NOT NULL) ENGINE = InnoDB`;

/** The lock of an intent: 51 characters, of 64 that a name may have. */
export const intentLock = (id: string): string => `activity_audit:${id}`;

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

export class MysqlStore implements OutboxStore {
  readonly #driver: Driver;
  readonly #config: object | undefined;
  readonly #table: OutboxTable;
  #connection: OwnConnection | null = null;
  #name = "";

  constructor(dataSource: DataSource, table: OutboxTable) {
    this.#driver = dataSource.driver as unknown as Driver;
    const { pool, poolCluster } = this.#driver;
    // Kept, because the relay goes on when the DataSource has been destroyed.
    this.#config = (pool ?? poolCluster?._nodes?.["MASTER"]?.pool)?.config.connectionConfig;
    this.#table = table;
  }

  async prepare(): Promise<string> {
    const { schema, name, create } = this.#table;
    const [row] = await this.#query<{ db: string | null; found: number }>(
      "SELECT COALESCE(?, DATABASE()) AS db, EXISTS (SELECT 1 FROM information_schema.TABLES " +
        "WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?) AS found",
      [schema, schema, name],
    );
    const full = row?.db ? `${quoted(row.db)}.${quoted(name)}` : quoted(name);
    if (!row?.found && !create) throw new AuditError("AUDIT_OUTBOX_MISSING", [full, mysqlOutboxDdl(full)]);
    if (!row?.found) await this.#query(mysqlOutboxDdl(full));
    return (this.#name = full);
  }

  /*
   * One process at a time, by a lock of the connection's, so that the order is kept. Rows are read without locks:
   * FOR UPDATE would lock the gap behind the last of them, into which the application inserts.
   */
  async take(work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>): Promise<number | null> {
    const lock = `activity_audit:${createHash("sha1").update(this.#name).digest("hex")}`;
    const [got] = await this.#query<{ ours: number | null }>("SELECT GET_LOCK(?, 0) AS ours", [lock]);
    if (Number(got?.ours) !== 1) return null;
    try {
      const select = async (but: readonly string[]): Promise<OutboxRow[]> => {
        const rows = await this.#query<{ id: string; records: Buffer }>(
          `SELECT id, records FROM ${this.#name} ${but.length > 0 ? "WHERE id NOT IN (?) " : ""}` +
            `ORDER BY id LIMIT ${BATCH_ROWS}`,
          [but],
        );
        return rows.map(({ id, records }) => ({ id, records: records.toString("utf8") }));
      };
      const isHeld = async (id: string): Promise<boolean> => {
        const [row] = await this.#query<{ holder: number | null }>("SELECT IS_USED_LOCK(?) AS holder", [
          intentLock(id),
        ]);
        return row !== undefined && row.holder !== null;
      };
      const found = await rowsToHandOn(select, isHeld);
      const done = await work(found);
      if (done.length > 0) await this.#query(`DELETE FROM ${this.#name} WHERE id IN (?)`, [done]);
      return found.length;
    } finally {
      await this.#query("DO RELEASE_LOCK(?)", [lock]).catch(() => this.#lose());
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#lose();
    if (connection) await new Promise<void>((resolve) => connection.end(() => resolve()));
  }

  async #query<Row>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const connection = await this.#connected();
    return new Promise((resolve, reject) => {
      // As they come, whatever the application's pool is set to.
      const options = {
        sql,
        values,
        rowsAsArray: false,
        typeCast: true,
        nestTables: false,
        namedPlaceholders: false,
      };
      connection.query(options, (error, rows) => (error ? reject(error) : resolve(rows as Row[])));
    });
  }

  async #connected(): Promise<OwnConnection> {
    return (this.#connection ??= this.#connect());
  }

  #connect(): OwnConnection {
    if (!this.#config) throw new Error("The DataSource has no pool: it must be initialised first.");
    const connection = new this.#driver.mysql.Connection({ config: this.#config });
    const lost = (): void => {
      if (this.#connection === connection) this.#lose();
    };
    connection.on("error", lost);
    // A connection that breaks under a query tells only the query.
    connection.stream.once("close", lost);
    // It waits for the application; the application's process must not wait for it.
    connection.stream.unref?.();
    return connection;
  }

  #lose(): void {
    this.#connection = null;
  }
}
