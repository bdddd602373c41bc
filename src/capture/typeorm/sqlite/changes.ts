/**
 * What a trigger saw → a row change: the same, whether it went through the TEMP table or straight to the outbox.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import type { ColumnImage, ManyRowsChange, RowChange, TableName } from "../family.js";
import { boundParameters, type Values } from "../parameters.js";
import { withoutValues } from "../statement-text.js";
import { readImage } from "./literal.js";
import type { CapturedTable } from "./triggers.js";

const verbs = { i: "insert", u: "update", d: "delete" } as const;

/** What was done, as the triggers write it. */
export type Op = keyof typeof verbs;

/** The row before and after, as lists of literals; `null` where there is none. */
export interface Literals {
  readonly old: string | null;
  readonly now: string | null;
}

/** `null` for an update that changed nothing. */
export function rowChange(
  table: CapturedTable,
  op: Op,
  { old, now }: Literals,
  context: AuditContext | undefined,
): RowChange | null {
  if (op === "u" && old === now) return null;
  return {
    op: verbs[op],
    table: nameOf(table),
    before: old === null ? null : readImage(table.columns, old),
    after: now === null ? null : readImage(table.columns, now),
    context,
    primary: table.primary,
  } as RowChange;
}

/** What one statement with too many rows did to one table. */
export interface Many {
  readonly table: CapturedTable;
  readonly op: Op;
  readonly rowCount: number;
  readonly first: readonly ColumnImage[];
  readonly sql: string;
  readonly values: Values | undefined;
  readonly context: AuditContext | undefined;
}

/** One entry for all of its rows. */
export function manyRows({ table, op, rowCount, first, sql, values, context }: Many): ManyRowsChange {
  return {
    op: "statement",
    verb: verbs[op],
    table: nameOf(table),
    before: null,
    after: null,
    rowCount,
    statement: withoutValues(sql),
    parameters: boundParameters(sql, values),
    first,
    context,
  };
}

function nameOf({ schema, name }: CapturedTable): TableName {
  return { schema: schema === "main" ? null : schema, name };
}
