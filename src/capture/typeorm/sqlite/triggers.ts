/**
 * The SQL of our TEMP triggers.
 *
 * They live in the TEMP schema of one connection: nothing of them is in the database file, and what they
 * write is rolled back with the application's transaction and savepoints.
 *
 * @module
 */
import { listOf, literalOf } from "./literal.js";

/** Where the triggers write. */
export const CHANGES = "activity_audit_changes";
/** Rows that an `INSERT OR REPLACE` may be about to delete. */
export const CANDIDATES = "activity_audit_candidates";
/** How the names of all our TEMP objects begin. */
export const PREFIX = "activity_audit_";

export const createChanges =
  `CREATE TEMP TABLE IF NOT EXISTS ${CHANGES} ` +
  `(seq INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, op TEXT NOT NULL, old TEXT, new TEXT)`;
export const createCandidates =
  `CREATE TEMP TABLE IF NOT EXISTS ${CANDIDATES} ` +
  `(seq INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, row, old TEXT NOT NULL)`;

/** A unique key: each column with the collation by which it is compared. */
export type UniqueKey = readonly { readonly column: string; readonly collation: string }[];

/** A table as it was when its triggers were made. Another shape is another table, with another number. */
export interface CapturedTable {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key, in its order. */
  readonly primary: readonly string[];
  /** What names a row: `rowid` under a name that no column has taken, or `null` for WITHOUT ROWID. */
  readonly rowid: string | null;
  readonly unique: readonly UniqueKey[];
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Functions of ours that the triggers call where there is an outbox. */
export const RECORD = "activity_audit_record";
export const NEW_ID = "activity_audit_id";
export const TAKES_FROM = "activity_audit_takes_from";
export const TAKES = "activity_audit_takes";
export const STALE_ID = "activity_audit_stale_id";
export const TEXT = "activity_audit_text";

/** Where a trigger writes: into the TEMP table, or, finished records, into the outbox. */
export interface Destination {
  readonly suffix: string;
  /** @param from - what follows SELECT's list, for values that come from a table */
  insert(tbl: string, op: string, before: string, after: string, from?: string): string;
  /** What follows the last of them in a trigger. */
  readonly end: string;
}

export const intoChanges: Destination = {
  suffix: "",
  insert: (tbl, op, before, after, from = "") =>
    `INSERT INTO ${CHANGES}(tbl,op,old,new) SELECT ${tbl},'${op}',${before},${after}${from};`,
  end: "",
};

/*
 * The LIMIT keeps SQLite from putting the call into WHERE as well, and so from making each record twice.
 * UPDATE, not INSERT OR REPLACE: in a trigger, the OR of the application's statement would hold in place of ours.
 */
export const intoOutbox = (table: string): Destination => ({
  suffix: "_outbox",
  insert: (tbl, op, before, after, from = "") =>
    `INSERT INTO ${quoted(table)}(id,records) SELECT ${NEW_ID}(),r FROM (` +
    `SELECT ${RECORD}(${tbl},'${op}',${before},${after}) AS r${from} LIMIT -1) WHERE r IS NOT NULL;`,
  end:
    `DELETE FROM ${quoted(table)} WHERE id>=${TAKES_FROM}() AND ${TAKES}(id) IS NOT NULL;` +
    `UPDATE ${quoted(table)} SET records=coalesce(${TEXT}(),records) WHERE id=${STALE_ID}();`,
});

interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/** The triggers of one table; with `replace`, those that see rows deleted by `OR REPLACE` too. */
export function triggersOf(table: CapturedTable, replace: boolean, into: Destination): Trigger[] {
  const { id } = table;
  const image = (row: string): string =>
    listOf(table.columns.map((column) => literalOf(`${row}.${quoted(column)}`)));
  const record = (op: string, before: string, after: string): string =>
    into.insert(String(id), op, before, after) + into.end;
  const confirm = replace ? confirmCandidates(table, into) : "";
  const trigger = (suffix: string, when: string, body: string): Trigger => {
    const name = `${PREFIX}${id}_${suffix}${replace ? "_replace" : ""}${into.suffix}`;
    const on = `${quoted(table.schema)}.${quoted(table.name)}`;
    return { name, sql: `CREATE TEMP TRIGGER ${quoted(name)} ${when} ON ${on} BEGIN ${body} END` };
  };
  const triggers = [
    trigger("insert", "AFTER INSERT", confirm + record("i", "NULL", image("NEW"))),
    trigger("update", "AFTER UPDATE", confirm + record("u", image("OLD"), image("NEW"))),
    trigger("delete", "AFTER DELETE", record("d", image("OLD"), "NULL")),
  ];
  if (!replace) return triggers;
  const another = ` AND ${rowOf(table, "x")} IS NOT ${rowOf(table, "OLD")}`;
  return [
    ...triggers,
    trigger("before_insert", "BEFORE INSERT", findCandidates(table, image("x"), "")),
    trigger("before_update", "BEFORE UPDATE", findCandidates(table, image("x"), another)),
  ];
}

/** What tells one row of the table from another. */
function rowOf(table: CapturedTable, row: string): string {
  if (table.rowid !== null) return `${row}.${table.rowid}`;
  return listOf(table.primary.map((column) => literalOf(`${row}.${quoted(column)}`)));
}

/*
 * OR REPLACE deletes the rows that are in the way without firing delete triggers (unless recursive_triggers
 * is on, which would change the application's own triggers too). So: note before what might be in the way,
 * and see after which of it is gone. A note of a statement that replaced nothing is dropped at the next.
 */
function findCandidates(table: CapturedTable, image: string, extra: string): string {
  const keys = table.unique.map((key) =>
    key
      .map(({ column, collation }) => `x.${quoted(column)}=NEW.${quoted(column)} COLLATE ${collation}`)
      .join(" AND "),
  );
  if (table.rowid !== null) keys.push(`x.${table.rowid}=NEW.${table.rowid}`);
  const inTheWay = keys.map((key) => `(${key})`).join(" OR ") || "0";
  return (
    `DELETE FROM ${CANDIDATES} WHERE tbl=${table.id};` +
    `INSERT INTO ${CANDIDATES}(tbl,row,old) SELECT ${table.id},${rowOf(table, "x")},${image} ` +
    `FROM ${quoted(table.schema)}.${quoted(table.name)} AS x WHERE (${inTheWay})${extra};`
  );
}

function confirmCandidates(table: CapturedTable, into: Destination): string {
  const gone =
    ` FROM ${CANDIDATES} AS c WHERE c.tbl=${table.id} AND (c.row IS ${rowOf(table, "NEW")} OR NOT EXISTS(` +
    `SELECT 1 FROM ${quoted(table.schema)}.${quoted(table.name)} AS x WHERE ${rowOf(table, "x")}=c.row)) ORDER BY c.seq`;
  return (
    into.insert("c.tbl", "d", "c.old", "NULL", gone) + `DELETE FROM ${CANDIDATES} WHERE tbl=${table.id};`
  );
}
