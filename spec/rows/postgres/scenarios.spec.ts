import "reflect-metadata";
import { describeContexts } from "../contexts.js";
import { postgres } from "../databases/postgres.js";
import { describeDecorated } from "../decorated.js";
import { describeScenarios } from "../scenarios.js";
import { lost } from "../scenarios/postgres.js";
import { deferred } from "../scenarios/transactions.js";

describeScenarios(postgres, [...deferred, ...lost]);
describeContexts(postgres);
describeDecorated(postgres);
