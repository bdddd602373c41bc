/**
 * What must be asked before and after a statement whose effects reach further than its own rows.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import type { Parameter, RowChange } from "../family.js";
import type { PgError } from "./pg.js";

/** Asks the database on the statement's own connection. Values are text, as PostgreSQL prints them. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<(string | null)[][]>;

/** What is known of a statement that has been answered. */
export interface Answered {
  readonly plan: { readonly statement: string | null };
  readonly context: AuditContext | undefined;
  /** How many rows it says it changed. */
  readonly affected: number | null;
  /** The images before of its rows, if all of them were kept. */
  readonly images: readonly string[] | null;
  /** The values that it was run with. */
  parameters(): readonly Parameter[];
}

/** One run of one statement, in a transaction: the application's, or one around this statement alone. */
export interface Steps {
  /** @param values - the parameters of the statement */
  before(ask: Ask, values: readonly unknown[]): Promise<void>;
  /** What changed beside the statement's own rows. */
  after(ask: Ask, answered: Answered): Promise<readonly RowChange[]>;
}

/** An error of a question of ours, as the statement that waits for the answer would have met it. */
export function asTheirs(error: PgError, text: string): PgError {
  const command = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? "";
  error.message = error.message.replace(/SELECT FOR (NO KEY )?UPDATE|LOCK TABLE/, command);
  error.position = undefined;
  return error;
}

/** Nothing to ask: the statement only gets a transaction around it. */
export const noSteps: Steps = {
  before: async () => {},
  after: async () => [],
};
