/**
 * Transactions through TypeORM: by callback, by hand, nested, one beside the other, and not ended at all.
 */
import { Plain } from "../operations/entities.js";
import {
  add,
  byVersion,
  differing,
  scenario,
  stop,
  subscribe,
  withRunner,
  type Scenario,
  type Stage,
} from "./scenario.js";

export const transactions: readonly Scenario[] = [
  scenario("a committed transaction", ["a"], ({ dataSource, see }) =>
    see(
      "transaction",
      dataSource.transaction((m) => add(m, "a")),
    ),
  ),
  scenario("a rolled back transaction", [], ({ dataSource, see }) =>
    see(
      "transaction",
      dataSource.transaction(async (m) => {
        await add(m, "a");
        throw stop;
      }),
    ),
  ),
  scenario(
    "a nested transaction that rolls back while the outer commits",
    ["a", "d"],
    ({ dataSource, see }) =>
      see(
        "outer",
        dataSource.transaction(async (m) => {
          await add(m, "a");
          await see(
            "inner",
            m.transaction(async (inner) => {
              await add(inner, "b");
              await inner.transaction((innermost) => add(innermost, "c"));
              throw stop;
            }),
          );
          await add(m, "d");
        }),
      ),
  ),
  scenario("a nested transaction that commits while the outer rolls back", [], ({ dataSource, see }) =>
    see(
      "outer",
      dataSource.transaction(async (m) => {
        await m.transaction((inner) => add(inner, "a"));
        throw stop;
      }),
    ),
  ),
  scenario("the same savepoint name again and again", ["false"], ({ dataSource, see }) =>
    see(
      "outer",
      dataSource.transaction(async (m) => {
        for (const fails of [true, false, true]) {
          await see(
            "inner",
            m.transaction(async (inner) => {
              await add(inner, String(fails));
              if (fails) throw stop;
            }),
          );
        }
      }),
    ),
  ),
  scenario("a transaction by hand that is committed", ["a", "b"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.startTransaction();
      await add(manager, "a");
      await runner.commitTransaction();
      await add(manager, "b");
    }),
  ),
  scenario("a transaction by hand that is rolled back", ["b"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.startTransaction();
      await add(manager, "a");
      await runner.rollbackTransaction();
      await add(manager, "b");
    }),
  ),
  scenario("nested transactions by hand, the middle one rolled back", ["a", "e"], ({ dataSource }) =>
    withRunner(dataSource, async (runner, manager) => {
      await runner.startTransaction();
      await add(manager, "a");
      await runner.startTransaction();
      await add(manager, "b");
      await runner.startTransaction();
      await add(manager, "c");
      await runner.commitTransaction();
      await add(manager, "d");
      await runner.rollbackTransaction();
      await add(manager, "e");
      await runner.commitTransaction();
    }),
  ),
  scenario(
    "release() without commit: the next user's insert is answered, and never committed",
    [],
    async ({ dataSource, see }) => {
      await withRunner(dataSource, async (runner, manager) => {
        await runner.startTransaction();
        await add(manager, "a");
      });
      await see("the next user's insert", add(dataSource.manager, "b"));
    },
  ),
  scenario(
    "two nested transactions at the same time on one manager, which spoil each other's savepoints",
    [],
    async ({ dataSource, see }) => {
      await see(
        "outer",
        dataSource.transaction(async (m) => {
          await add(m, "a");
          await Promise.all([
            see(
              "inner that commits",
              m.transaction((inner) => add(inner, "b")),
            ),
            see(
              "inner that rolls back",
              m.transaction(async (inner) => {
                await add(inner, "c");
                throw stop;
              }),
            ),
          ]);
          await see("after both", add(m, "d"));
          throw stop;
        }),
      );
      await see("the next user's insert", add(dataSource.manager, "e"));
    },
  ),
  scenario(
    "a statement that fails and is swallowed, then COMMIT: PostgreSQL answers ROLLBACK, and TypeORM is content",
    differing({ postgres: "c", sqlite: "abc" }),
    async ({ dataSource, see }) => {
      await see(
        "transaction",
        dataSource.transaction(async (m) => {
          await add(m, "a");
          await see("the failing one", m.query("INSERT INTO plain (no_such_column) VALUES (1)"));
          await see("the next", add(m, "b"));
        }),
      );
      await see("the next user's insert", add(dataSource.manager, "c"));
    },
  ),
  scenario("an update in autocommit", [], ({ dataSource, see }) =>
    see("update", dataSource.getRepository(Plain).update({ name: "kept" }, { n: 2 })),
  ),
  scenario("a statement that fails in autocommit", [], ({ dataSource, see }) =>
    see("insert", dataSource.query("INSERT INTO plain (name) VALUES (NULL)")),
  ),
  ...[false, true].map((throws) =>
    scenario(
      `await using of a runner whose block ${throws ? "throws" : "ends"} in a nested transaction: 1.x commits all, 0.3 has no such thing`,
      byVersion,
      async ({ dataSource, see }) => {
        const block = async (): Promise<void> => {
          await using runner = dataSource.createQueryRunner() as never as AsyncDisposable &
            ReturnType<typeof dataSource.createQueryRunner>;
          await runner.startTransaction();
          await add(runner.manager, "a");
          await runner.startTransaction();
          await add(runner.manager, "b");
          if (throws) throw stop;
        };
        await see("block", block());
        await see("the next user's insert", add(dataSource.manager, "c"));
      },
    ),
  ),
  scenario(
    "a write that slipped in after save() had read the old row: its before is what was there",
    [],
    async ({ dataSource, see }) => {
      const plain = await dataSource.getRepository(Plain).findOneByOrFail({ name: "kept" });
      let slipped = false;
      subscribe(dataSource, {
        beforeTransactionStart: async () => {
          if (slipped) return;
          slipped = true;
          await dataSource.query("UPDATE plain SET n = 500 WHERE name = 'kept'");
        },
      });
      await see("save", dataSource.manager.save(Object.assign(plain, { n: 2 })));
    },
  ),
];

/** A COMMIT that fails: where constraints can be checked that late. */
export const deferred: readonly Scenario[] = [
  scenario("a COMMIT that fails, of transaction()", ["b"], async ({ dataSource, witness, see }) => {
    await createLater(witness);
    await see(
      "transaction",
      dataSource.transaction(async (m) => {
        await add(m, "a");
        await m.query("INSERT INTO later (id, plain_id) VALUES (1, -1)");
      }),
    );
    await see("the next user's insert", add(dataSource.manager, "b"));
  }),
  scenario(
    "a COMMIT that fails, by hand: the runner stays active until it is rolled back",
    ["b"],
    async ({ dataSource, witness, see }) => {
      await createLater(witness);
      await withRunner(dataSource, async (runner, manager) => {
        await runner.startTransaction();
        await add(manager, "a");
        await runner.query("INSERT INTO later (id, plain_id) VALUES (1, -1)");
        await see("commit", runner.commitTransaction());
        await see("still active", Promise.resolve(runner.isTransactionActive));
        await see("rollback", runner.rollbackTransaction());
        await see("the next insert", add(manager, "b"));
      });
    },
  ),
];

function createLater(witness: Stage["witness"]): Promise<unknown> {
  return witness.query(
    "CREATE TABLE IF NOT EXISTS later (id int PRIMARY KEY, plain_id int REFERENCES plain(id) DEFERRABLE INITIALLY DEFERRED)",
  );
}
