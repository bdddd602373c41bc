/**
 * Random work on random rows, in random transactions, the same for the same seed.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { captureAll, prepared } from "./captured.js";
import { Plain, Up } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";
import { isApplications, keyed, recordedRows, trueRows } from "./operations/truth.js";

export type Random = (below: number) => number;

/** mulberry32: small, and good enough to choose what to do next. */
export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** One statement; gives what the application sees of it, be it an error. */
export async function act(manager: DataSource["manager"], random: Random): Promise<unknown> {
  const name = `n${random(6)}`;
  const n = random(5);
  const acts: (() => Promise<unknown>)[] = [
    () => manager.insert(Plain, { name, n }),
    () => manager.update(Plain, { name }, { n }),
    () => manager.delete(Plain, { name, n }),
    () => manager.increment(Plain, { name }, "n", n),
    () => manager.upsert(Up, { key: name, val: String(n) }, ["key"]),
    () => manager.insert(Up, { key: name, val: "new" }),
    () => manager.delete(Up, { key: name }),
    () => manager.query(`UPDATE plain SET name = 'n${n}' WHERE name = '${name}'`),
  ];
  const { driver, options } = manager.connection;
  // MySQL's are recorded as one statement.
  if (options.type !== "mysql") {
    const key = driver.escape("key");
    acts.push(() =>
      manager.query(`INSERT INTO up (${key}, val) SELECT name, 'copied' FROM plain WHERE n = ${n}`),
    );
  }
  try {
    return await acts[random(acts.length)]!();
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

async function transaction(
  manager: DataSource["manager"],
  random: Random,
  depth: number,
  seen: unknown[],
): Promise<void> {
  try {
    await manager.transaction(async (inner) => {
      for (let left = random(5); left >= 0; left -= 1) {
        if (depth < 3 && random(4) === 0) await transaction(inner, random, depth + 1, seen);
        else seen.push(await act(inner, random));
      }
      if (random(3) === 0) throw new Error("rolled back");
    });
    seen.push("committed");
  } catch (error) {
    seen.push((error as Error).message);
  }
}

/** Runs the work; gives what the application saw, the tables as they are at the end, and both sides of the truth. */
async function work(database: Database, seed: number, count: number, audited: boolean) {
  const dataSource = await prepared(database);
  const events: RowEvent[] = [];
  const capture = audited ? captureAll(dataSource, events, database) : undefined;
  const random = randomOf(seed);
  const seen: unknown[] = [];
  for (let left = count; left > 0; left -= 1) {
    if (random(3) === 0) seen.push(await act(dataSource.manager, random));
    else await transaction(dataSource.manager, random, 0, seen);
  }
  await capture?.told();
  const truth = trueRows(await database.truth(dataSource), dataSource)
    .filter(isApplications)
    .map(keyed);
  const recorded = recordedRows(events, dataSource).filter(isApplications).map(keyed);
  const tables = await Promise.all(
    [Plain, Up].map((entity) => dataSource.getRepository(entity).find({ order: { id: "ASC" } })),
  );
  capture?.undo();
  await capture?.ended();
  await database.drop(dataSource);
  await dataSource.destroy();
  return { seen: JSON.stringify(seen), tables: JSON.stringify(tables), truth, recorded };
}

/** `ROWS_SEED` repeats a run; `ROWS_TRANSACTIONS` sets its length, in place of `transactions`. */
export function describeRandomWork(database: Database, transactions = 2000): void {
  describe(`random work on ${database.name}`, () => {
    const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const count = Number(process.env["ROWS_TRANSACTIONS"] ?? transactions);

    it(`gives each committed row one exact record, and looks the same without us (seed ${seed})`, async (context) => {
      const unavailable = await database.unavailable();
      if (unavailable !== null) return context.skip(unavailable);
      const audited = await work(database, seed, count, true);
      assert.ok(audited.truth.length > count / 10, "hardly anything was changed");
      assert.deepEqual(audited.recorded, audited.truth);
      const alone = await work(database, seed, count, false);
      assert.equal(audited.tables, alone.tables);
      assert.equal(audited.seen, alone.seen);
    });
  });
}
