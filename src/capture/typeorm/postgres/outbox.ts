/**
 * Writes records into the outbox table, in the transaction that they tell of.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { OutboxTarget, RowChange } from "../family.js";
import { inserts } from "../outbox/inserts.js";
import type { Plan } from "./plan.js";
import type { Ask } from "./steps.js";

const SAVEPOINT = "activity_audit_outbox";
/** Longest text that is sent at once, in characters: the server holds all of it in memory. */
const MAX_TEXT = 4 * 1024 * 1024;

/**
 * What must be done for a text: `"atCommit"`, it ends the transaction; `"inTransaction"`, it changes rows, and must
 * not commit by itself.
 *
 * `null` also for a text that cannot have a transaction around it: one that has BEGIN or COMMIT among its
 * statements, or runs code (CALL, DO) that may commit. Its records are told from memory.
 */
export function takesPart({ tellings, steps }: Plan): "atCommit" | "inTransaction" | null {
  const [only] = tellings;
  if (tellings.length === 1 && only?.how === "control") {
    const { statement } = only;
    const { action } = statement;
    const ends = statement.kind === "control" ? action === "commit" : action === "prepare";
    return ends ? "atCommit" : null;
  }
  const changes = steps !== null || tellings.some(({ how }) => how === "rows" || how === "count");
  const alone = tellings.every(
    (telling) => telling.how !== "control" && !(telling.how === "count" && telling.tables.length === 0),
  );
  return changes && alone ? "inTransaction" : null;
}

/**
 * Writes what these changes are to be recorded as.
 *
 * @returns false if that failed, and the transaction is as it was
 * @throws {AuditError} `AUDIT_OUTBOX_FAILED`: it failed, and the transaction is to fail with it
 */
export async function writeOutbox(
  outbox: OutboxTarget,
  changes: readonly RowChange[],
  ask: Ask,
): Promise<boolean> {
  const rows = outbox.rows(changes);
  if (rows.length === 0) return true;
  const guarded = outbox.onError === "record";
  let table: string;
  try {
    table = await outbox.table();
  } catch (error) {
    return refuse(outbox, error);
  }
  const [first, ...more] = inserts(table, rows, asBytes, MAX_TEXT);
  try {
    // A statement that fails spoils a transaction, up to the last savepoint.
    await ask(guarded ? `SAVEPOINT ${SAVEPOINT}; ${first}` : first!);
    for (const text of more) await ask(text);
  } catch (error) {
    if (guarded) await ask(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`).catch(() => {});
    outbox.failed(error);
    return refuse(outbox, error);
  }
  return true;
}

function refuse({ onError }: OutboxTarget, error: unknown): false {
  if (onError === "record") return false;
  throw new AuditError("AUDIT_OUTBOX_FAILED", [(error as Error).message], { cause: error });
}

/* Neither `standard_conforming_strings` nor the character set of the session matters to it. */
const asBytes = (hex: string): string => `decode('${hex}', 'hex')`;
