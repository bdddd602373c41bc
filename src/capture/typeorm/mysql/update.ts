/**
 * UPDATE: the rows before and after, out of the statement itself.
 *
 * MariaDB assigns from left to right, and takes a column twice. So one assignment put before the SET list leaves
 * the row as it was in a session variable, and one behind it the row as it is now, under the statement's own
 * locks; WHERE, ORDER BY, LIMIT and the rows they find stay as they are. Where the server still changes the row
 * after that (trigger, ON UPDATE, generated column), it is read again by its key. Elsewhere the rows are locked
 * and read before, and read again by their keys after.
 *
 * @module
 */
import type { ColumnImage, RowChange } from "../family.js";
import { FIRST_ROWS } from "../bulk.js";
import { cascadeOfUpdate, followers } from "./cascade.js";
import { quote, type ChildKey } from "./catalog.js";
import {
  arrayExpression,
  asBytes,
  imagesOf,
  isReassignable,
  isUnchanged,
  keyText,
  lengthExpression,
  namesOf,
} from "./image.js";
import { lockedMatches, rowsByKey } from "./keyed.js";
import { variables } from "./names.js";
import type { UpdateStatement } from "./statement.js";
import { isRewriteError, type Done, type Work } from "./work.js";

const { rows: COUNT, old: OLD, now: NEW } = variables;
const CLEAR = `${COUNT} := NULL, ${OLD} := NULL, ${NEW} := NULL`;

/** Runs an UPDATE and tells its rows. */
export async function runUpdate(work: Work, statement: UpdateStatement): Promise<Done> {
  const { table, session } = work;
  if (session.full || !statement.plain) return work.asItIs();
  const assigned = new Set(statement.set.columns.map(({ name }) => name.toLowerCase()));
  const keyChanges = table.primary.some((name) => assigned.has(name.toLowerCase()));
  // A row that IGNORE leaves alone has not the key that it was to get; another row may have it.
  if (statement.ignore && keyChanges) return work.asItIs();
  const children = followers(work, table, assigned);
  const complete = isComplete(work, statement, assigned);
  const sql = session.settings.variables && !hasQuery(work) ? withVariables(work, statement, complete) : null;
  if (sql === null) return locked(work, statement, keyChanges, children);
  if (complete && children.length === 0) return remembered(work, statement, sql, true);
  if (!complete && table.primary.length === 0) return work.asItIs();
  return work.atomically(async () => {
    const rows = children.length > 0 ? await lockedMatches(work, statement) : [];
    const followed = await cascadeOfUpdate(work, children, rows);
    const done = await remembered(work, statement, sql, complete);
    return done.answer.error ? done : { ...done, changes: [...done.changes, ...followed(done.changes)] };
  });
}

/**
 * A query inside, of the table itself for example, can make MariaDB gather the new values first and store them afterwards
 * (as in UPDATE of several tables): then each assignment sees the row as it was, and ours, put behind the application's,
 * would undo it.
 */
const hasQuery = ({ tokens }: Work): boolean =>
  tokens.list.some(
    ({ kind, text }) => kind === "word" && (text === "SELECT" || text === "TABLE" || text === "VALUES"),
  );

/** Whether the row is final once the SET list is done. */
function isComplete({ table }: Work, statement: UpdateStatement, assigned: Set<string>): boolean {
  const later = table.columns.some(
    ({ name, generated, onUpdate }) => generated || (onUpdate && !assigned.has(name.toLowerCase())),
  );
  return !later && !statement.ignore && !table.before.update;
}

