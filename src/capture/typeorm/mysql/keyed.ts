/**
 * Rows by their keys, or by the WHERE of a statement.
 *
 * Every read locks (`FOR UPDATE`): a plain one would show the transaction's old snapshot.
 *
 * @module
 */
import type { ColumnImage } from "../family.js";
import { columnList, imageOf, keyText, literalOf, namesOf } from "./image.js";
import { quote, type Table } from "./catalog.js";
import type { DeleteStatement, UpdateStatement } from "./statement.js";
import type { Work } from "./work.js";

/** `db`.`table`, for a query of ours. */
export const path = ({ ref }: Table): string =>
  ref.schema === null ? quote(ref.name) : `${quote(ref.schema)}.${quote(ref.name)}`;

/** The rows with these primary keys, by the text of their key. */
export async function rowsByKey(
  work: Work,
  table: Table,
  keys: readonly ColumnImage[],
): Promise<Map<string, ColumnImage>> {
  const condition = keys.map((key) => keyCondition(table, table.primary, key)).join(" OR ");
  const rows = keys.length === 0 ? [] : await lockedRows(work, table, condition);
  return new Map(rows.map((row) => [keyText(table.primary, row), row]));
}

/** The rows that meet a condition, locked. */
export async function lockedRows(work: Work, table: Table, condition: string): Promise<ColumnImage[]> {
  const names = namesOf(table);
  const rows = await work.rows(
    `SELECT ${columnList(table, work.session.settings)} FROM ${path(table)} WHERE ${condition} FOR UPDATE`,
  );
  return rows.map((row) => imageOf(table, names, row));
}

/** The rows that an UPDATE or DELETE is about to find, locked in the same order. */
export async function lockedMatches(
  work: Work,
  { from, tail, alias }: UpdateStatement | DeleteStatement,
): Promise<ColumnImage[]> {
  const names = namesOf(work.table);
  const columns = columnList(work.table, work.session.settings, alias ?? work.table.ref.name);
  // On lines of their own: what was written may end in a comment.
  const rows = await work.rows(`SELECT ${columns} FROM ${work.text(from)}\n${work.text(tail)}\nFOR UPDATE`);
  return rows.map((row) => imageOf(work.table, names, row));
}

export const keyCondition = (table: Table, columns: readonly string[], key: ColumnImage): string =>
  `(${columns.map((name) => `${quote(name)} = ${literalOf(table, name, key[name])}`).join(" AND ")})`;
