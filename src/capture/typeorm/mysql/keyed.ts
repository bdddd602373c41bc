/**
 * Rows by their keys: read again after a change, and, where there is no RETURNING, looked up by the unique keys
 * that an INSERT gives.
 *
 * Every read locks (`FOR UPDATE`): a plain one would show the transaction's old snapshot.
 *
 * @module
 */
import type { ColumnImage, RowChange } from "../family.js";
import { columnList, columnOf, imageOf, isUnchanged, keyText, literalOf, namesOf } from "./image.js";
import { quote, type Table } from "./catalog.js";
import type { DeleteStatement, InsertStatement, Range, UpdateStatement } from "./statement.js";
import type { Done, Work } from "./work.js";

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

/** INSERT and REPLACE without RETURNING. */
export async function insertLocked(work: Work, statement: InsertStatement): Promise<Done> {
  const { table } = work;
  const mayReplace = mayMeet(statement);
  const condition = mayReplace || !generatesIds(work, statement) ? uniqueCondition(work, statement) : "FALSE";
  const unknown =
    condition === null ||
    !statement.plain ||
    statement.returning ||
    table.before.insert ||
    table.primary.length === 0;
  if (unknown || work.session.full) return work.asItIs();
  return work.atomically(async () => {
    const before = mayReplace && condition !== "FALSE" ? await lockedRows(work, table, condition) : [];
    const answer = await work.run();
    if (answer.error) return { answer, changes: [] };
    const generated = generatedCondition(work, statement, Number(answer.headers.at(-1)?.insertId ?? 0));
    const kept = before.map((row) => keyCondition(table, table.primary, row));
    const after = await lockedRows(work, table, [condition, generated, ...kept].join(" OR "));
    return { answer, changes: difference(work, statement, before, after) };
  });
}

/** Whether it goes on where it meets a row that is there. */
const mayMeet = ({ ignore, onDuplicate, verb }: InsertStatement): boolean =>
  ignore || onDuplicate !== null || verb === "REPLACE";

function difference(
  work: Work,
  statement: InsertStatement,
  before: readonly ColumnImage[],
  after: readonly ColumnImage[],
): RowChange[] {
  const { primary } = work.table;
  const old = new Map(before.map((row) => [keyText(primary, row), row]));
  const now = new Set(after.map((row) => keyText(primary, row)));
  const replaces = statement.verb === "REPLACE";
  const changes: RowChange[] = before
    .filter((row) => replaces || !now.has(keyText(primary, row)))
    .map((row) => work.deleted(row));
  for (const row of after) {
    const was = old.get(keyText(primary, row));
    if (!was || replaces) changes.push(work.inserted(row));
    else if (!isUnchanged(work.table, statement.onDuplicate, was, row)) changes.push(work.updated(was, row));
  }
  return changes;
}

const namesGiven = ({ table }: Work, { columns }: InsertStatement): string[] =>
  (columns ?? table.columns.filter(({ generated }) => !generated).map(({ name }) => name)).map((name) =>
    name.toLowerCase(),
  );

/** Whether every row of the statement gets its id from the server. */
function generatesIds(work: Work, statement: InsertStatement): boolean {
  const id = work.table.columns.find(({ autoIncrement }) => autoIncrement);
  if (!id || statement.rows === null) return false;
  const at = namesGiven(work, statement).indexOf(id.name.toLowerCase());
  return statement.rows.every((values) => isGenerated(work, at < 0 ? undefined : values[at]));
}

const isGenerated = (work: Work, value: Range | undefined): boolean =>
  value === undefined || /^(?:NULL|DEFAULT|'?0'?)$/i.test(work.text(value));

/** The ids of one statement follow each other, as long as each of its rows is inserted. */
function generatedCondition(work: Work, statement: InsertStatement, first: number): string {
  const id = work.table.columns.find(({ autoIncrement }) => autoIncrement);
  if (!id || first === 0 || !generatesIds(work, statement)) return "FALSE";
  if (mayMeet(statement) && statement.rows!.length > 1) return "FALSE";
  const { increment } = work.session.settings;
  const ids = statement.rows!.map((_, index) => first + index * increment);
  return `${quote(id.name)} IN (${ids.join(", ")})`;
}

/** Which rows the statement can meet, by its own literals; `null` if that cannot be said. */
function uniqueCondition(work: Work, statement: InsertStatement): string | null {
  const { table } = work;
  if (statement.rows === null) return null;
  const names = namesGiven(work, statement);
  const conditions: string[] = [];
  for (const values of statement.rows) {
    const found: string[] = [];
    for (const key of table.uniques) {
      const condition = keyOfRow(work, key, names, values);
      if (condition === null) return null;
      if (condition !== "") found.push(condition);
    }
    // A new row that no key finds: among several, its id cannot be told.
    if (found.length === 0 && mayMeet(statement) && statement.rows.length > 1) return null;
    conditions.push(...found);
  }
  return conditions.length === 0 ? "FALSE" : conditions.join(" OR ");
}

/** Empty if the row can meet none by this key. */
function keyOfRow(
  work: Work,
  key: readonly string[],
  names: readonly string[],
  values: readonly Range[],
): string | null {
  const parts: string[] = [];
  for (const name of key) {
    if (name === "") return null;
    const at = names.indexOf(name.toLowerCase());
    const value = at < 0 ? undefined : values[at];
    const { autoIncrement } = columnOf(work.table, name);
    if (autoIncrement && isGenerated(work, value)) return "";
    const text = value ? work.text(value) : "";
    if (/^NULL$/i.test(text)) return "";
    if (!value || !isLiteral(work, value)) return null;
    parts.push(`${quote(name)} = ${text}`);
  }
  return `(${parts.join(" AND ")})`;
}

/** One string or number, perhaps with a sign: the same value when it is read again. */
function isLiteral({ tokens }: Work, { first, behind }: Range): boolean {
  const [sign, ...rest] = tokens.list.slice(first, behind);
  const literal = sign?.text === "-" || sign?.text === "+" ? rest : sign ? [sign, ...rest] : [];
  const text = literal.map((token) => token.text).join("");
  return (literal.length === 1 && literal[0]!.kind === "string") || /^\d+(?:\.\d+)?$/.test(text);
}
