/**
 * Whether a text that failed may be sent once more, as it was given.
 *
 * Only where our form of it may be to blame, and where that can do no harm: outside of a transaction a failed statement
 * leaves nothing behind, nor does what stood before it in its text, unless that was committed there.
 *
 * @module
 */
import type { Execution } from "./execution.js";
import type { PgError } from "./pg.js";
import type { Plan } from "./plan.js";

/** What the server says of a text that it cannot run in the form that we gave it. */
export function refused({ insertions }: Plan, { code }: PgError): boolean {
  return insertions.length > 0 && /^(42|0A)/.test(code ?? "");
}

/** @param outdated - it was prepared under a name of ours, which may be all that was wrong */
export function mayRunAgain(execution: Execution, error: PgError, outdated: boolean): boolean {
  const ours = outdated || (execution.mayBeOurs && refused(execution.plan, error));
  return ours && execution.autocommit && !execution.mayHaveCommitted;
}
