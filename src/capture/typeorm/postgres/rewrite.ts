/**
 * Rewrites one changing statement so that it tells its rows: the same statement, with text put in and nothing
 * taken out, and proved by its parse.
 *
 * - INSERT and DELETE: the row as JSON in RETURNING.
 * - UPDATE of one table, and ON CONFLICT DO UPDATE: WHERE leaves the row that it looks at in a setting that lasts
 *   until the end of the transaction, and RETURNING, which follows row by row, reads it.
 * - UPDATE that joins or has a subselect in its WHERE: the rows are first locked and read by a subselect with the
 *   statement's own WHERE, then joined by primary key. Never by ctid: under contention that loses the
 *   application's updates.
 * - From PostgreSQL 18 on, RETURNING gives the old row itself.
 *
 * @module
 */
import type { Node, RawStmt } from "libpg-query";
import { Clauses } from "./clauses.js";
import { quoted, quotedTable } from "./names.js";
import type { SqlParser, Token } from "./parser.js";
import type { RowStatement, Verb } from "./read.js";
import { sliceBytes, splice, type Insertion } from "./splice.js";
import { andWith, innerSelect, selectOf, subselectWith, withAnd } from "./tree-parts.js";
import { sameTree, walk } from "./tree.js";

/** What a rewriting must know of the table. */
export interface RewriteFacts {
  /** The columns of a key that no two rows share and that is never NULL, with its equality. */
  readonly key: readonly { readonly column: string; readonly equals: string }[];
  /** True if the statement may change a column that a foreign key could refer to. */
  readonly changesKey: boolean;
  /** Rows of partitioned tables have no xmax to read. */
  readonly partitioned: boolean;
  /** PostgreSQL 18 and later. */
  readonly returnsOld: boolean;
}

/** A statement that tells its rows in columns whose names begin with `MARK`. */
export interface Rewrite {
  readonly text: string;
  readonly insertions: readonly Insertion[];
}

/** What all our names in a statement begin with. A text that holds it is left alone. */
export const MARK = "~audit";
export const OLD_ROW = `${MARK}_old`;
export const NEW_ROW = `${MARK}_new`;

const SETTING = "'activity_audit.before'";
/** Of upserts to partitioned tables: empty but between the WHERE and the RETURNING of one row. */
const CONFLICT_SETTING = "'activity_audit.conflict'";

/**
 * The text with these of its statements rewritten, or `null` if that cannot be proved to be the same otherwise.
 *
 * @param forms - for each statement of the text, what is known of its table, or `null` to leave it as it is
 */
export function rewrite(
  parser: SqlParser,
  sql: string,
  statements: readonly RawStmt[],
  forms: readonly ({ statement: RowStatement; facts: RewriteFacts } | null)[],
): Rewrite | null {
  if (sql.includes(MARK)) return null;
  try {
    const tokens = parser.tokens(sql);
    const edits = forms.map((form) => (form ? edit(parser, sql, tokens, form.statement, form.facts) : null));
    const insertions = edits.flatMap((one) => one?.insertions ?? []);
    const text = splice(sql, insertions);
    const expected = statements.map((raw, index) => edits[index]?.expected ?? raw.stmt);
    const proved = sameTree(
      parser.parse(text).map((raw) => raw.stmt),
      expected,
    );
    return proved ? { text, insertions } : null;
  } catch {
    // A text whose clauses we misread does not parse; it is run as it is.
    return null;
  }
}

/** Insertions into the text, and the tree that must come of them. */
interface Edit {
  readonly insertions: readonly Insertion[];
  readonly expected: Node;
}

function edit(
  parser: SqlParser,
  sql: string,
  tokens: readonly Token[],
  statement: RowStatement,
  facts: RewriteFacts,
): Edit {
  const context: EditContext = { parser, sql, statement, facts, clauses: new Clauses(tokens, statement.raw) };
  if (statement.verb === "delete") return returning(context, statement.node, [], [oldRow(context)]);
  if (statement.verb === "insert") return editInsert(context);
  if (facts.returnsOld)
    return returning(context, statement.node, [], [rowOf("old", OLD_ROW), rowOf("new", NEW_ROW)]);
  return editUpdate(context);
}

