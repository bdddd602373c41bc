import "reflect-metadata";
import { it } from "node:test";
import { describeContexts } from "./contexts.js";
import { betterSqlite3, betterSqlite3File, sqljs } from "./databases/sqlite.js";
import { describeDecorated } from "./decorated.js";
import { describeInterleavedWork } from "./interleaved.js";
import { describeOperations } from "./operations/matrix.js";
import { describeRandomWork } from "./random.js";
import { describeScenarios } from "./scenarios.js";
import { deferred } from "./scenarios/transactions.js";

for (const database of [sqljs, betterSqlite3]) {
  const { reason } = database;
  if (reason !== null) {
    it(`everything on ${database.name}`, { skip: reason }, () => {});
    continue;
  }
  describeOperations(database);
  describeScenarios(database, deferred);
  describeContexts(database);
  describeDecorated(database);
  describeRandomWork(database);
}
if (betterSqlite3File.reason === null) describeInterleavedWork(betterSqlite3File);
