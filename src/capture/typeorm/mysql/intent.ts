/**
 * Intents on MySQL and MariaDB: the statements that write them. What they tell is what `Targets` tells of a statement whose rows
 * are not known.
 *
 * @module
 */
import { inserts } from "../outbox/inserts.js";
import type { IntentSql } from "../outbox/intent.js";
import { intentLock } from "../outbox/mysql.js";
import { asBytes, MAX_TEXT } from "./outbox.js";
import type { Answer } from "./wire.js";

export function intentSql(ask: (sql: string) => Promise<Answer>): IntentSql {
  const run = async (sql: string): Promise<void> => {
    const { error } = await ask(sql);
    if (error) throw error;
  };
  return {
    declare: async (table, row) => {
      await run(`DO GET_LOCK('${intentLock(row.id)}', 0)`);
      for (const text of inserts(table, [row], asBytes, MAX_TEXT)) await run(text);
    },
    replace: async (table, id, rows) => {
      await run("START TRANSACTION");
      try {
        await run(`DELETE FROM ${table} WHERE id = '${id}'`);
        for (const text of inserts(table, rows, asBytes, MAX_TEXT)) await run(text);
        await run("COMMIT");
      } catch (error) {
        await ask("ROLLBACK");
        throw error;
      }
      // Only then: who finds the lock free must find the intent gone. Its loss with the connection is as good.
      await ask(`DO RELEASE_LOCK('${intentLock(id)}')`);
    },
    release: (id) => run(`DO RELEASE_LOCK('${intentLock(id)}')`),
  };
}
