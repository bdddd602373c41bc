/**
 * Transactions that the application begins and ends in SQL of its own, which TypeORM knows nothing of.
 */
import { Plain } from "../operations/entities.js";
import { add, differing, scenario, subscribe, withRunner, type Scenario } from "./scenario.js";

export const raw: readonly Scenario[] = [
  scenario("raw BEGIN and COMMIT", ["a"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.query("BEGIN");
      await add(manager, "a");
      await runner.query("COMMIT");
    }),
  ),
  scenario("raw BEGIN and ROLLBACK", ["b"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.query("BEGIN");
      await add(manager, "a");
      await runner.query("ROLLBACK");
      await add(manager, "b");
    }),
  ),
  scenario("raw savepoints in a transaction of TypeORM's", ["a", "b", "d"], ({ dataSource }) =>
    dataSource.transaction(async (m) => {
      await add(m, "a");
      await m.query("SAVEPOINT mine");
      await add(m, "b");
      await m.query("SAVEPOINT mine");
      await add(m, "c");
      await m.query("ROLLBACK TO SAVEPOINT mine");
      await m.query("RELEASE SAVEPOINT mine");
      await add(m, "d");
    }),
  ),
  scenario("save() inside of a raw BEGIN", ["a"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.query("BEGIN");
      await add(manager, "a");
      await runner.query("SAVEPOINT s");
      await manager.save(Plain, { name: "b" }, { transaction: false });
      await runner.query("ROLLBACK TO SAVEPOINT s");
      await runner.query("COMMIT");
    }),
  ),
  scenario(
    "save() with its own transaction inside of a raw BEGIN: where that is no error, its COMMIT commits all",
    differing({ postgres: "abc", sqlite: "c" }),
    ({ dataSource, see }) =>
      withRunner(dataSource, async (runner, manager) => {
        await runner.query("BEGIN");
        await add(manager, "a");
        await see("save", manager.save(Plain, { name: "b" }));
        await see("rollback", runner.query("ROLLBACK"));
        await see("the next insert", add(manager, "c"));
      }),
  ),
  scenario(
    "a raw COMMIT inside of a transaction of TypeORM's",
    ["a", "b", "c"],
    async ({ dataSource, see }) => {
      await see(
        "transaction",
        dataSource.transaction(async (m) => {
          await add(m, "a");
          await m.query("COMMIT");
          await add(m, "b");
          throw new Error("too late");
        }),
      );
      await see("the next user's insert", add(dataSource.manager, "c"));
    },
  ),
  scenario(
    "a raw SAVEPOINT outside of a transaction: an error, or the begin of one",
    differing({ postgres: "ab", sqlite: "b" }),
    ({ dataSource, see }) =>
      withRunner(dataSource, async (runner, manager) => {
        await see("savepoint", runner.query("SAVEPOINT s"));
        await see("insert", add(manager, "a"));
        await see("rollback to", runner.query("ROLLBACK TO SAVEPOINT s"));
        await see("the next insert", add(manager, "b"));
        await see("release", runner.query("RELEASE SAVEPOINT s"));
      }),
  ),
  scenario(
    "a START TRANSACTION that fails: TypeORM counts below zero, and its next start is a wrong savepoint",
    ["a", "b", "c", "d"],
    async ({ dataSource, see }) => {
      let failed = false;
      subscribe(dataSource, {
        beforeQuery: async ({ query }) => {
          if (failed || !/^(?:START|BEGIN)/.test(query)) return;
          failed = true;
          throw new Error("no transaction today");
        },
      });
      await withRunner(dataSource, async (runner, manager) => {
        for (const name of ["a", "b", "c"]) {
          await see(`${name} start`, runner.startTransaction());
          await see(`${name} insert`, add(manager, name));
          if (!(await see(`${name} commit`, runner.commitTransaction())))
            await see(`${name} rollback`, runner.rollbackTransaction());
        }
      });
      await see("the next user's insert", add(dataSource.manager, "d"));
    },
  ),
];
