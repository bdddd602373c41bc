import "reflect-metadata";
import { mariadb, mysqlStandIn } from "../databases/mariadb.js";
import { describeInterleavedWork } from "../interleaved.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";
import { describeScenarios } from "../scenarios.js";

for (const bare of [mariadb, mysqlStandIn]) {
  const database = {
    ...bare,
    name: `${bare.name} with an outbox`,
    outbox: true,
  };
  describeOperations(database);
  describeScenarios(database);
  describeRandomWork(database, 100);
  describeInterleavedWork(database, 300);
}
