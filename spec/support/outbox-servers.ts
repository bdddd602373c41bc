/**
 * The servers that have an outbox of their own, each with an empty database for one spec.
 */
import { createConnection } from "mysql2/promise";
import pg from "pg";
import type { DataSourceOptions } from "typeorm";
import { server as mysqlServer, skipReason } from "../rows/mysql/server.js";
import { noServer, server as postgresServer } from "../rows/postgres/server.js";

async function onPostgres<Row>(database: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ ...postgresServer, database });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows as Row[];
}

async function onMariadb<Row>(sql: string): Promise<Row[]> {
  const connection = await createConnection(mysqlServer);
  const [rows] = await connection.query(sql);
  await connection.end();
  return rows as Row[];
}

const mariadbSessions = (database: string): Promise<{ id: number }[]> =>
  onMariadb(`SELECT id FROM information_schema.processlist WHERE db = '${database}'`);

export interface OutboxServer {
  readonly options: DataSourceOptions;
  readonly reason: string | null;
  make(): Promise<unknown>;
  drop(): Promise<unknown>;
  /** What lies in the outbox, as text. */
  readonly waiting: string;
  /** Cuts every connection to the database. */
  cut(): Promise<unknown>;
  /** How many sessions are at the database: of a process that was killed they may be, for as long as a statement takes. */
  sessions(): Promise<number>;
  /** Keeps every relay away until it is called again. */
  hold(): Promise<() => Promise<void>>;
}

/** @param name - of the database */
export const outboxServers = (name: string): readonly OutboxServer[] => [
  {
    options: {
      type: "postgres",
      host: postgresServer.host,
      port: postgresServer.port,
      username: postgresServer.user,
      password: postgresServer.password,
      database: name,
    },
    reason: noServer || null,
    make: () => onPostgres("postgres", `CREATE DATABASE ${name}`),
    drop: () => onPostgres("postgres", `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    waiting: "SELECT convert_from(records, 'UTF8') AS records FROM audit_outbox ORDER BY id",
    cut: () =>
      onPostgres(
        "postgres",
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      ),
    async sessions() {
      const found = await onPostgres(
        "postgres",
        `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND backend_type = 'client backend'`,
      );
      return found.length;
    },
    async hold() {
      const client = new pg.Client({ ...postgresServer, database: name });
      await client.connect();
      await client.query("SELECT pg_advisory_lock(1096107348, hashtext('public.audit_outbox'))");
      return () => client.end();
    },
  },
  {
    options: {
      type: "mariadb",
      host: mysqlServer.host,
      port: mysqlServer.port,
      username: mysqlServer.user,
      password: mysqlServer.password,
      database: name,
    },
    reason: skipReason() || null,
    make: () => onMariadb(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`),
    drop: () => onMariadb(`DROP DATABASE IF EXISTS ${name}`),
    waiting: "SELECT CONVERT(records USING utf8mb4) AS records FROM audit_outbox ORDER BY id",
    async cut() {
      for (const { id } of await mariadbSessions(name)) await onMariadb(`KILL ${id}`);
    },
    sessions: async () => (await mariadbSessions(name)).length,
    async hold() {
      const connection = await createConnection(mysqlServer);
      await connection.query(
        `SELECT GET_LOCK(CONCAT('activity_audit:', SHA1('\`${name}\`.\`audit_outbox\`')), 10)`,
      );
      return () => connection.end();
    },
  },
];