interface EditContext {
  readonly parser: SqlParser;
  readonly sql: string;
  readonly statement: RowStatement;
  readonly facts: RewriteFacts;
  readonly clauses: Clauses;
}

function oldRow({ statement }: EditContext): string {
  return rowOf(referenceOf(statement), OLD_ROW);
}

/** Adds expressions to RETURNING, and closes the edit. */
function returning(
  { parser, clauses, statement }: EditContext,
  node: RowStatement["node"],
  before: readonly Insertion[],
  expressions: readonly string[],
): Edit {
  const list = expressions.join(", ");
  const given = node.returningClause?.exprs;
  const text = given ? `, ${list}` : ` RETURNING ${list}`;
  const exprs = [...(given ?? []), ...selectOf(parser, `SELECT ${list}`).targetList];
  return {
    insertions: [...before, { at: clauses.end, text }],
    expected: { [nodeTypes[statement.verb]]: { ...node, returningClause: { exprs } } } as unknown as Node,
  };
}

const nodeTypes: Record<Verb, string> = { insert: "InsertStmt", update: "UpdateStmt", delete: "DeleteStmt" };

function editInsert(context: EditContext): Edit {
  const { statement, facts, clauses } = context;
  const { node } = statement;
  const reference = referenceOf(statement);
  const conflict = node.onConflictClause;
  if (conflict?.action !== "ONCONFLICT_UPDATE") {
    return returning(context, node, [], [rowOf(reference, NEW_ROW)]);
  }
  if (facts.returnsOld) return returning(context, node, [], [rowOf("old", OLD_ROW), rowOf("new", NEW_ROW)]);

  const update = clauses.find("UPDATE", clauses.find("DO", clauses.indexAt(conflict.location ?? 0)));
  const keep = facts.partitioned ? keepingLast : keeping;
  const { insertions, whereClause } = keep(context, conflict.whereClause, update);
  const changed = { ...node, onConflictClause: { ...conflict, whereClause } };
  return returning(context, changed as RowStatement["node"], insertions, upsertRows(reference, facts));
}

/** A WHERE that also leaves the row in the setting. */
function keeping(
  { statement, clauses, parser }: EditContext,
  given: Node | undefined,
  from = 0,
): { insertions: readonly Insertion[]; whereClause: Node | undefined } {
  const row = `pg_catalog.row_to_json(${referenceOf(statement)}.*)::pg_catalog.text`;
  const keep = `pg_catalog.set_config(${SETTING}, ${row}, true) IS NOT NULL`;
  const end = clauses.endBefore(clauses.find("RETURNING", from));
  if (!given) {
    const { whereClause } = selectOf(parser, `SELECT WHERE ${keep}`);
    return { insertions: [{ at: end, text: ` WHERE ${keep}` }], whereClause };
  }
  const insertions = [
    { at: clauses.endOf(clauses.find("WHERE", from)), text: ` ${keep} AND (` },
    { at: end, text: ")" },
  ];
  return { insertions, whereClause: andWith(parser, keep, given) };
}

/** The same, but only for a row that is going to be changed: ON CONFLICT takes a WHERE apart in its own order. */
function keepingLast(
  { statement, clauses, parser }: EditContext,
  given: Node | undefined,
  from: number,
): { insertions: readonly Insertion[]; whereClause: Node | undefined } {
  const row = `pg_catalog.row_to_json(${referenceOf(statement)}.*)::pg_catalog.text`;
  const keep = `pg_catalog.set_config(${CONFLICT_SETTING}, ${row}, true) IS NOT NULL`;
  const end = clauses.endBefore(clauses.find("RETURNING", from));
  const { whereClause } = selectOf(parser, `SELECT WHERE ${keep}`);
  if (!given) return { insertions: [{ at: end, text: ` WHERE ${keep}` }], whereClause };
  const insertions = [
    { at: clauses.endOf(clauses.find("WHERE", from)), text: " (" },
    { at: end, text: `) AND ${keep}` },
  ];
  return { insertions, whereClause: withAnd(given, whereClause!) };
}

