/**
 * What one scenario is: something that an application does with transactions, and what is left of it.
 */
import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from "typeorm";
import { Plain } from "../operations/entities.js";

/** What a scenario runs on. */
export interface Stage {
  readonly dataSource: DataSource;
  /** Never captured. On a server it has connections of its own, elsewhere it is `dataSource`. */
  readonly witness: DataSource;
  /** Waits for the work, and notes what the application sees of it: the result or the error. True if it worked. */
  see(what: string, work: Promise<unknown>): Promise<boolean>;
  /** One more DataSource on the same database, captured if the first is. */
  open(options: object): Promise<DataSource>;
}

type Leaves = readonly string[] | Readonly<Record<string, readonly string[]>>;

export interface Scenario {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<unknown>;
  /** The names in `plain` that TypeORM leaves committed, besides `kept`; by database where they differ. */
  readonly leaves: Leaves;
  /** What was recorded is in doubt: all rows, or a statement whose rows did not arrive. */
  readonly doubt?: "rows" | "statement" | undefined;
}

export function scenario(
  name: string,
  leaves: Leaves,
  run: Scenario["run"],
  { doubt }: Pick<Scenario, "doubt"> = {},
): Scenario {
  return { name, run, leaves, doubt };
}

/** What is left where PostgreSQL and SQLite differ, one letter a name; of other databases nothing is said. */
export function differing(on: { readonly postgres: string; readonly sqlite: string }): Leaves {
  const sqlite = [...on.sqlite];
  return { postgres: [...on.postgres], sqljs: sqlite, "better-sqlite3": sqlite };
}

/** What TypeORM leaves depends on its version. */
export const byVersion: Leaves = {};

/** What is said of this database, or `undefined`. */
export function leavesOn(database: string, { leaves }: Scenario): readonly string[] | undefined {
  return Array.isArray(leaves)
    ? (leaves as readonly string[])
    : (leaves as Readonly<Record<string, readonly string[]>>)[database];
}

export const stop = new Error("rolled back on purpose");

export const add = (manager: EntityManager, name: string): Promise<unknown> =>
  manager.insert(Plain, { name });

/** Gives the work a query runner, and releases it whatever comes. */
export async function withRunner(
  dataSource: DataSource,
  work: (runner: QueryRunner, manager: EntityManager) => Promise<void>,
): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await work(runner, runner.manager);
  } finally {
    if (!runner.isReleased) await runner.release();
  }
}

/** Adds a subscriber of the application's. */
export function subscribe(dataSource: DataSource, subscriber: EntitySubscriberInterface): void {
  dataSource.subscribers.push(subscriber);
}
