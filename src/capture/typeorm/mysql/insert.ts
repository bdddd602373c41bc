/**
 * INSERT and upsert by RETURNING: no query is added, and the row is as it was stored.
 *
 * An upsert tells the row before in a session variable, which the first assignment behind
 * ON DUPLICATE KEY UPDATE sets and RETURNING reads and clears, row by row. So a row that was inserted is told
 * from one that was updated even where one statement meets the same key twice.
 *
 * @module
 */
import { FIRST_ROWS } from "../bulk.js";
import type { RowChange } from "../family.js";
import { followers } from "./cascade.js";
import { quote } from "./catalog.js";
import {
  arrayExpression,
  asBytes,
  imageOf,
  imagesOf,
  isReassignable,
  isUnchanged,
  lengthExpression,
  namesOf,
  returningList,
  type Raw,
} from "./image.js";
import { idOf, infoOf, withHeader } from "./header.js";
import { insertLocked, isGenerated, namesGiven } from "./insert-locked.js";
import type { InsertStatement } from "./statement.js";
import { rawRows, type Answer, type Header } from "./wire.js";
import { EXTRA, variables } from "./names.js";
import { isRewriteError, type Done, type Work } from "./work.js";

const ROW = variables.row;

/** Runs an INSERT or REPLACE and tells its rows. */
export async function runInsert(work: Work, statement: InsertStatement): Promise<Done> {
  const like = work.session.header;
  const sql = like && work.session.settings.returning ? withReturning(work, statement) : null;
  if (sql === null || !like) return insertLocked(work, statement);
  if (statement.returning) {
    const answer = await work.runWithExtra(sql);
    if (answer.error) return isRewriteError(answer.error) ? work.asItIs() : { answer, changes: [] };
    return { answer, changes: tell(work, statement, answer.extra).changes };
  }
  // The rows of a query may be more than can be held; their ids, if they have any, are generated, from the first one on.
  const room = statement.rows === null && !statement.onDuplicate ? work.room : undefined;
  const answer = await work.run(sql, rawRows, room);
  if (answer.error)
    return isRewriteError(answer.error) ? insertLocked(work, statement) : { answer, changes: [] };
  return told(work, statement, answer, like);
}

/** `null` where RETURNING would not do, or could not be put in. */
function withReturning(work: Work, statement: InsertStatement): string | null {
  const { table, tokens } = work;
  const { onDuplicate } = statement;
  if (!statement.plain || statement.verb === "REPLACE") return null;
  if (statement.returning ? !work.takesExtra : !knowsInsertId(work, statement)) return null;
  // LAST_INSERT_ID(x) gives the statement another insertId than its rows have.
  if (!statement.returning && namesFunction(work, "LAST_INSERT_ID")) return null;
  // How many rows a query gave is said in `info` only, and IGNORE leaves some of them out.
  if (!statement.returning && statement.ignore && statement.rows === null) return null;
  const columns = returningList(table, work.session.settings, statement.returning);
  const intro = statement.returning ? "," : "RETURNING";
  const last = tokens.list.at(-1)!;
  if (!onDuplicate) return work.splice([{ after: last, text: `${intro} ${columns}` }]);
  // What follows a row to another key must be read before.
  if (
    followers(
      work,
      table,
      onDuplicate.columns.map(({ name }) => name),
    ).length > 0
  )
    return null;
  const assigned = onDuplicate.columns.find(({ name }) => isReassignable(table, name));
  if (!work.session.settings.variables || !assigned || namesFunction(work, "LAST_INSERT_ID")) return null;
  return work.splice([
    { after: onDuplicate.intro, text: `${rememberRow(work, assigned.name)},` },
    {
      after: last,
      text: `${intro} ${columns}, ${asBytes(`${ROW} := ${ROW}`)} AS ${EXTRA}row, (${ROW} := NULL) AS ${EXTRA}cleared`,
    },
  ]);
}

