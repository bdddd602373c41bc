/**
 * SQLite for the row specs: sql.js in the process. The truth is written by persistent triggers of the main
 * schema, and read from a table of the same database, so what is rolled back is not in it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after as afterSpecs } from "node:test";
import type { DataSource } from "typeorm";
import { RAW_TABLE } from "../operations/entities.js";
import type { Database, TrueRow } from "../operations/operation.js";
import { uncaught } from "../scenarios/uncaught.js";

const quoted = (name: string): string => `"${name}"`;

/** A JSON object of the row: integers and reals as text with all digits, blobs as hex. */
function image(row: string, columns: readonly string[]): string {
  const parts = columns.map((column) => {
    const value = `${row}.${quoted(column)}`;
    return (
      `'${column}', CASE typeof(${value}) WHEN 'integer' THEN CAST(${value} AS TEXT) ` +
      `WHEN 'real' THEN printf('%!.17g', ${value}) WHEN 'blob' THEN 'bytes ' || lower(hex(${value})) ELSE ${value} END`
    );
  });
  return `json_object(${parts.join(", ")})`;
}

/** Row triggers that write to the table `truth`. */
export async function addTruth(dataSource: DataSource, table: string): Promise<void> {
  const info = (await dataSource.query(`PRAGMA table_info(${quoted(table)})`)) as { name: string }[];
  const columns = info.map(({ name }) => name);
  for (const [op, before, after] of [
    ["insert", false, true],
    ["update", true, true],
    ["delete", true, false],
  ] as const) {
    await dataSource.query(
      `CREATE TRIGGER "truth_${table}_${op}" AFTER ${op} ON ${quoted(table)} BEGIN ` +
        `INSERT INTO truth(op, tbl, old, new) VALUES ('${op}', '${table}', ` +
        `${before ? image("OLD", columns) : "NULL"}, ${after ? image("NEW", columns) : "NULL"}); END`,
    );
  }
}

let told = 0;

const sqlite: Omit<Database, "name" | "unavailable" | "options"> = {
  async prepare(dataSource) {
    told = 0;
    await dataSource.query(
      `CREATE TABLE ${RAW_TABLE} (id integer PRIMARY KEY AUTOINCREMENT, name text, n integer)`,
    );
    await dataSource.query(
      "CREATE TABLE truth (seq integer PRIMARY KEY, op text, tbl text, old text, new text)",
    );
    const tables = (await dataSource.query(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'truth'",
    )) as { name: string }[];
    for (const { name } of tables) await addTruth(dataSource, name);
  },
  async truth(dataSource) {
    const rows = (await dataSource.query("SELECT * FROM truth WHERE seq > ? ORDER BY seq", [told])) as {
      seq: number;
      op: TrueRow["op"];
      tbl: string;
      old: string | null;
      new: string | null;
    }[];
    told = rows.at(-1)?.seq ?? told;
    return rows.map(({ op, tbl, old, new: now }) => ({
      op,
      table: tbl,
      before: old === null ? null : (JSON.parse(old) as Record<string, unknown>),
      after: now === null ? null : (JSON.parse(now) as Record<string, unknown>),
    }));
  },
  drop: async () => {},
  sql: { many: "UPDATE plain SET n = 2 WHERE n = 1; UPDATE plain SET n = 3 WHERE n = 2", writingCte: null },
  lacks: {
    returning: "TypeORM has no RETURNING on sqljs",
    skipUpdateIfNoValuesChanged: "PostgreSQL only",
  },
};

/** SQLite is in the process: whether it is there is known at once. */
export interface SqliteDatabase extends Database {
  readonly reason: string | null;
}

export const sqljs: SqliteDatabase = {
  ...sqlite,
  name: "sqljs",
  reason: null,
  unavailable: async () => null,
  options: async () => ({ type: "sqljs" }),
};

/** Compiles for two minutes, so it is tested where it can be loaded; `BETTER_SQLITE3` may name its folder. */
export const better = process.env["BETTER_SQLITE3"] ?? "better-sqlite3";
const reason = loadable(better) ? null : "better-sqlite3 is not installed for this Node";

export const betterSqlite3: SqliteDatabase = {
  ...sqlite,
  name: "better-sqlite3",
  sql: { many: null, writingCte: null },
  lacks: { ...sqlite.lacks, ...uncaught("beforeQuery", "afterQuery") },
  reason,
  unavailable: async () => reason,
  options: async () => ({ type: "better-sqlite3", database: ":memory:", driver: require(better) as unknown }),
};

/** Several connections on one file. Who finds it locked gets an error at once: a wait would hold up the one who holds it. */
export const betterSqlite3File: SqliteDatabase = {
  ...betterSqlite3,
  name: "better-sqlite3 (one file)",
  oneConnection: true,
  options: async () => ({
    type: "better-sqlite3",
    database: join(mkdtempSync(join(tmpdir(), "audit-rows-")), "rows.db"),
    driver: require(better) as unknown,
    timeout: 0,
    enableWAL: true,
  }),
  drop: async ({ options }) => rmSync(dirname(String(options.database)), { recursive: true, force: true }),
};

/** Its binary is for one version of Node, and is loaded with the first database. */
function loadable(name: string): boolean {
  try {
    const Library = require(name) as new (path: string) => { close(): void };
    new Library(":memory:").close();
    return true;
  } catch {
    return false;
  }
}

/** In files of a directory that goes with the spec file: so the relay reads on a connection of its own. */
export function betterSqlite3InFiles(): SqliteDatabase {
  const directory = mkdtempSync(join(tmpdir(), "audit-files-"));
  let files = 0;
  afterSpecs(() => rmSync(directory, { recursive: true }));
  return {
    ...betterSqlite3,
    name: `${betterSqlite3.name} in a file`,
    options: async () => ({
      ...((await betterSqlite3.options()) as { type: "better-sqlite3" }),
      database: join(directory, `${(files += 1)}.db`),
    }),
  };
}
