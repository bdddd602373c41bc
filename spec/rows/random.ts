/**
 * Random work on random rows, in random transactions, the same for the same seed: recorded exactly, and the same
 * work as without us.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { act, countOf, randomOf, tablesOf, workEntities, type Random } from "./acts.js";
import { captureAll, prepared } from "./captured.js";
import { recordedTransactions, trueTransactions } from "./compared.js";
import type { Database } from "./operations/operation.js";

interface Work {
  readonly random: Random;
  readonly cascades: boolean;
  /** What the application saw, statement by statement. */
  readonly seen: string[];
}

async function acts(manager: DataSource["manager"], { random, cascades, seen }: Work): Promise<void> {
  seen.push(JSON.stringify(await act(manager, random, cascades)));
}

async function transaction(manager: DataSource["manager"], work: Work, depth: number): Promise<void> {
  const { random, seen } = work;
  try {
    await manager.transaction(async (inner) => {
      for (let left = random(5); left >= 0; left -= 1) {
        if (depth < 3 && random(4) === 0) await transaction(inner, work, depth + 1);
        else await acts(inner, work);
      }
      if (random(3) === 0) throw new Error("rolled back");
    });
    seen.push("committed");
  } catch (error) {
    seen.push((error as Error).message);
  }
}

/** Runs the work; gives what the application saw, the tables as they are at the end, and both sides of the truth. */
async function run(database: Database, seed: number, count: number, audited: boolean) {
  const dataSource = await prepared(database, workEntities);
  const events: RowEvent[] = [];
  const capture = audited ? captureAll(dataSource, events, database) : undefined;
  const seen: string[] = [];
  const work: Work = { random: randomOf(seed), cascades: database.triggersSeeCascades !== false, seen };
  for (let left = count; left > 0; left -= 1) {
    if (work.random(3) === 0) await acts(dataSource.manager, work);
    else await transaction(dataSource.manager, work, 0);
  }
  await capture?.told();
  const truth = audited ? await trueTransactions(database, dataSource) : [];
  const recorded = recordedTransactions(database, events, dataSource);
  const tables = await tablesOf(dataSource);
  capture?.undo();
  await capture?.ended();
  await database.drop(dataSource);
  await dataSource.destroy();
  return { seen, tables, truth, recorded };
}

/** `ROWS_SEED` repeats a run; `ROWS_TRANSACTIONS` sets its length, in place of `transactions`. */
export function describeRandomWork(database: Database, transactions = 2000): void {
  describe(`random work on ${database.name}`, () => {
    const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const count = countOf(transactions);

    it(`gives each committed row one exact record, and looks the same without us (seed ${seed})`, async (context) => {
      const unavailable = await database.unavailable();
      if (unavailable !== null) return context.skip(unavailable);
      const audited = await run(database, seed, count, true);
      assert.ok(audited.truth.length > count / 10, "hardly anything was changed");
      assert.deepEqual(audited.recorded, audited.truth);
      const alone = await run(database, seed, count, false);
      assert.deepEqual(audited.seen, alone.seen);
      assert.deepEqual(audited.tables, alone.tables);
    });
  });
}
