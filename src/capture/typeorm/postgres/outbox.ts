/**
 * Writes records into the outbox table, in the transaction that they tell of.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { OutboxTarget, RowChange } from "../family.js";
import { inserts } from "../outbox/inserts.js";
import type { Plan, Telling } from "./plan.js";
import type { Ask } from "./steps.js";

const SAVEPOINT = "activity_audit_outbox";
/** Longest text that is sent at once, in characters: the server holds all of it in memory. */
export const MAX_TEXT = 4 * 1024 * 1024;

/** What must be done for a text. */
export interface Part {
  /** In a transaction: what was changed before it is committed by it. */
  readonly commits: boolean;
  /**
   * Outside of one: `"transaction"`, it changes rows, and gets one around it. `"intent"`: it changes rows, and may commit
   * by itself, as a text does that has COMMIT among its statements, or code that is called.
   */
  readonly alone: "transaction" | "intent" | null;
}

/** `null`: nothing. */
export function takesPart({ tellings, steps }: Plan): Part | null {
  const [only] = tellings;
  // What is written in front of a ROLLBACK TO is taken back by it, be it of what was changed before the savepoint.
  const commits = tellings.map(turnOf).find(Boolean) === "commit";
  const changes = steps !== null || tellings.some(({ how }) => how === "rows" || how === "count");
  if (!changes) return commits ? { commits, alone: null } : null;
  // Among other statements, code cannot commit.
  const code = tellings.length === 1 && only?.how === "count" && only.commits === true;
  if (code || tellings.some((telling) => /^(?:commit|rollback)$/.test(turnOf(telling))))
    return { commits, alone: "intent" };
  // Behind a BEGIN, all of it is committed later.
  return tellings.some(({ how }) => how === "control") ? null : { commits, alone: "transaction" };
}

/** What a statement does to the transaction, as far as it ends it or takes a part of it back. */
function turnOf(telling: Telling): "commit" | "rollback" | "rollbackTo" | "" {
  if (telling.how !== "control") return "";
  const { statement } = telling;
  if (statement.kind === "twoPhase") return statement.action === "prepare" ? "commit" : "rollback";
  const { action } = statement;
  return action === "commit" || action === "rollback" || action === "rollbackTo" ? action : "";
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
export const asBytes = (hex: string): string => `decode('${hex}', 'hex')`;
