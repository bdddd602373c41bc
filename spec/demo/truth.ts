/**
 * What really happened at the clinic, kept by others than us: row triggers in the database, and a plain
 * listener on the clinic's own server.
 *
 * @module
 */
import type { Server } from "node:http";
import type { DataSource } from "typeorm";

export interface TrueChange {
  readonly table: string;
  readonly op: "insert" | "update" | "delete";
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

/** AFTER row triggers into a table of the same database: what rolls back vanishes from it too. */
export async function installRowTruth(dataSource: DataSource): Promise<void> {
  await dataSource.query(
    `CREATE TABLE truth (seq INTEGER PRIMARY KEY, tbl TEXT, op TEXT, old TEXT, new TEXT)`,
  );
  for (const { tableName, columns } of dataSource.entityMetadatas) {
    const row = (alias: string) =>
      `json_object(${columns.map(({ databaseName }) => `'${databaseName}', ${alias}."${databaseName}"`).join(", ")})`;
    const note = (op: string, before: string, after: string) =>
      dataSource.query(
        `CREATE TRIGGER "truth_${tableName}_${op}" AFTER ${op} ON "${tableName}" BEGIN
           INSERT INTO truth (tbl, op, old, new) VALUES ('${tableName}', '${op}', ${before}, ${after}); END`,
      );
    await note("insert", "NULL", row("NEW"));
    await note("update", row("OLD"), row("NEW"));
    await note("delete", row("OLD"), "NULL");
  }
}

export async function readRowTruth(dataSource: DataSource): Promise<TrueChange[]> {
  const rows: { tbl: string; op: TrueChange["op"]; old: string; new: string }[] = await dataSource.query(
    `SELECT tbl, op, old, new FROM truth ORDER BY seq`,
  );
  return rows.map((row) => ({
    table: row.tbl,
    op: row.op,
    before: JSON.parse(row.old ?? "null"),
    after: JSON.parse(row.new ?? "null"),
  }));
}

export interface TrueRequest {
  readonly method: string;
  readonly path: string;
  /** `null` when the client went away before an answer. */
  readonly status: number | null;
}

/** Hears of every request on the server's own event, before any framework. */
export function listenForRequests(server: Server): readonly TrueRequest[] {
  const seen: TrueRequest[] = [];
  server.prependListener("request", (request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    response.once("close", () => {
      seen.push({
        method: request.method ?? "",
        path,
        status: response.writableFinished ? response.statusCode : null,
      });
    });
  });
  return seen;
}
