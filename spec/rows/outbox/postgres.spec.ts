import "reflect-metadata";
import { postgres } from "../databases/postgres.js";
import { describeInterleavedWork } from "../interleaved.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";
import { describeScenarios } from "../scenarios.js";
import { lost } from "../scenarios/postgres.js";
import { deferred } from "../scenarios/transactions.js";

const database = {
  ...postgres,
  name: `${postgres.name} with an outbox`,
  outbox: true,
  lacks: {
    // Cut at the answer to the statement itself: now that is before the COMMIT.
    "a connection cut after the server has committed and before it could say so: autocommit":
      "the statement has a transaction around it",
  },
};

describeOperations(database);
describeScenarios(database, [...deferred, ...lost]);
describeRandomWork(database, 100);
describeInterleavedWork(database, 300);
