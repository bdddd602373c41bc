/**
 * Random transactions on several connections at once, in no order but the database's.
 *
 * The interleaving cannot be repeated, so there is no run without us to compare with; what is compared is each
 * transaction as the database's own triggers saw it.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataSource, type EntityManager, type QueryRunner } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { faultSummaries, forgetFaults } from "#dist/health";
import { act, countOf, randomOf, workEntities, type Random } from "./acts.js";
import { captureAll, prepared } from "./captured.js";
import { recordedTransactions, trueTransactions } from "./compared.js";
import type { Database } from "./operations/operation.js";

const CONNECTIONS = 6;

/** Up to three levels by TypeORM's savepoints or the application's own, each kept or not. */
async function level(runner: QueryRunner, random: Random, depth: number): Promise<void> {
  for (let left = 1 + random(4); left > 0; left -= 1) {
    if (depth < 3 && random(4) === 0) await savepoint(runner, random, depth + 1);
    else await act(runner.manager, random);
  }
}

async function savepoint(runner: QueryRunner, random: Random, depth: number): Promise<void> {
  const own = random(2) === 0;
  const kept = random(2) === 0;
  if (own) await runner.query("SAVEPOINT mine");
  else await runner.startTransaction();
  await level(runner, random, depth);
  if (!own) return kept ? runner.commitTransaction() : runner.rollbackTransaction();
  await runner.query(kept ? "RELEASE SAVEPOINT mine" : "ROLLBACK TO SAVEPOINT mine");
}

/** One transaction, by TypeORM or by raw BEGIN. In a failed one anything may fail, and COMMIT means ROLLBACK. */
async function transaction(dataSource: DataSource, random: Random): Promise<void> {
  const runner = dataSource.createQueryRunner();
  const ownBegin = random(3) === 0;
  try {
    if (ownBegin) await runner.query("BEGIN");
    else await runner.startTransaction();
    await level(runner, random, 0);
    const end = random(4) === 0 ? "ROLLBACK" : "COMMIT";
    if (ownBegin) await runner.query(end);
    else if (end === "COMMIT") await runner.commitTransaction();
    else await runner.rollbackTransaction();
  } catch {
    // A runner that is used again, as SQLite's is, must hear of it too.
    for (let depth = 0; runner.isTransactionActive && depth < 5; depth += 1)
      await runner.rollbackTransaction().catch(() => {});
    await runner.query("ROLLBACK").catch(() => {});
  } finally {
    await runner.release();
  }
}

async function worker(dataSource: DataSource, random: Random, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) {
    if (random(6) === 0) await act(dataSource.manager as EntityManager, random);
    else await transaction(dataSource, random);
  }
}

/** What of `some` is not in `others`, each as often as it stands there. */
function difference(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return some.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

/** More DataSources on the same database. */
async function further({ options }: DataSource, count: number): Promise<DataSource[]> {
  const more = Array.from({ length: count }, () => new DataSource(options));
  for (const one of more) await one.initialize();
  return more;
}

/** `ROWS_SEED` gives the same transactions again; `ROWS_TRANSACTIONS` sets how many, in place of `transactions`. */
export function describeInterleavedWork(database: Database, transactions = 2000): void {
  describe(`random transactions on ${CONNECTIONS} connections of ${database.name}`, () => {
    const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const count = countOf(transactions);

    it(`are recorded one by one, as they were committed (seed ${seed})`, async (context) => {
      const unavailable = await database.unavailable();
      if (unavailable !== null) return context.skip(unavailable);
      forgetFaults();
      const dataSource = await prepared(database, workEntities);
      const others = database.oneConnection ? await further(dataSource, CONNECTIONS - 1) : [];
      const events: RowEvent[] = [];
      const captures = [dataSource, ...others].map((one) => captureAll(one, events, database));
      await Promise.all(
        Array.from({ length: CONNECTIONS }, (_, index) =>
          worker(others[index - 1] ?? dataSource, randomOf(seed + index), Math.ceil(count / CONNECTIONS)),
        ),
      );
      for (const capture of captures) await capture.told();
      const truth = await trueTransactions(database, dataSource);
      for (const capture of captures) capture.undo();
      for (const capture of captures) await capture.ended();
      for (const other of others) await other.destroy();
      const recorded = recordedTransactions(database, events, dataSource);
      await database.drop(dataSource);
      await dataSource.destroy();
      assert.ok(truth.length > count / 4, `only ${truth.length} transactions changed anything`);
      assert.deepEqual(difference(recorded, truth), []);
      assert.deepEqual(difference(truth, recorded), []);
      assert.deepEqual(faultSummaries(), []);
    });
  });
}
