/**
 * What a statement is: its verb, its table, and the places in it that capture needs.
 *
 * @module
 */
import { Reader, type Assignments, type Range, type TableRef, type Tokens } from "./reader.js";
import type { Token } from "./scan.js";

export type { Assignments, Range, TableRef, Tokens } from "./reader.js";

export interface InsertStatement {
  readonly kind: "insert";
  readonly verb: "INSERT" | "REPLACE";
  readonly table: TableRef;
  readonly ignore: boolean;
  /** `null` if the statement names none: all, in the table's order. */
  readonly columns: readonly string[] | null;
  /** The rows given, each the values' ranges; `null` where they come from a query. */
  readonly rows: readonly (readonly Range[])[] | null;
  /** What follows ON DUPLICATE KEY UPDATE. */
  readonly onDuplicate: Assignments | null;
  /** It has a RETURNING of its own. */
  readonly returning: boolean;
  /** False for a form that is not known. */
  readonly plain: boolean;
}

export interface UpdateStatement {
  readonly kind: "update";
  readonly table: TableRef;
  readonly alias: string | null;
  readonly ignore: boolean;
  readonly set: Assignments;
  /** The table reference with its alias. */
  readonly from: Range;
  /** WHERE, ORDER BY and LIMIT. */
  readonly tail: Range;
  readonly plain: boolean;
}

export interface DeleteStatement {
  readonly kind: "delete";
  readonly table: TableRef;
  readonly alias: string | null;
  readonly from: Range;
  readonly tail: Range;
  readonly last: Token;
  readonly returning: boolean;
}

/** What begins or ends a transaction, or a part of one. */
export interface TransactionStatement {
  readonly kind: "begin" | "commit" | "rollback" | "savepoint" | "release" | "rollbackTo";
  readonly name: string | null;
}

/** A write whose rows cannot be told apart, and the tables that it names. */
export interface OpaqueStatement {
  readonly kind: "opaque" | "truncate";
  readonly tables: readonly TableRef[];
  /** It is a DELETE, so that foreign keys may take rows of other tables along. */
  readonly deletes?: boolean;
  /** It runs code that is not in the statement, or that was not read, and may write to any table. */
  readonly anywhere: boolean;
}

/** What could not be read. */
export const unread: OpaqueStatement = { kind: "opaque", tables: [], anywhere: true };

/** `definition` commits what is open and may change tables; `use` changes the default database. */
export interface OtherStatement {
  readonly kind: "definition" | "use" | "other";
  readonly table: TableRef | null;
  /** For CREATE TEMPORARY TABLE: the table is of this session only. */
  readonly temporary?: boolean;
  /** For DROP TABLE: all that it names. Of a temporary and a lasting one of the same name, it drops the temporary one. */
  readonly dropped?: readonly TableRef[];
  /** Set for LOCK TABLES (true) and UNLOCK TABLES (false). */
  readonly locks?: boolean;
}

export type Statement =
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | TransactionStatement
  | OpaqueStatement
  | OtherStatement;

const definitions = /^(?:CREATE|ALTER|DROP|RENAME|LOCK|UNLOCK|OPTIMIZE|REPAIR|INSTALL|GRANT|REVOKE|FLUSH)$/;
/* Run or may run code that is not in the statement. */
const programs = /^(?:CALL|EXECUTE|BEGIN|IF|CASE|LOOP|REPEAT|WHILE|FOR|DECLARE)$/;

