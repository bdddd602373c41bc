import "reflect-metadata";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { betterSqlite3, sqljs, type SqliteDatabase } from "../databases/sqlite.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";
import { describeScenarios } from "../scenarios.js";
import { deferred } from "../scenarios/transactions.js";

const directory = mkdtempSync(join(tmpdir(), "audit-outbox-"));
let files = 0;
after(() => rmSync(directory, { recursive: true }));

/** Read by the relay on a connection of its own. */
const inFile: SqliteDatabase = {
  ...betterSqlite3,
  name: `${betterSqlite3.name} in a file`,
  options: async () => ({
    ...((await betterSqlite3.options()) as { type: "better-sqlite3" }),
    database: join(directory, `${(files += 1)}.db`),
  }),
};

for (const bare of [sqljs, betterSqlite3, inFile]) {
  const { reason } = bare;
  const database = { ...bare, name: `${bare.name} with an outbox`, outbox: true };
  if (reason !== null) {
    it(`everything on ${database.name}`, { skip: reason }, () => {});
    continue;
  }
  describeOperations(database);
  describeScenarios(database, deferred);
  describeRandomWork(database, 200);
}
