/**
 * What must be asked before and after a statement whose effects reach further than its own rows.
 *
 * @module
 */
import type { RowChange } from "../family.js";
import type { Execution } from "./execution.js";

/** Asks the database on the statement's own connection. Values are text, as PostgreSQL prints them. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<(string | null)[][]>;

/** One run of one statement, in a transaction: the application's, or one around this statement alone. */
export interface Steps {
  /** @param values - the parameters of the statement */
  before(ask: Ask, values: readonly unknown[]): Promise<void>;
  /** What changed beside the statement's own rows. */
  after(ask: Ask, execution: Execution): Promise<readonly RowChange[]>;
}

/** Nothing to ask: the statement only gets a transaction around it. */
export const noSteps: Steps = {
  before: async () => {},
  after: async () => [],
};