/** Tells what one statement is. */
export function readStatement(tokens: Tokens): Statement {
  const reader = new Reader(tokens);
  const verb = reader.word(0);
  if (verb === "INSERT" || verb === "REPLACE") return readInsert(reader, verb);
  if (verb === "UPDATE") return readUpdate(reader);
  if (verb === "DELETE") return readDelete(reader);
  const control = readTransaction(reader, verb);
  if (control) return control;
  if (verb === "TRUNCATE") {
    reader.at = reader.word(1) === "TABLE" ? 2 : 1;
    return { kind: "truncate", tables: [reader.table()].filter(isTable), anywhere: false };
  }
  if (verb === "USE") return { kind: "use", table: { schema: null, name: reader.name(1) ?? "" } };
  if (definitions.test(verb)) return readDefinition(reader);
  if (verb === "ANALYZE" && reader.word(1) === "TABLE") return readDefinition(reader);
  if (programs.test(verb)) return { ...opaque(reader), anywhere: true };
  if (verb === "LOAD" || (/^(?:WITH|ANALYZE|SET)$/.test(verb) && reader.writes())) return opaque(reader);
  return { kind: "other", table: null };
}

function readTransaction(reader: Reader, verb: string): TransactionStatement | null {
  const second = reader.word(1);
  if (verb === "START" && second === "TRANSACTION") return { kind: "begin", name: null };
  if (verb === "BEGIN" && (second === "" || second === "WORK")) return { kind: "begin", name: null };
  if (verb === "XA" && second === "COMMIT") return { kind: "commit", name: null };
  if (verb === "XA" && second === "ROLLBACK") return { kind: "rollback", name: null };
  if (verb === "COMMIT") return { kind: "commit", name: null };
  if (verb === "SAVEPOINT") return { kind: "savepoint", name: reader.savepoint(1) };
  if (verb === "RELEASE" && second === "SAVEPOINT") return { kind: "release", name: reader.savepoint(2) };
  if (verb !== "ROLLBACK") return null;
  const to = second === "WORK" ? 2 : 1;
  if (reader.word(to) !== "TO") return { kind: "rollback", name: null };
  return { kind: "rollbackTo", name: reader.savepoint(to + (reader.word(to + 1) === "SAVEPOINT" ? 2 : 1)) };
}

function readDefinition(reader: Reader): OtherStatement {
  const verb = reader.word(0);
  if ((verb === "LOCK" || verb === "UNLOCK") && /^TABLES?$/.test(reader.word(1))) {
    return { kind: "definition", table: null, locks: verb === "LOCK" };
  }
  let temporary = false;
  // CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] name …
  for (; reader.at < 8 && !/^TABLES?$/.test(reader.word(reader.at)); reader.at += 1) {
    temporary ||= reader.word(reader.at) === "TEMPORARY";
  }
  if (!/^TABLES?$/.test(reader.word(reader.at))) return { kind: "definition", table: null };
  reader.at += 1;
  while (/^(?:IF|NOT|EXISTS)$/.test(reader.word(reader.at))) reader.at += 1;
  if (verb === "DROP") return { kind: "definition", table: null, dropped: tableList(reader) };
  return { kind: "definition", table: reader.table(), temporary: verb === "CREATE" && temporary };
}

function tableList(reader: Reader): TableRef[] {
  const tables: TableRef[] = [];
  for (;;) {
    const table = reader.table();
    if (table) tables.push(table);
    if (!table || reader.mark(reader.at) !== ",") return tables;
    reader.at += 1;
  }
}

const modifiers = /^(?:LOW_PRIORITY|HIGH_PRIORITY|DELAYED|QUICK|IGNORE|INTO|FROM)$/;

function skipModifiers(reader: Reader): Set<string> {
  const found = new Set<string>();
  while (modifiers.test(reader.word(reader.at))) found.add(reader.word(reader.at++));
  return found;
}

function readInsert(reader: Reader, verb: "INSERT" | "REPLACE"): Statement {
  reader.at = 1;
  const found = skipModifiers(reader);
  const table = reader.table();
  if (!table) return opaque(reader);
  let plain = !found.has("DELAYED");
  if (reader.word(reader.at) === "PARTITION") {
    plain = false;
    reader.at = reader.closing(reader.at + 1) + 1;
  }
  const duplicateAt = reader.find(["ON", "DUPLICATE", "KEY", "UPDATE"], reader.at);
  const returningAt = reader.find(["RETURNING"], reader.at);
  const behind = Math.min(duplicateAt, returningAt);
  const source = readSource(reader, behind);
  if (!source) return opaque(reader);
  const onDuplicate = duplicateAt === reader.length ? null : reader.assignments(duplicateAt + 3, returningAt);
  return {
    kind: "insert",
    verb,
    table,
    ignore: found.has("IGNORE"),
    ...source,
    onDuplicate,
    returning: returningAt !== reader.length,
    plain: plain && (onDuplicate !== null || duplicateAt === reader.length),
  };
}

