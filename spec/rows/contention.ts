/**
 * Eight writers on the same rows through TypeORM. They take their rows in one order, so that none of them ever waits
 * in a circle: any error would be one that is not there without us.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataSource, EntityManager } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { faultSummaries, forgetFaults } from "#dist/health";
import { workEntities } from "./acts.js";
import { captureAll, prepared } from "./captured.js";
import { recordedTransactions, trueTransactions } from "./compared.js";
import { Comp, Plain, Up } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";

const WRITERS = 8;
const ROUNDS = Number(process.env["ROWS_ROUNDS"] ?? 25);
const ROWS = 3;

async function fill({ manager }: DataSource): Promise<void> {
  for (let row = 0; row < ROWS; row += 1) await manager.insert(Plain, { name: `hot ${row}`, n: 0 });
  await manager.insert(Comp, { a: 1, b: "hot", val: "0" });
  await manager.insert(Up, { key: "hot", val: "0" });
}

async function work(manager: EntityManager, writer: number, round: number): Promise<void> {
  await manager.increment(Plain, { id: 1 }, "n", 1);
  await manager.query("UPDATE plain SET n = n + 1 WHERE id = 2");
  if (round % 2 === 0) await manager.update(Plain, { id: 3 }, { n: () => "n + 1" });
  await manager.update(Comp, { a: 1, b: "hot" }, { val: `${writer}.${round}` });
  await manager.upsert(Up, { key: "hot", val: `${writer}.${round}` }, ["key"]);
  await manager.insert(Plain, { name: `own ${writer}`, n: round });
  if (round % 5 === 0) await manager.delete(Plain, { name: `own ${writer}`, n: round });
}

/** @param apart - each writer has a connection and transactions of its own; else all share the one there is */
export function describeContention(database: Database, apart = true): void {
  describe(`eight writers on the same rows of ${database.name}`, () => {
    it("lose no update, meet no error, and are told with exact images", async (context) => {
      const unavailable = await database.unavailable();
      if (unavailable !== null) return context.skip(unavailable);
      forgetFaults();
      const dataSource = await prepared(database, workEntities);
      await fill(dataSource);
      await trueTransactions(database, dataSource);
      const events: RowEvent[] = [];
      const capture = captureAll(dataSource, events, database);
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          for (let round = 0; round < ROUNDS; round += 1) {
            if (!apart) await work(dataSource.manager, writer, round);
            else await dataSource.transaction((manager) => work(manager, writer, round));
          }
        }),
      );
      await capture.told();
      const truth = await trueTransactions(database, dataSource);
      const hot = await dataSource.getRepository(Plain).find({ order: { id: "ASC" }, take: ROWS });
      capture.undo();
      await capture.ended();
      const recorded = recordedTransactions(database, events, dataSource);
      await database.drop(dataSource);
      await dataSource.destroy();
      const turns = WRITERS * ROUNDS;
      assert.deepEqual(
        hot.map(({ n }) => n),
        [turns, turns, WRITERS * Math.ceil(ROUNDS / 2)],
      );
      if (apart) assert.equal(truth.length, turns);
      assert.deepEqual(recorded.toSorted(), truth.toSorted());
      assert.deepEqual(faultSummaries(), []);
    });
  });
}
