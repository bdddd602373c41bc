import "reflect-metadata";
import { betterSqlite3, sqljs } from "./databases/sqlite.js";
import { describeOperations } from "./operations/matrix.js";
import { describeRandomWork } from "./random.js";
import { describeScenarios } from "./scenarios.js";

describeOperations(sqljs);
describeOperations(betterSqlite3);

for (const database of [sqljs, betterSqlite3]) {
  describeScenarios(database);
  describeRandomWork(database);
}