function withVariables(work: Work, statement: UpdateStatement, complete: boolean): string | null {
  const { table, session } = work;
  const { set } = statement;
  const assigned = set.columns.find(({ name }) => isReassignable(table, name));
  if (!assigned) return null;
  const column = `${quote(statement.alias ?? table.ref.name)}.${quote(assigned.name)}`;
  const names = namesOf(table);
  const before = arrayExpression(table, names);
  const after = arrayExpression(table, complete ? names : table.primary);
  const grown = (variable: string): string =>
    `IFNULL(LENGTH(${variable}), 0) + ${lengthExpression(table, names)} > ${session.settings.variableBytes}`;
  const append = (variable: string, row: string): string =>
    `IF(${COUNT} > ${session.limits.maxRowsPerStatement}, ${column}, IF(${grown(variable)}, ${column}, IF((${variable} := CONCAT_WS(',', ${variable}, ${row})) IS NULL, ${column}, ${column})))`;
  const count = `IF((${COUNT} := IFNULL(${COUNT}, 0) + 1) IS NULL, ${column}, ${append(OLD, before)})`;
  return work.splice([
    { after: set.intro, text: `${column} = ${count},` },
    { after: set.last, text: `, ${column} = ${append(NEW, after)}` },
  ]);
}

async function remembered(
  work: Work,
  statement: UpdateStatement,
  sql: string,
  complete: boolean,
): Promise<Done> {
  const { table } = work;
  const answer = await work.run(sql);
  if (answer.error) {
    await work.session.ask(`SELECT ${CLEAR}`);
    return isRewriteError(answer.error) ? work.asItIs() : { answer, changes: [] };
  }
  const changed = answer.headers.at(-1)?.changedRows ?? null;
  const [row] = await work.rows(`SELECT ${COUNT}, ${asBytes(OLD)}, ${asBytes(NEW)}, ${CLEAR}`);
  const count = Number(row?.[0]?.toString() ?? 0);
  if (count === 0 && changed === 0) return { answer, changes: [] };
  const before = imagesOf(table, namesOf(table), row?.[1] ?? null);
  const first = before.slice(0, FIRST_ROWS);
  const many = (): Done => ({
    answer,
    changes: changed === 0 ? [] : [work.opaque(changed ?? count, { verb: "update", first })],
  });
  if (before.length !== count) return many();
  const after = imagesOf(table, complete ? namesOf(table) : table.primary, row?.[2] ?? null);
  if (after.length !== count) return many();
  if (complete) return { answer, changes: pairs(work, statement, before, after) };
  return { answer, changes: await pairsReadAgain(work, statement, before, after) };
}

/** The pairs, with the rows as they are now under `keys`, in the order of `before`. */
async function pairsReadAgain(
  work: Work,
  statement: UpdateStatement,
  before: readonly ColumnImage[],
  keys: readonly ColumnImage[],
): Promise<RowChange[]> {
  const { table } = work;
  const read = await rowsByKey(work, table, keys);
  const after = keys.map((key) => read.get(keyText(table.primary, key)));
  return pairs(work, statement, before, after);
}

/** Rows that did not change are left out. A row that is gone was taken by a trigger, or never changed. */
function pairs(
  work: Work,
  statement: UpdateStatement,
  before: readonly ColumnImage[],
  after: readonly (ColumnImage | undefined)[],
): RowChange[] {
  return before.flatMap((old, index) => {
    const now = after[index];
    return !now || isUnchanged(work.table, statement.set, old, now) ? [] : [work.updated(old, now)];
  });
}

/** Locks and reads the rows first, and reads them again by their keys. */
async function locked(
  work: Work,
  statement: UpdateStatement,
  keyChanges: boolean,
  children: readonly ChildKey[],
): Promise<Done> {
  const { table } = work;
  if (table.primary.length === 0 || keyChanges) return work.asItIs();
  return work.atomically(async () => {
    const before = await lockedMatches(work, statement);
    const followed = await cascadeOfUpdate(work, children, before);
    const answer = await work.run();
    if (answer.error) return { answer, changes: [] };
    const changed = answer.headers.at(-1)?.changedRows ?? null;
    // Under READ COMMITTED a row may come in between the two: then the rows are not known.
    const matched = /matched:\s*(\d+)/i.exec(answer.headers.at(-1)?.info ?? "")?.[1];
    if (matched !== undefined && Number(matched) !== before.length) {
      const first = before.slice(0, FIRST_ROWS);
      return { answer, changes: changed === 0 ? [] : [work.opaque(changed, { verb: "update", first })] };
    }
    const changes = await pairsReadAgain(work, statement, before, before);
    return { answer, changes: [...changes, ...followed(changes)] };
  });
}
