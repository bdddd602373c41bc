/**
 * Whose change it was, where many share a connection; and what is not to be recorded.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { runAs, runIgnored } from "#dist/context/run";
import { captureAll, prepared } from "./captured.js";
import { Plain, Up } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";
import { isApplications } from "./operations/truth.js";

const as = <T>(id: string, work: () => Promise<T>): Promise<T> => runAs({ actor: { id } }, work);

/** What TypeORM runs its writes by. */
function executions(dataSource: DataSource): unknown[] {
  const builder = dataSource.createQueryBuilder();
  return [builder.insert(), builder.update(Plain), builder.delete(), builder.softDelete()].map(
    ({ execute }) => execute,
  );
}

/** Declares the specs of contexts on this database. */
export function describeContexts(database: Database): void {
  describe(`the contexts of rows on ${database.name}`, () => {
    const events: RowEvent[] = [];
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let capture: RowCapture;
    let untouched: unknown[];
    const remove = (where: Partial<Plain>): Promise<unknown> =>
      // The portable way sees no raw SQL.
      database.family?.name === "portable"
        ? dataSource
            .createQueryBuilder()
            .delete()
            .from(Plain)
            .where(where.name ? where : "1 = 1")
            .execute()
        : dataSource.query(`DELETE FROM plain${where.name ? ` WHERE name = '${where.name}'` : ""}`);

    const taken = (): RowEvent[] => events.splice(0).filter(isApplications);
    const told = (): string[] =>
      taken().map(({ type, before: was, after: now, context }) => {
        const { name } = (now ?? was) as unknown as Plain;
        return `${context?.actor()?.id ?? "nobody"} ${type} ${name}`;
      });
    const add = (name: string, manager = dataSource.manager): Promise<unknown> =>
      manager.insert(Plain, { name });

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = await prepared(database, [Plain, Up]);
      untouched = executions(dataSource);
      capture = captureAll(dataSource, events, database);
    });
    beforeEach(() => {
      events.length = 0;
    });
    after(async () => {
      if (!capture) return;
      capture.undo();
      await database.drop(dataSource);
      await dataSource.destroy();
    });

    const spec = (name: string, work: () => Promise<void>): void => {
      it(name, async (context) => {
        if (unavailable !== null) return context.skip(unavailable);
        await work();
      });
    };

    spec("are those of the callers, though twenty of them write at the same time", async () => {
      const callers = Array.from({ length: 20 }, (_, index) => `u${index}`);
      await Promise.all(
        callers.map((id) =>
          as(id, async () => {
            await add(`of ${id}`);
            await dataSource.getRepository(Plain).update({ name: `of ${id}` }, { n: 1 });
            await remove({ name: `of ${id}` });
          }),
        ),
      );
      assert.deepEqual(
        told().toSorted(),
        callers
          .flatMap((id) => ["CREATE", "DELETE", "UPDATE"].map((type) => `${id} ${type} of ${id}`))
          .toSorted(),
      );
    });

    spec("are those in which each row was changed, not that of the commit", async () => {
      await as("outer", () =>
        dataSource.transaction(async (m) => {
          await add("a", m);
          await as("inner", () => m.transaction((inner) => add("b", inner)));
          await as("lost", () =>
            m
              .transaction(async (inner) => {
                await add("c", inner);
                throw new Error("rolled back");
              })
              .catch(() => {}),
          );
          await add("d", m);
        }),
      );
      const transactions = new Set(events.map(({ transactionId }) => transactionId));
      assert.equal(transactions.size, 1);
      assert.deepEqual(told(), ["outer CREATE a", "inner CREATE b", "outer CREATE d"]);
    });

    spec(
      "keep what audit.ignore() runs out of the records, and nothing else of its transaction",
      async () => {
        await as("someone", () =>
          dataSource.transaction(async (m) => {
            await add("e", m);
            await runIgnored(async () => {
              await add("secret", m);
              await m.update(Plain, { name: "e" }, { n: 7 });
            });
            await m.update(Plain, { name: "e" }, { n: 8 });
          }),
        );
        assert.deepEqual(
          taken().map(({ type, before: was, after: now, context }) => [
            `${type} by ${context?.actor()?.id}`,
            was?.["n"],
            now?.["n"],
          ]),
          [
            ["CREATE by someone", undefined, null],
            ["UPDATE by someone", 7, 8],
          ],
        );
        await runIgnored(() => dataSource.transaction((m) => add("secret too", m)));
        await runIgnored(() => remove({}));
        assert.deepEqual(told(), []);
        await add("seen again");
        assert.deepEqual(told(), ["nobody CREATE seen again"]);
      },
    );

    spec("end with the capture, which leaves TypeORM's builders as they were", async () => {
      capture.undo();
      await as("late", async () => {
        await add("late");
        await dataSource.getRepository(Plain).update({ name: "late" }, { n: 1 });
        await remove({ name: "late" });
      });
      assert.deepEqual(told(), []);
      assert.deepEqual(executions(dataSource), untouched);
    });
  });
}
