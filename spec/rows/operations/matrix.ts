/**
 * Runs every operation of the matrix on a database, with the database's row triggers as truth.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { faultSummaries } from "#dist/health";
import { captureAll, prepared, type Captured } from "../captured.js";
import { typeormVersion, writeCoverage } from "../coverage.js";
import { builders } from "./builder.js";
import { entities, RAW_TABLE } from "./entities.js";
import type { Database, Operation, World } from "./operation.js";
import { relations } from "./relations.js";
import { repositories } from "./repository.js";
import { saves } from "./save.js";
import { isApplications, keyed, recordedRows, sorted, trueRows } from "./truth.js";

/** All operations of the matrix. */
export const operations: readonly Operation[] = [...saves, ...relations, ...repositories, ...builders];

/** How an operation was recorded. */
export type Verdict = "exact" | "statement" | "unseen";

/** Declares the specs of all operations on this database, and writes their outcome to `docs/row-coverage.json`. */
export function describeOperations(database: Database): void {
  describe(`every way to write, on ${database.name}`, () => {
    let world: World;
    let capture: Captured;
    let unavailable: string | null = null;
    const events: RowEvent[] = [];
    const verdicts = new Map<string, Verdict>();

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      const dataSource = await prepared(database);
      capture = captureAll(dataSource, events, database);
      world = { dataSource, database, has: (target, method) => method in target };
    });

    after(async () => {
      if (!world) return;
      capture.undo();
      await capture.ended();
      await database.drop(world.dataSource);
      await world.dataSource.destroy();
      if (!database.outbox) writeCoverage({ database: database.name, typeorm: typeormVersion(), verdicts });
    });

    for (const operation of operations) {
      it(operation.name, async (context) => {
        if (unavailable !== null) return context.skip(unavailable);
        const { dataSource } = world;
        verdicts.set(operation.name, "unseen");
        await empty(dataSource);
        const state: unknown = await operation.before?.(world);
        await database.truth(dataSource);
        await capture.told();
        events.length = 0;
        if (operation.fails) await assert.rejects(async () => operation.run(world, state));
        else await operation.run(world, state);
        await capture.told();
        const truth = trueRows(await database.truth(dataSource), dataSource).filter(isApplications);
        if (truth.length > 0 && database.statements?.includes(operation.name)) {
          assert.ok(
            events.some(({ statement }) => statement !== undefined),
            "no statement record",
          );
          verdicts.set(operation.name, "statement");
          return;
        }
        const recorded = recordedRows(events, dataSource).filter(isApplications);
        const order = isUnordered(database, operation) ? sorted : (rows: typeof truth) => rows;
        if (database.unseen?.includes(operation.name)) {
          assert.notDeepEqual(order(recorded).map(keyed), order(truth).map(keyed), "seen after all");
          return;
        }
        assert.deepEqual(order(recorded).map(keyed), order(truth).map(keyed));
        assert.ok(events.every(({ outcome }) => outcome === "success"));
        verdicts.set(operation.name, "exact");
      });
    }

    it("without a fault of ours", (context) => {
      if (unavailable !== null) return context.skip(unavailable);
      assert.deepEqual(capture.beside, []);
      assert.deepEqual(faultSummaries(), []);
    });
  });
}

const isUnordered = ({ unordered = false }: Database, { name }: Operation): boolean =>
  typeof unordered === "boolean" ? unordered : unordered.includes(name);

/** Join and closure tables first, then the entities in reverse: those that point to others stand after them. */
async function empty(dataSource: DataSource): Promise<void> {
  const tables = dataSource.entityMetadatas.toSorted(
    (a, b) =>
      Number(b.isJunction || b.isClosureJunction) - Number(a.isJunction || a.isClosureJunction) ||
      entities.indexOf(b.target as never) - entities.indexOf(a.target as never),
  );
  for (const { tablePath } of tables)
    await dataSource.createQueryBuilder().delete().from(tablePath).execute();
  await dataSource.createQueryBuilder().delete().from(RAW_TABLE).execute();
}