/** An assignment that leaves its column as it is, and the row in the variable. */
function rememberRow({ table, session }: Work, assigned: string): string {
  const column = `${quote(table.ref.name)}.${quote(assigned)}`;
  const length = lengthExpression(table, namesOf(table));
  const row = arrayExpression(table, namesOf(table));
  // An empty text stands for a row that is too long to be remembered.
  const kept = `IF(${length} > ${session.settings.variableBytes}, '', ${row})`;
  return `${column} = IF((${ROW} := ${kept}) IS NULL, ${column}, ${column})`;
}

/** Whether `insertId` can be read off the rows: it depends on which ids were generated. */
function knowsInsertId(work: Work, statement: InsertStatement): boolean {
  const generated = work.table.columns.find(({ autoIncrement }) => autoIncrement);
  if (!generated) return true;
  return !idsGiven(work, statement, generated.name).includes(undefined);
}

/**
 * For each row the id that it is given: text, or `null` if it is generated, or `undefined` if that cannot be
 * said. For no row at all if the statement gives none.
 */
function idsGiven(work: Work, statement: InsertStatement, name: string): (string | null | undefined)[] {
  const at = namesGiven(work, statement).indexOf(name.toLowerCase());
  if (at < 0) return [];
  if (statement.rows === null) return [undefined];
  return statement.rows.map((values) => {
    if (isGenerated(work, values[at])) return null;
    const text = work.text(values[at]!);
    return /^(?:\d+|'\d+')$/.test(text) ? text.replaceAll("'", "") : undefined;
  });
}

const namesFunction = ({ tokens }: Work, name: string): boolean =>
  tokens.list.some(({ kind, text }) => kind === "word" && text === name);

interface Tally {
  readonly changes: RowChange[];
  readonly inserted: (readonly Raw[])[];
  updated: number;
  unchanged: number;
}

/** What each returned row was: inserted, updated, or found and left as it is. */
function tell(work: Work, statement: InsertStatement, rows: readonly (readonly Raw[])[]): Tally {
  const { table } = work;
  const names = namesOf(table);
  const tally: Tally = { changes: [], inserted: [], updated: 0, unchanged: 0 };
  for (const row of rows) {
    const after = imageOf(table, names, row);
    const remembered = statement.onDuplicate ? (row[names.length] ?? null) : null;
    if (remembered === null) {
      tally.inserted.push(row);
      tally.changes.push(work.inserted(after));
      continue;
    }
    const [before] = imagesOf(table, names, remembered);
    if (before && isUnchanged(table, statement.onDuplicate, before, after)) {
      tally.unchanged += 1;
      continue;
    }
    tally.updated += 1;
    tally.changes.push(
      before ? work.updated(before, after) : work.opaque(1, { verb: "update", first: [after] }),
    );
  }
  return tally;
}

function told(work: Work, statement: InsertStatement, answer: Answer, like: Header): Done {
  const rows = answer.rows as Raw[][];
  const { dropped } = answer;
  const { changes, inserted, updated, unchanged } = tell(work, statement, rows);
  const records = statement.rows?.length ?? rows.length + dropped;
  const found = work.session.countsFound ? unchanged : 0;
  const duplicates = statement.onDuplicate ? updated + found : records - inserted.length - dropped;
  const counts = {
    affectedRows: inserted.length + dropped + 2 * updated + found,
    insertId: insertId(work, statement, rows, inserted, updated),
    info: infoOf(records, duplicates, answer.warnings, statement.rows === null),
  };
  const first = changes.slice(0, FIRST_ROWS).map(({ after }) => after!);
  const all = dropped > 0 ? [work.opaque(records, { verb: "insert", first })] : changes;
  return { answer: withHeader(answer, like, counts), changes: all };
}

/** The first id that was generated; if none was, the id of the last row that changed. */
function insertId(
  work: Work,
  statement: InsertStatement,
  rows: readonly (readonly Raw[])[],
  inserted: readonly (readonly Raw[])[],
  updated: number,
): number | string {
  const { table } = work;
  const at = table.columns.findIndex(({ autoIncrement }) => autoIncrement);
  if (at < 0) return 0;
  const given = idsGiven(work, statement, table.columns[at]!.name);
  const generated = inserted.find((row) => !given.includes(row[at]?.toString("utf8")));
  if (generated) return idOf(generated[at]);
  return inserted.length + updated > 0 ? idOf(rows.at(-1)?.[at]) : 0;
}