function readSource(reader: Reader, behind: number): Pick<InsertStatement, "columns" | "rows"> | null {
  if (reader.word(reader.at) === "SET") {
    const set = reader.assignments(reader.at, behind);
    return (
      set && { columns: set.columns.map(({ name }) => name), rows: [reader.values(reader.at + 1, behind)] }
    );
  }
  let columns: string[] | null = null;
  if (
    reader.mark(reader.at) === "(" &&
    !/^(?:SELECT|WITH|VALUES|\(?)$/.test(reader.word(reader.at + 1) || "-")
  ) {
    const end = reader.closing(reader.at);
    columns = reader.split(reader.at + 1, end).map(({ behind: last }) => reader.name(last - 1) ?? "");
    reader.at = end + 1;
  }
  const word = reader.word(reader.at);
  if (word !== "VALUES" && word !== "VALUE") {
    return /^(?:SELECT|WITH|TABLE)$/.test(word) || reader.mark(reader.at) === "("
      ? { columns, rows: null }
      : null;
  }
  const rows: Range[][] = [];
  let at = reader.at + 1;
  for (;;) {
    if (reader.mark(at) !== "(") return null;
    const end = reader.closing(at);
    rows.push(reader.split(at + 1, end));
    at = end + 1;
    if (at >= behind) break;
    if (reader.mark(at) !== ",") return null;
    at += 1;
  }
  return { columns, rows };
}

function readUpdate(reader: Reader): Statement {
  reader.at = 1;
  const found = skipModifiers(reader);
  const first = reader.at;
  const table = reader.table();
  const setAt = reader.find(["SET"], first);
  if (!table || setAt === reader.length) return opaque(reader);
  const behindReference = reader.at;
  const alias = reader.alias(setAt);
  const tailAt = reader.tail(setAt + 1);
  const set = reader.assignments(setAt, tailAt);
  if (!set) return opaque(reader);
  if (reader.at !== setAt || found.has("FROM") || found.has("INTO")) {
    return {
      kind: "opaque",
      tables: [table, ...reader.otherTables(behindReference, setAt)],
      anywhere: false,
    };
  }
  return {
    kind: "update",
    table,
    alias,
    ignore: found.has("IGNORE"),
    set,
    from: { first, behind: setAt },
    tail: { first: tailAt, behind: reader.length },
    plain: reader.find(["RETURNING"], tailAt) === reader.length,
  };
}

function readDelete(reader: Reader): Statement {
  reader.at = 1;
  const found = skipModifiers(reader);
  const first = reader.at;
  const table = reader.table();
  if (!table) return opaque(reader);
  const tailAt = reader.tail(reader.at);
  const alias = reader.alias(tailAt);
  if (reader.at !== tailAt || !found.has("FROM")) {
    const tables = [table, ...reader.otherTables(first, reader.length)];
    return { kind: "opaque", tables, deletes: true, anywhere: false };
  }
  return {
    kind: "delete",
    table,
    alias,
    from: { first, behind: tailAt },
    tail: { first: tailAt, behind: reader.length },
    last: reader.last,
    returning: reader.find(["RETURNING"], tailAt) !== reader.length,
  };
}

const opaque = (reader: Reader): OpaqueStatement => ({
  kind: "opaque",
  tables: reader.otherTables(0, reader.length),
  anywhere: false,
});

const isTable = (table: TableRef | null): table is TableRef => table !== null;
