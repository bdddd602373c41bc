/**
 * Transactions in all the ways in which they begin and end, with the database's row triggers as truth.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DataSource, EntityManager } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { captureAll, prepared } from "./captured.js";
import { Plain } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";
import { isApplications, keyed, recordedRows, trueRows } from "./operations/truth.js";

type Scenario = readonly [name: string, run: (dataSource: DataSource) => Promise<unknown>];

const add = (manager: EntityManager, name: string): Promise<unknown> => manager.insert(Plain, { name });
const failing = async (work: Promise<unknown>): Promise<void> => {
  await work.catch(() => {});
};
const stop = new Error("rolled back on purpose");

const scenarios: readonly Scenario[] = [
  ["a committed transaction", (ds) => ds.transaction((m) => add(m, "a"))],
  [
    "a rolled back transaction",
    (ds) =>
      failing(
        ds.transaction(async (m) => {
          await add(m, "a");
          throw stop;
        }),
      ),
  ],
  [
    "a nested transaction that rolls back while the outer commits",
    (ds) =>
      ds.transaction(async (m) => {
        await add(m, "a");
        await failing(
          m.transaction(async (inner) => {
            await add(inner, "b");
            await inner.transaction((innermost) => add(innermost, "c"));
            throw stop;
          }),
        );
        await add(m, "d");
      }),
  ],
  [
    "a nested transaction that commits while the outer rolls back",
    (ds) =>
      failing(
        ds.transaction(async (m) => {
          await m.transaction((inner) => add(inner, "a"));
          throw stop;
        }),
      ),
  ],
  [
    "the same savepoint name again and again",
    (ds) =>
      ds.transaction(async (m) => {
        for (const fails of [true, false, true]) {
          await failing(
            m.transaction(async (inner) => {
              await add(inner, String(fails));
              if (fails) throw stop;
            }),
          );
        }
      }),
  ],
  [
    "raw BEGIN and COMMIT",
    async (ds) => {
      await withRunner(ds, async (query, manager) => {
        await query("BEGIN");
        await add(manager, "a");
        await query("COMMIT");
      });
    },
  ],
  [
    "raw BEGIN and ROLLBACK",
    async (ds) => {
      await withRunner(ds, async (query, manager) => {
        await query("BEGIN");
        await add(manager, "a");
        await query("ROLLBACK");
        await add(manager, "b");
      });
    },
  ],
  [
    "raw savepoints in a transaction of TypeORM's",
    (ds) =>
      ds.transaction(async (m) => {
        await add(m, "a");
        await m.query("SAVEPOINT mine");
        await add(m, "b");
        await m.query("SAVEPOINT mine");
        await add(m, "c");
        await m.query("ROLLBACK TO SAVEPOINT mine");
        await m.query("RELEASE SAVEPOINT mine");
        await add(m, "d");
      }),
  ],
  [
    "save() inside of a raw BEGIN",
    async (ds) => {
      await withRunner(ds, async (query, manager) => {
        await query("BEGIN");
        await add(manager, "a");
        await query("SAVEPOINT s");
        await manager.save(Plain, { name: "b" }, { transaction: false });
        await query("ROLLBACK TO SAVEPOINT s");
        await query("COMMIT");
      });
    },
  ],
  [
    "a statement that fails and is swallowed, then COMMIT",
    (ds) =>
      failing(
        ds.transaction(async (m) => {
          await add(m, "a");
          await failing(m.query("INSERT INTO plain (no_such_column) VALUES (1)"));
          await failing(add(m, "b"));
        }),
      ),
  ],
  ["an update in autocommit", (ds) => ds.getRepository(Plain).update({ name: "kept" }, { n: 2 })],
  [
    "a statement that fails in autocommit",
    (ds) => failing(ds.query("INSERT INTO plain (name) VALUES (NULL)")),
  ],
];

async function withRunner(
  dataSource: DataSource,
  work: (query: (sql: string) => Promise<unknown>, manager: EntityManager) => Promise<void>,
): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await work((sql) => runner.query(sql), runner.manager);
  } finally {
    await runner.release();
  }
}

/** Declares a spec for each scenario: the recorded rows are the committed ones, and no other, in order. */
export function describeScenarios(database: Database, own: readonly Scenario[] = []): void {
  describe(`transactions on ${database.name}`, () => {
    const events: RowEvent[] = [];
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let capture: RowCapture;

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = await prepared(database);
      capture = captureAll(dataSource, events);
      await dataSource.getRepository(Plain).insert({ name: "kept", n: 1 });
    });

    after(async () => {
      if (!capture) return;
      capture.undo();
      await database.drop(dataSource);
      await dataSource.destroy();
    });

    for (const [name, run] of [...scenarios, ...own]) {
      it(name, async (context) => {
        if (unavailable !== null) return context.skip(unavailable);
        await database.truth(dataSource);
        events.length = 0;
        await run(dataSource);
        const truth = trueRows(await database.truth(dataSource), dataSource);
        assert.deepEqual(
          recordedRows(events, dataSource).filter(isApplications).map(keyed),
          truth.filter(isApplications).map(keyed),
        );
      });
    }
  });
}
