/** A database of its own on the PostgreSQL server at PGHOST, a pool on it, and what the family tells of it. */
import { spawnSync } from "node:child_process";
import { before, after } from "node:test";
import pg from "pg";
import type { DataSource } from "typeorm";
import type { Undo } from "#dist/capture/capture";
import type { FamilyLimits, RowChange, RowOutcome, TableName } from "#dist/capture/typeorm/family";
import { postgres } from "#dist/capture/typeorm/postgres";

export const server = {
  host: process.env.PGHOST ?? "127.0.0.1",
  port: Number(process.env.PGPORT ?? 5432),
  user: process.env.PGUSER ?? "postgres",
  password: process.env.PGPASSWORD ?? "",
};

/** Why no spec can run here, or `false`. In CI a missing server is a failure, not a reason. */
export const noServer: string | false = reachable();

/** Asked in a process of its own: a suite must know before it begins, and nothing here can wait for that. */
function reachable(): string | false {
  const program = `require("node:net").connect(${server.port}, "${server.host}")
    .on("connect", () => process.exit(0)).on("error", () => process.exit(1))`;
  const found = spawnSync(process.execPath, ["-e", program], { timeout: 60_000 }).status === 0;
  if (found) return false;
  const reason = `no PostgreSQL at ${server.host}:${server.port}`;
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** One transaction as the family told it. */
export interface Told {
  readonly changes: readonly RowChange[];
  readonly outcome: RowOutcome;
}

export interface Database {
  readonly name: string;
  /** Not audited. */
  readonly plain: pg.Pool;
  /** A new pool, audited until the end of the spec or until `undo`. */
  audited(options?: {
    told?: Told[];
    includes?: (table: TableName) => boolean;
    limits?: Partial<FamilyLimits>;
    pool?: pg.PoolConfig;
  }): { pool: pg.Pool; told: Told[]; undo: Undo };
}

/** Makes a database for the suite that calls it, and drops it after. */
export function database(word: string, setUp: string): Database {
  const name = `activity_audit_${word}_${process.pid}`;
  const pools: pg.Pool[] = [];
  const open = (config: pg.PoolConfig = {}): pg.Pool => {
    const pool = new pg.Pool({ ...server, database: name, ...config });
    // A connection that is cut on purpose is an error of the pool, too.
    pool.on("error", () => {});
    pools.push(pool);
    return pool;
  };
  let plain: pg.Pool | undefined;
  before(async () => {
    if (noServer) return;
    await administer(`DROP DATABASE IF EXISTS ${name}`, `CREATE DATABASE ${name}`);
    plain = open();
    await plain.query(setUp);
  });
  after(async () => {
    if (noServer) return;
    for (const pool of pools) await pool.end().catch(() => {});
    await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });
  return {
    name,
    get plain() {
      if (!plain) throw new Error("The database is not there yet.");
      return plain;
    },
    audited({ told = [], includes = () => true, limits, pool: config } = {}) {
      const pool = open(config);
      const dataSource = { driver: { master: pool, schema: "public" } } as unknown as DataSource;
      const sink = {
        committed: (changes: readonly RowChange[], outcome: RowOutcome) =>
          void told.push({ changes, outcome }),
      };
      const undo = postgres.start(
        dataSource,
        sink,
        { includes },
        {
          maxRowsPerStatement: 1000,
          maxImageBytes: 2 ** 26,
          // Off by default; here the harder way is tried.
          prepare: true,
          ...limits,
        },
      );
      return { pool, told, undo };
    },
  };
}

async function administer(...statements: string[]): Promise<void> {
  const client = new pg.Client({ ...server, database: "postgres" });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** The changes without what is the same in all of them. */
export function brief(told: readonly Told[]): unknown[] {
  return told.map(({ changes, outcome }) => [
    outcome,
    ...changes.map((change) => {
      const { op, table, before: was, after: is } = change;
      const name = table.schema === null ? table.name : `${table.schema}.${table.name}`;
      if (change.op === "statement" || change.op === "truncate") return [op, name, change.rowCount];
      return [op, name, was, is];
    }),
  ]);
}
