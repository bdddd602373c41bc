import "reflect-metadata";
import { portable } from "#dist/capture/typeorm/portable";
import { describeContexts } from "./contexts.js";
import { sqljs } from "./databases/sqlite.js";
import { postgres } from "./databases/postgres.js";
import { describeOperations } from "./operations/matrix.js";
import type { Database } from "./operations/operation.js";
import { describeScenarios } from "./scenarios.js";
import { deferred } from "./scenarios/transactions.js";

const onSqljs: Database = { ...sqljs, name: "sqljs (portable)", family: portable };
const onPostgres: Database = { ...postgres, name: "postgres (portable)", family: portable };

/** Raw SQL, and what the database does by itself. */
const notBuilders = [
  "clear (TRUNCATE)",
  "raw ds.query UPDATE",
  "raw ds.sql`` UPDATE",
  "raw multi-statement",
  "raw stream() of UPDATE..RETURNING",
  // Foreign keys' actions.
  "remove parent, DB ON DELETE CASCADE child",
  "remove team, DB ON DELETE SET NULL member",
  "delete(criteria) parent with DB cascade child",
  "delete(criteria) owner of m2m",
  // Closure tables are written by raw SQL.
  "tree insert child",
  "tree move",
  "tree remove root",
];

describeOperations({
  ...onPostgres,
  unordered: true,
  statements: [
    "save insert {reload:false}",
    "QB insert updateEntity(false)",
    "QB insert valuesFromSelect",
    "QB insert into raw table without any entity",
    "QB update raw table without entity",
  ],
  unseen: [...notBuilders, "QB with CTE: select addCommonTableExpression data-modifying"],
});

describeOperations({
  ...onSqljs,
  unordered: true,
  statements: [
    "insert(many)",
    "save insert {reload:false}",
    "QB insert updateEntity(false)",
    "QB insert valuesFromSelect",
    "QB insert into raw table without any entity",
    "QB update raw table without entity",
  ],
  unseen: [
    // sql.js gives its bigint rounded.
    "save insert DB defaults (@CreateDate, default, uuid)",
    "insert Deflt (DB defaults)",
    ...notBuilders,
  ],
});

/** A throwing subscriber keeps the id of the row, or its transaction, from us; raw SQL is not seen. */
const unseen = [
  "a write that slipped in after save() had read the old row: its before is what was there",
  "afterInsert that throws outside of a transaction: the row is committed",
  "afterInsert that throws, at call 1",
  "afterInsert that throws, at call 2",
  "afterQuery that throws outside of a transaction: the row is committed",
  "afterQuery that throws, at call 2",
];
const lostByTypeOrm = [
  "a START TRANSACTION that fails: TypeORM counts below zero, and its next start is a wrong savepoint",
  "beforeTransactionRollback that throws, at call 1",
  "beforeTransactionStart that throws, at call 3",
  "release() without commit: the next user's insert is answered, and never committed",
];

describeScenarios({ ...onSqljs, unseen }, deferred);
describeScenarios({ ...onPostgres, unseen: [...unseen, ...lostByTypeOrm] }, deferred);
// Not on sql.js: of inserts at the same time TypeORM itself gives all callers the id of the last one.
describeContexts(onPostgres);
