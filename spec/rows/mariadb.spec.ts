import "reflect-metadata";
import { describeContexts } from "./contexts.js";
import { mariadb, mysqlStandIn } from "./databases/mariadb.js";
import { describeDecorated } from "./decorated.js";
import { describeInterleavedWork } from "./interleaved.js";
import { describeOperations } from "./operations/matrix.js";
import { describeRandomWork } from "./random.js";
import { describeScenarios } from "./scenarios.js";

for (const database of [mariadb, mysqlStandIn]) {
  describeOperations(database);
  describeScenarios(database);
  describeContexts(database);
  describeDecorated(database);
  describeRandomWork(database, 100);
  describeInterleavedWork(database, 500);
}
