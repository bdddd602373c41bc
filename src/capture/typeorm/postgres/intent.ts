/**
 * Intents on PostgreSQL: what is told before a text that may commit by itself, and the statements that write it.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import type { RowChange, TableName } from "../family.js";
import { lockNumber } from "../outbox/intent-id.js";
import type { Intents, IntentSql } from "../outbox/intent.js";
import { inserts } from "../outbox/inserts.js";
import { boundParameters } from "../parameters.js";
import { asBytes, MAX_TEXT } from "./outbox.js";
import type { PgError } from "./pg.js";
import { UNKNOWN_TABLE, type Plan, type Telling } from "./plan.js";
import type { Ask } from "./steps.js";
import type { Interception } from "./submit.js";

/* Whatever the session's own transactions are to be. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/** @param isIdle - whether no transaction is open */
export function intentSql(ask: Ask, isIdle: () => boolean): IntentSql {
  return {
    declare: async (table, row) => {
      const [insert] = inserts(table, [row], asBytes, MAX_TEXT);
      await ask(`${BEGIN}; SELECT pg_advisory_lock(${lockNumber(row.id)}); ${insert}; COMMIT`);
    },
    replace: async (table, id, rows) => {
      const texts = [`${BEGIN}; DELETE FROM ${table} WHERE id = '${id}'`];
      for (const insert of inserts(table, rows, asBytes, MAX_TEXT)) {
        if (texts.at(-1)!.length + insert.length > MAX_TEXT) texts.push(insert);
        else texts[texts.length - 1] += `; ${insert}`;
      }
      // Only then: who finds the lock free must find the intent gone.
      texts[texts.length - 1] += `; COMMIT; SELECT pg_advisory_unlock(${lockNumber(id)})`;
      for (const text of texts) await ask(text);
    },
    release: async (id) => {
      await ask(`${isIdle() ? "" : "ROLLBACK; "}SELECT pg_advisory_unlock(${lockNumber(id)})`);
    },
  };
}

/** What a text may change: one entry for each table that it names. */
export function intended(
  plan: Plan,
  context: AuditContext | undefined,
  values: readonly unknown[],
): RowChange[] {
  const tables = new Map(plan.tellings.flatMap(tablesOf).map((table) => [JSON.stringify(table), table]));
  const { statement } = plan;
  const parameters = boundParameters(plan.given, values, "postgres");
  return [...tables.values()].map((table) => ({
    op: "statement",
    table,
    before: null,
    after: null,
    rowCount: null,
    statement,
    parameters,
    context,
  }));
}

function tablesOf(telling: Telling): readonly TableName[] {
  if (telling.how === "rows") return [telling.facts.table];
  if (telling.how !== "count") return [];
  return telling.tables.length > 0 ? telling.tables : [UNKNOWN_TABLE];
}

/** Whether code may have committed something before it failed. */
export function mayHaveCommitted({ tellings, given }: Plan, { code, where }: PgError): boolean {
  const [only] = tellings;
  if (tellings.length > 1 || only?.how !== "count" || only.commits !== true) return false;
  // The server did not understand it: an error of the code itself tells where in the code it was.
  if (where === undefined && code?.startsWith("42") === true) return false;
  // Of a DO block the text says whether it can.
  return !/^\s*do\b/i.test(given) || /commit|call|execute/i.test(given);
}

/** What happens beside a text while there is an intent. */
export type Beside = Pick<Interception, "retry" | "finish" | "failed">;

/** One run of a text while there is an intent. */
export interface RunBesideIntent {
  /** Settles when it is answered, or the connection is gone. */
  idle(): Promise<void>;
  /** No transaction is open, so that the intent can be replaced. */
  isOver(): boolean;
  /** What it may have committed although it failed. */
  committed(error: PgError): readonly RowChange[];
  /** As it was given, from its beginning. */
  again(error: PgError): Promise<void>;
  fail(error: PgError): void;
}

/** Replaces the intent before the answer is told; an error is told at once. */
export function besideIntent(intents: Intents, run: RunBesideIntent, done: () => void): Beside {
  const settle = async (): Promise<void> => {
    if (run.isOver()) await intents.settle();
  };
  const failed = async (error: PgError): Promise<void> => {
    await run.idle();
    intents.answered(run.committed(error));
    await settle();
  };
  const again = async (error: PgError): Promise<void> => {
    await run.idle();
    await run.again(error);
  };
  return {
    retry: (error) => {
      again(error).catch(run.fail).finally(done);
      return true;
    },
    finish: (deliver) => {
      intents.answered();
      settle().then(deliver, deliver).finally(done);
    },
    failed: (error) => void intents.settling(failed(error)).finally(done),
  };
}
