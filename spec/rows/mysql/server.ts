/**
 * The MariaDB or MySQL server that the specs run against: MYSQL_HOST, MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD,
 * or the local one. Without a server they are skipped, with the reason; under CI they fail.
 */
import { spawnSync } from "node:child_process";
import { createConnection, type Connection, type ConnectionOptions } from "mysql2/promise";
import { mysqlFamily } from "#dist/capture/typeorm/mysql";
import type { FamilyLimits, RowChange, RowOutcome, TableName } from "#dist/capture/typeorm/family";

type Adjust = NonNullable<Parameters<typeof mysqlFamily>[0]>;

export const server = {
  host: process.env["MYSQL_HOST"] ?? "127.0.0.1",
  port: Number(process.env["MYSQL_PORT"] ?? 3306),
  user: process.env["MYSQL_USER"] ?? "root",
  password: process.env["MYSQL_PASSWORD"] ?? "",
} satisfies ConnectionOptions;

/** `false`, or why the specs that need a server are skipped. */
export function skipReason(): string | false {
  const { host, port } = server;
  const dial =
    "require('node:net').connect(+process.argv[2],process.argv[1],()=>process.exit(0)).on('error',()=>process.exit(1))";
  if (spawnSync(process.execPath, ["-e", dial, host, String(port)], { timeout: 60_000 }).status === 0)
    return false;
  const reason = `no MySQL or MariaDB server at ${host}:${port}`;
  if (process.env["CI"]) throw new Error(reason);
  return reason;
}

/** A database of the spec's own, emptied if it is there. */
export async function freshDatabase(name: string, tables: readonly string[]): Promise<Connection> {
  const admin = await createConnection({ ...server, multipleStatements: true });
  await admin.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}`);
  for (const table of tables) await admin.query(table);
  return admin;
}

export async function dropDatabase(admin: Connection, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${name}`);
  await admin.end();
}

/** A server as MySQL is taken to be: no RETURNING, no variables inside of an UPDATE. */
export const likeMysql: Adjust = (settings) => ({ ...settings, returning: false, variables: false });

const asItIs: Adjust = (settings) => settings;

/** What families of specs run on. `suffix` keeps their databases apart. */
export const kinds = [
  { name: "MariaDB", adjust: asItIs, returning: true, suffix: `a_${process.pid}` },
  { name: "a server without RETURNING", adjust: likeMysql, returning: false, suffix: `b_${process.pid}` },
] as const;

const generous: FamilyLimits = { maxRowsPerStatement: 1000, maxImageBytes: 10_000_000, prepare: false };

/** What was told of one transaction. */
export interface Told {
  readonly outcome: RowOutcome;
  readonly changes: readonly RowChange[];
}

/** Captures all tables of what has a mysql2 pool. */
export function capture(
  pool: unknown,
  database: string,
  {
    adjust = asItIs,
    limits = {},
    includes = () => true,
    entities = [],
  }: {
    adjust?: Adjust;
    limits?: Partial<FamilyLimits>;
    includes?: (table: TableName) => boolean;
    /** The tables of the application's entities, as these spell them. */
    entities?: readonly string[];
  } = {},
): { told: Told[]; undo: () => void } {
  const told: Told[] = [];
  const dataSource = {
    driver: { pool, database },
    entityMetadatas: entities.map((tableName) => ({ tableName })),
  } as unknown as Parameters<ReturnType<typeof mysqlFamily>["start"]>[0];
  const undo = mysqlFamily(adjust).start(
    dataSource,
    { committed: (changes, outcome) => void told.push({ changes, outcome }) },
    { includes },
    { ...generous, ...limits },
  );
  return { told, undo };
}

/** The changes told since the last time, without their contexts; the list is emptied. */
export function taken(told: Told[]): Record<string, unknown>[] {
  return told.splice(0).flatMap(({ changes }) =>
    changes.map(({ op, table, before, after, ...rest }) => ({
      op,
      table: table.name,
      ...(before ? { before } : {}),
      ...(after ? { after } : {}),
      ...("rowCount" in rest ? { rowCount: rest.rowCount } : {}),
    })),
  );
}
