/**
 * Which tables a statement concerns: names → tables that are recorded, or whose foreign keys reach one that is.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import type { RowChange, TableScope } from "../family.js";
import { acts, type Ask, type Catalog, type ChildKey, type Table } from "./catalog.js";
import type { OtherStatement, Statement, TableRef } from "./statement.js";
import type { ToldStatement } from "./told.js";
import type { Answer } from "./wire.js";

/** What the tables of a DataSource are looked up in. */
interface Known {
  readonly catalog: Catalog;
  readonly scope: TableScope;
}

export class Targets {
  readonly #shared: Known;
  readonly #ask: Ask;
  /** Tables of this session only; they hide others of the same name. */
  readonly #temporary = new Set<string>();
  #database: string | null = null;

  constructor(shared: Known, ask: Ask) {
    this.#shared = shared;
    this.#ask = ask;
  }

  /** The session's default database. */
  use(database: string | null): void {
    this.#database = database;
  }

  async table({ schema, name }: TableRef): Promise<Table | null> {
    const database = schema ?? this.#database;
    if (database === null || this.#temporary.has(this.#keyOf({ schema, name }))) return null;
    return this.#shared.catalog.table(database, name, this.#ask);
  }

  /** The table, if its changes are recorded, or a foreign key carries them on to one whose are. */
  async concerned(ref: TableRef): Promise<Table | null> {
    const table = await this.table(ref);
    if (!table) return null;
    return (await this.#reaches(table, new Set())) ? table : null;
  }

  async #reaches(table: Table, seen: Set<Table>): Promise<boolean> {
    if (this.#shared.scope.includes(table.name)) return true;
    seen.add(table);
    // A view writes to the tables that it reads.
    for (const ref of [...table.children.map(({ child }) => child), ...(table.base ?? [])]) {
      const next = await this.table(ref);
      if (next && !seen.has(next) && (await this.#reaches(next, seen))) return true;
    }
    return false;
  }

  /** Looks up all that `opaque` has to know. */
  async meet(statement: Statement): Promise<void> {
    for (const ref of tablesOf(statement) ?? []) await this.concerned(ref);
  }

  /** The session was reset, and its temporary tables are gone. */
  forgetTemporary(): void {
    this.#temporary.clear();
  }

  /** After DDL. */
  defined({ table, temporary, dropped = [] }: OtherStatement, { error }: Answer): void {
    this.#shared.catalog.forget();
    if (error) return;
    if (table && temporary) this.#temporary.add(this.#keyOf(table));
    for (const one of dropped) this.#temporary.delete(this.#keyOf(one));
  }

  /** One entry for a statement whose rows are not known, if it concerns a recorded table, or may. */
  opaque(
    statement: Statement,
    told: () => ToldStatement,
    { headers }: Answer,
    context: AuditContext | undefined,
  ): RowChange[] {
    const tables = tablesOf(statement);
    if (tables === null) return [];
    const named = tables
      .filter((ref) => !this.#temporary.has(this.#keyOf(ref)))
      .flatMap((ref) => this.#written(this.#located(ref), carriedOnBy(statement)))
      .map((ref) => this.#shared.catalog.nameOf(ref));
    const table = named.find((name) => this.#shared.scope.includes(name));
    // A procedure may write to any table.
    const anything = statement.kind === "opaque" && statement.anywhere;
    if (!table && !anything) return [];
    const counts = headers.map(({ affectedRows }) => affectedRows);
    const rowCount = counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
    const truncates = statement.kind === "truncate";
    if (rowCount === 0 && !truncates && !anything) return [];
    return [
      {
        op: truncates ? "truncate" : "statement",
        table: table ?? named[0] ?? { schema: null, name: "" },
        before: null,
        after: null,
        rowCount: truncates ? null : rowCount,
        ...(truncates ? { statement: null } : told()),
        context,
      },
    ];
  }

  #keyOf({ schema, name }: TableRef): string {
    return JSON.stringify(
      [schema ?? this.#database ?? "", name].map((part) => this.#shared.catalog.folded(part)),
    );
  }

  /** A table; or a view, and what it reads; and what foreign keys carry the change on to. As far as has been looked up. */
  #written(ref: TableRef, carriedOn: CarriedOn, seen = new Set<Table>()): TableRef[] {
    const table = this.#shared.catalog.known(ref);
    // Views cannot go round in a circle, but foreign keys can.
    if (!table || seen.has(table)) return [ref];
    seen.add(table);
    const further = [...(table.base ?? []), ...table.children.filter(carriedOn).map(({ child }) => child)];
    return [ref, ...further.flatMap((one) => this.#written(one, carriedOn, seen))];
  }

  #located({ schema, name }: TableRef): TableRef {
    return { schema: schema ?? this.#database, name };
  }
}

type CarriedOn = (key: ChildKey) => boolean;

/** Which foreign keys a statement may carry on to other tables. */
function carriedOnBy(statement: Statement): CarriedOn {
  const { kind } = statement;
  if (kind === "delete" || (kind === "opaque" && statement.deletes)) return ({ onDelete }) => acts(onDelete);
  if (kind === "insert" && statement.verb === "REPLACE") return ({ onDelete }) => acts(onDelete);
  const set = kind === "update" ? statement.set : kind === "insert" ? statement.onDuplicate : null;
  const assigned = new Set(set?.columns.map(({ name }) => name.toLowerCase()));
  return ({ onUpdate, referenced }) =>
    acts(onUpdate) && referenced.some((name) => assigned.has(name.toLowerCase()));
}

/** `null` for what writes no rows. */
function tablesOf(statement: Statement): readonly TableRef[] | null {
  if (statement.kind === "opaque" || statement.kind === "truncate") return statement.tables;
  if (statement.kind === "insert" || statement.kind === "update" || statement.kind === "delete") {
    return [statement.table];
  }
  return null;
}
