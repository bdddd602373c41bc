/**
 * Writes records into the outbox table, in the transaction that they tell of.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { OutboxTarget, RowChange } from "../family.js";
import { inserts } from "../outbox/inserts.js";
import type { Statement } from "./statement.js";
import type { Answer, WireError } from "./wire.js";

/** Longest text that is sent at once, in characters; `max_allowed_packet` is 16 MiB by default. */
const MAX_TEXT = 1024 * 1024;
const DEADLOCK = 1213;

/** Whether the statement ends a transaction that is open, by its own meaning or by the way, or may run code that does. */
export function mayCommit(statement: Statement, sql: string): boolean {
  const { kind } = statement;
  if (/^(?:commit|begin|definition|truncate)$/.test(kind)) return true;
  if (kind === "opaque") return statement.anywhere;
  return kind === "other" && /\bautocommit\b|^\s*XA\s+END\b/i.test(sql);
}

/**
 * Writes what these changes are to be recorded as.
 *
 * @returns whether they are written; or the error that the application is to get
 */
export async function writeOutbox(
  outbox: OutboxTarget,
  changes: readonly RowChange[],
  ask: (sql: string) => Promise<Answer>,
): Promise<boolean | WireError> {
  const rows = outbox.rows(changes);
  if (rows.length === 0) return true;
  try {
    const table = await outbox.table();
    for (const text of inserts(table, rows, asBytes, MAX_TEXT)) {
      const { error } = await ask(text);
      // The server has rolled back everything: that is the application's to know.
      if (error?.fatal || error?.errno === DEADLOCK) return error;
      if (error) throw error;
    }
    return true;
  } catch (error) {
    outbox.failed(error);
    if (outbox.onError === "record") return false;
    return new AuditError("AUDIT_OUTBOX_FAILED", [(error as Error).message], { cause: error });
  }
}

/* Neither the character set of the connection nor its `sql_mode` matters to it. */
const asBytes = (hex: string): string => `X'${hex}'`;