/** What the setting holds when RETURNING looks. */
const kept = `pg_catalog.current_setting(${SETTING}, true)`;

/** Which row was there before: none, if xmax says that this one was inserted. */
function upsertRows(reference: string, { partitioned }: RewriteFacts): string[] {
  if (!partitioned) {
    const old = `CASE WHEN ${reference}.xmax::pg_catalog.text <> '0' THEN ${kept} END AS ${quoted(OLD_ROW)}`;
    return [old, rowOf(reference, NEW_ROW)];
  }
  return [
    `NULLIF(pg_catalog.current_setting(${CONFLICT_SETTING}, true), '') AS ${quoted(OLD_ROW)}`,
    rowOf(reference, NEW_ROW),
    // Read above, and emptied for the next row, which may be an inserted one.
    `pg_catalog.set_config(${CONFLICT_SETTING}, '', true) AS ${quoted(`${MARK}_done`)}`,
  ];
}

/**
 * True if the rows of an UPDATE come one by one from a scan of its table: each is changed before the scan goes on to the
 * next, so that the setting holds its own image. A join or a subselect may read ahead, and so may partitions that are
 * foreign tables.
 *
 * A row that another transaction has changed meanwhile is locked, and WHERE is evaluated again on its newest version: that
 * is the image that stays.
 */
export function scansOneTable({ node, verb }: RowStatement, partitioned: boolean): boolean {
  if (verb !== "update" || node.fromClause !== undefined || partitioned) return false;
  let subselects = 0;
  walk({ where: node.whereClause }, (type) => {
    if (type === "SubLink") subselects += 1;
  });
  return subselects === 0;
}

function editUpdate(context: EditContext): Edit {
  const { statement, facts, clauses, parser } = context;
  const { node } = statement;
  const reference = referenceOf(statement);
  if (scansOneTable(statement, facts.partitioned)) {
    const { insertions, whereClause } = keeping(context, node.whereClause);
    const changed = { ...node, whereClause } as RowStatement["node"];
    return returning(context, changed, insertions, [
      `${kept} AS ${quoted(OLD_ROW)}`,
      rowOf(reference, NEW_ROW),
    ]);
  }
  if (facts.key.length === 0) throw new Error("An UPDATE needs a key to find its rows by.");
  const columns = facts.key.map(
    ({ column }, index) => `${reference}.${quoted(column)} AS ${quoted(`${MARK}_${index}`)}`,
  );
  const matches = facts.key.map(
    ({ column, equals }, index) =>
      `${reference}.${quoted(column)} ${equals} ${quoted(MARK)}.${quoted(`${MARK}_${index}`)}`,
  );
  const parts: UpdateParts = {
    select: `(SELECT ${columns.join(", ")}, ${rowOf(reference, OLD_ROW)} FROM ${relationOf(statement)}`,
    // As strong as the lock that the UPDATE itself takes: a stronger one would hold up, and deadlock with,
    // the inserts of rows that refer to these.
    lock: facts.changesKey ? " FOR UPDATE" : " FOR NO KEY UPDATE",
    match: matches.join(" AND "),
    returning: clauses.find("RETURNING"),
    where: clauses.find("WHERE"),
  };
  const { insertions, fromClause, whereClause } = node.fromClause
    ? joinedUpdate(context, parts)
    : plainUpdate(context, parts);
  const changed = { ...node, fromClause, whereClause } as unknown as RowStatement["node"];
  const old = `${quoted(MARK)}.${quoted(OLD_ROW)} AS ${quoted(OLD_ROW)}`;
  return returning({ ...context, parser }, changed, insertions, [old, rowOf(reference, NEW_ROW)]);
}

