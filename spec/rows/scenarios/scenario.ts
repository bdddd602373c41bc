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

export interface Scenario {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<unknown>;
  /** The names in `plain` that TypeORM leaves committed, besides `kept`; left out where databases differ. */
  readonly leaves?: readonly string[] | undefined;
  /** What was recorded is in doubt: all rows, or a statement whose rows did not arrive. */
  readonly doubt?: "rows" | "statement" | undefined;
}

export function scenario(
  name: string,
  leaves: readonly string[] | undefined,
  run: Scenario["run"],
  { doubt }: Pick<Scenario, "doubt"> = {},
): Scenario {
  return { name, run, leaves, doubt };
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
