import "reflect-metadata";
import { mariadb, mysqlStandIn } from "../databases/mariadb.js";
import { describeInterleavedWork } from "../interleaved.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";
import { describeScenarios } from "../scenarios.js";

const withOutbox = (database: typeof mariadb) => ({
  ...database,
  name: `${database.name} with an outbox`,
  outbox: true,
});

const database = withOutbox(mariadb);
describeOperations(database);
describeScenarios(database);
describeRandomWork(database, 100);
describeInterleavedWork(database, 300);

// What is told of a statement differs there, and not when.
describeOperations(withOutbox(mysqlStandIn));
