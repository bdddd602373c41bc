/**
 * The outbox table on PostgreSQL.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { AuditError } from "../../../errors.js";
import { quotedTable } from "../postgres/names.js";
import { lockNumber, rowsToHandOn } from "./intent-id.js";
import { BATCH_ROWS, type OutboxRow, type OutboxStore, type OutboxTable } from "./store.js";

/** What is used of a client of pg that is not in a pool. */
interface OwnClient {
  connect(): Promise<void>;
  query(text: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: "error", listener: () => void): void;
  unref?(): void;
}

interface PoolWithClients {
  readonly options: object;
  readonly Client: new (options: object) => OwnClient;
}

/** First key of our advisory lock; the second is made of the table's name. */
const LOCK = 1_096_107_348;

/** The table, for those who make it themselves. */
export const postgresOutboxDdl = (name: string): string =>
  `CREATE TABLE ${name} (id uuid PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT clock_timestamp(), records bytea NOT NULL)`;

export class PostgresStore implements OutboxStore {
  readonly #pool: PoolWithClients;
  readonly #defaultSchema: string | null;
  readonly #table: OutboxTable;
  #client: Promise<OwnClient> | null = null;
  #open: OwnClient | null = null;
  #name = "";

  constructor(dataSource: DataSource, table: OutboxTable) {
    // Kept, because the relay goes on when the DataSource has been destroyed.
    this.#pool = (dataSource.driver as unknown as { master: PoolWithClients }).master;
    this.#defaultSchema = (dataSource.options as { schema?: string }).schema ?? null;
    this.#table = table;
  }

  async prepare(): Promise<string> {
    const client = await this.#connected();
    const found = await this.#find(client);
    if (found) return (this.#name = found);
    const wanted = await this.#wanted(client);
    if (!this.#table.create)
      throw new AuditError("AUDIT_OUTBOX_MISSING", [wanted, postgresOutboxDdl(wanted)]);
    try {
      await client.query(postgresOutboxDdl(wanted));
    } catch (error) {
      // Another process may have made it in the meantime: IF NOT EXISTS does not help against that.
      if (!(await this.#find(client))) throw error;
    }
    return (this.#name = wanted);
  }

  /*
   * One process at a time, by an advisory lock that ends with our transaction, however it ends. Row locks with
   * SKIP LOCKED would let several in, each with every other row, and the order of the records would be lost.
   */
  async take(work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>): Promise<number | null> {
    const client = await this.#connected();
    // Each look must see what is committed by then, whatever the role's default is.
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    try {
      const count = await this.#takeLocked(client, work);
      await client.query("COMMIT");
      return count;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => this.#lose(client));
      throw error;
    }
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    this.#client = null;
    this.#open = null;
    await client?.end();
  }

  async #takeLocked(
    client: OwnClient,
    work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>,
  ): Promise<number | null> {
    const lock = await client.query("SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS ours", [
      LOCK,
      this.#name,
    ]);
    if (lock.rows[0]?.ours !== true) return null;
    const select = async (but: readonly string[]): Promise<OutboxRow[]> => {
      const found = await client.query(
        `SELECT id::text, convert_from(records, 'UTF8') AS records FROM ${this.#name} WHERE id <> ALL($1::uuid[]) ` +
          `ORDER BY id LIMIT ${BATCH_ROWS}`,
        [but],
      );
      return found.rows as unknown as OutboxRow[];
    };
    const isHeld = async (id: string): Promise<boolean> => {
      const free = await client.query("SELECT pg_try_advisory_xact_lock($1) AS free", [lockNumber(id)]);
      return free.rows[0]?.free !== true;
    };
    const rows = await rowsToHandOn(select, isHeld);
    const done = await work(rows);
    if (done.length > 0) await client.query(`DELETE FROM ${this.#name} WHERE id = ANY($1::uuid[])`, [done]);
    return rows.length;
  }

  async #find(client: OwnClient): Promise<string | null> {
    const { rows } = await client.query(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.oid = to_regclass($1)`,
      [quotedTable({ schema: this.#schema, name: this.#table.name })],
    );
    return (rows[0]?.name as string | undefined) ?? null;
  }

  async #wanted(client: OwnClient): Promise<string> {
    const { rows } = await client.query(
      "SELECT format('%I.%I', coalesce($1, current_schema()), $2::text) AS name",
      [this.#schema, this.#table.name],
    );
    return rows[0]!.name as string;
  }

  /** As TypeORM has it for tables that name none. */
  get #schema(): string | null {
    return this.#table.schema ?? this.#defaultSchema;
  }

  #connected(): Promise<OwnClient> {
    return (this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = null;
      throw error;
    }));
  }

  async #connect(): Promise<OwnClient> {
    const { Client, options } = this.#pool;
    // As they are: their password is hidden from a copy.
    const client = new Client(options);
    client.on("error", () => this.#lose(client));
    await client.connect();
    this.#open = client;
    // It waits for the application; the application's process must not wait for it.
    client.unref?.();
    return client;
  }

  /** Ends it, in case it is only late (`query_timeout`): its transaction would hold the lock, and no process would relay. */
  #lose(client: OwnClient): void {
    if (this.#open !== client) return;
    this.#client = null;
    this.#open = null;
    client.end().catch(() => {});
  }
}
