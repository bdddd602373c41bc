/**
 * A statement as it may stand in a record: its text without values, and the values beside it.
 *
 * @module
 */
import type { Parameter, RowChange } from "../family.js";
import { writtenParameters } from "../parameters.js";
import { withoutValues, type Quoting } from "../statement-text.js";
import type { StatementChanges } from "../bulk.js";
import type { Dialect } from "./scan.js";

export interface ToldStatement {
  readonly statement: string;
  readonly parameters: readonly Parameter[];
}

/**
 * mysql2 writes the parameters of `query()` into the text before anything is sent, so all values are told that stand
 * there, one for each `?` of the statement.
 *
 * @param values - of a prepared statement
 */
export function toldStatement(
  sql: string,
  dialect: Dialect | null,
  values: readonly unknown[] = [],
): ToldStatement {
  const quoting = quotingOf(dialect);
  return { statement: withoutValues(sql, quoting), parameters: writtenParameters(sql, quoting, values) };
}

/** What one statement changed; text and values are made only where one entry stands for many rows. */
export function changesOf(
  changes: readonly RowChange[],
  sql: string,
  dialect: Dialect | null,
): StatementChanges {
  return {
    changes,
    get statement() {
      return withoutValues(sql, quotingOf(dialect));
    },
    parameters: () => writtenParameters(sql, quotingOf(dialect)),
  };
}

const quotingOf = (dialect: Dialect | null): Quoting => (dialect?.plainBackslash ? "mysql-plain" : "mysql");
