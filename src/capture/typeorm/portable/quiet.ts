/**
 * Queries of ours on the application's own query runner, which its subscribers do not hear of: one that counts
 * queries, or throws at one, does with us as it does without.
 *
 * @module
 */
import type { QueryRunner } from "typeorm";

const silent = {
  broadcastBeforeQueryEvent: (): void => {},
  broadcastAfterQueryEvent: (): void => {},
  // What 0.3 and 1.x call for everything else.
  broadcast: async (): Promise<void> => {},
};

/** Connects the runner, if it is not, and queries on its connection. */
export async function quietQuery(runner: QueryRunner, sql: string, parameters?: unknown[]): Promise<unknown> {
  // Before, because the connection must become the runner's, not that of what stands in for it.
  await runner.connect();
  const quiet = Object.create(runner, { broadcaster: { value: silent } }) as QueryRunner;
  return quiet.query(sql, parameters);
}