interface UpdateParts {
  readonly select: string;
  readonly lock: string;
  readonly match: string;
  readonly returning: number;
  readonly where: number;
}

interface UpdateEdit {
  readonly insertions: readonly Insertion[];
  readonly fromClause: readonly Node[];
  readonly whereClause: unknown;
}

/** The WHERE moves into the subselect, so that it is evaluated once a row, as before. */
function plainUpdate({ clauses, parser, statement }: EditContext, parts: UpdateParts): UpdateEdit {
  const { select, lock, match, where, returning: end } = parts;
  const open = ` FROM ${select}`;
  const close = `${lock}) AS ${quoted(MARK)} WHERE ${match}`;
  const insertions =
    where < 0
      ? [{ at: clauses.endBefore(end), text: open + close }]
      : [
          { at: clauses.endBefore(where), text: open },
          { at: clauses.endBefore(end), text: close },
        ];
  const pattern = selectOf(parser, `SELECT${open}${close}`);
  return {
    insertions,
    fromClause: [subselectWith(pattern.fromClause[0], { whereClause: statement.node.whereClause })],
    whereClause: pattern.whereClause,
  };
}

/** With tables of its own in FROM, the statement needs them both in the subselect and outside. */
function joinedUpdate({ clauses, parser, sql, statement }: EditContext, parts: UpdateParts): UpdateEdit {
  const { select, match, where, returning: end } = parts;
  const { node } = statement;
  const lock = `${parts.lock} OF ${quoted(node.relation?.alias?.aliasname ?? node.relation?.relname ?? "")}`;
  const close = `${lock}) AS ${quoted(MARK)}`;
  const fromEnd = clauses.endBefore(where < 0 ? end : where);
  const from = sliceBytes(sql, clauses.startOf(clauses.find("FROM") + 1), fromEnd);
  const whereEnd = clauses.endBefore(end);
  const condition = where < 0 ? "" : ` WHERE ${sliceBytes(sql, clauses.startOf(where + 1), whereEnd)}`;
  const open = `, ${select}, ${from}${condition}${close}`;
  const insertions =
    where < 0
      ? [{ at: fromEnd, text: `${open} WHERE ${match}` }]
      : [
          { at: fromEnd, text: open },
          { at: clauses.endOf(where), text: ` ${match} AND (` },
          { at: whereEnd, text: ")" },
        ];
  const pattern = selectOf(parser, `SELECT FROM ${select}${close} WHERE ${match}`);
  const relation = innerSelect(pattern.fromClause[0]).fromClause ?? [];
  const own = node.fromClause ?? [];
  const inner = subselectWith(pattern.fromClause[0], {
    whereClause: node.whereClause,
    fromClause: [...relation, ...own],
  });
  return {
    insertions,
    fromClause: [...own, inner],
    whereClause: node.whereClause ? andWith(parser, match, node.whereClause) : pattern.whereClause,
  };
}

/* Names and rows in SQL. */

/** How the statement's own expressions refer to its table. */
function referenceOf({ node }: RowStatement): string {
  return quoted(node.relation?.alias?.aliasname ?? node.relation?.relname ?? "");
}

/** The statement's table under the same name, so that its WHERE reads the same in a subselect. */
function relationOf({ node, table }: RowStatement): string {
  const name = quotedTable(table);
  const alias = node.relation?.alias?.aliasname;
  return alias ? `${name} AS ${quoted(alias)}` : name;
}

/* No cast to text: on the wire it is the same, and takes less of the server.
   `row_to_json`, not `to_jsonb`: it takes json columns as they stand, and cannot fail on what jsonb refuses.
   `t.*`, not `t`: the latter is a column, if there is one of that name. */
function rowOf(reference: string, name: string): string {
  return `pg_catalog.row_to_json(${reference}.*) AS ${quoted(name)}`;
}
