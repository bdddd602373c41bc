/**
 * INSERT and REPLACE where there is no RETURNING: their rows are looked up by the unique keys that they give, and by the ids
 * that the server generates.
 *
 * @module
 */
import type { ColumnImage, RowChange } from "../family.js";
import { cascadeOfDelete, cascadeOfUpdate, followers } from "./cascade.js";
import { quote } from "./catalog.js";
import { columnOf, isUnchanged, keyText } from "./image.js";
import { keyCondition, lockedRows } from "./keyed.js";
import type { InsertStatement, Range } from "./statement.js";
import type { Done, Work } from "./work.js";

/** Runs it, and tells its rows. */
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
    const taken = statement.verb === "REPLACE" ? await cascadeOfDelete(work, before) : [];
    const followed = await cascadeOfUpdate(work, followers(work, table, namesSet(statement)), before);
    const answer = await work.run();
    if (answer.error) return { answer, changes: [] };
    const generated = generatedCondition(work, statement, Number(answer.headers.at(-1)?.insertId ?? 0));
    const kept = before.map((row) => keyCondition(table, table.primary, row));
    const after = await lockedRows(work, table, [condition, generated, ...kept].join(" OR "));
    const { gone, now } = difference(work, statement, before, after);
    if (gone.length > 0 && statement.verb !== "REPLACE") {
      // Under another key now, that the upsert has given it.
      return { answer, changes: [work.opaque(answer.headers.at(-1)?.affectedRows ?? null)] };
    }
    return { answer, changes: [...gone, ...taken, ...now, ...followed(now)] };
  });
}

const namesSet = ({ onDuplicate }: InsertStatement): string[] =>
  onDuplicate?.columns.map(({ name }) => name) ?? [];

/** Whether it goes on where it meets a row that is there. */
const mayMeet = ({ ignore, onDuplicate, verb }: InsertStatement): boolean =>
  ignore || onDuplicate !== null || verb === "REPLACE";

function difference(
  work: Work,
  statement: InsertStatement,
  before: readonly ColumnImage[],
  after: readonly ColumnImage[],
): { gone: RowChange[]; now: RowChange[] } {
  const { primary } = work.table;
  const old = new Map(before.map((row) => [keyText(primary, row), row]));
  const left = new Set(after.map((row) => keyText(primary, row)));
  const replaces = statement.verb === "REPLACE";
  const gone = before
    .filter((row) => replaces || !left.has(keyText(primary, row)))
    .map((row) => work.deleted(row));
  const now: RowChange[] = [];
  for (const row of after) {
    const was = old.get(keyText(primary, row));
    if (!was || replaces) now.push(work.inserted(row));
    else if (!isUnchanged(work.table, statement.onDuplicate, was, row)) now.push(work.updated(was, row));
  }
  return { gone, now };
}

/** The columns that the values are for, in lower case. Generated ones are among them, with DEFAULT as their value. */
export const namesGiven = ({ table }: Work, { columns }: InsertStatement): string[] =>
  (columns ?? table.columns.filter(({ invisible }) => !invisible).map(({ name }) => name)).map((name) =>
    name.toLowerCase(),
  );

/** Whether every row of the statement gets its id from the server. */
function generatesIds(work: Work, statement: InsertStatement): boolean {
  const id = work.table.columns.find(({ autoIncrement }) => autoIncrement);
  if (!id || statement.rows === null) return false;
  const at = namesGiven(work, statement).indexOf(id.name.toLowerCase());
  return statement.rows.every((values) => isGenerated(work, at < 0 ? undefined : values[at]));
}

/** Whether an AUTO_INCREMENT column that is given this value, or none, gets its id from the server. */
export function isGenerated(work: Work, value: Range | undefined): boolean {
  const text = value ? work.text(value) : "DEFAULT";
  return /^(?:NULL|DEFAULT)$/i.test(text) || (work.session.settings.zeroGenerates && /^'?0'?$/.test(text));
}

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
