import "reflect-metadata";
import { it } from "node:test";
import { betterSqlite3, betterSqlite3InFiles, sqljs } from "../databases/sqlite.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";
import { describeScenarios } from "../scenarios.js";
import { deferred } from "../scenarios/transactions.js";

const inFile = betterSqlite3InFiles();

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
