import "reflect-metadata";
import { postgres } from "../databases/postgres.js";
import { describeScenarios } from "../scenarios.js";
import { lost } from "../scenarios/postgres.js";
import { deferred } from "../scenarios/transactions.js";

describeScenarios(postgres, [...deferred, ...lost]);
