/**
 * Reads which tables a SQLite connection has, and keeps our triggers on them.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { TableScope } from "../family.js";
import { sqliteOutboxDdl } from "../outbox/sqlite.js";
import type { OutboxTable } from "../outbox/store.js";
import type { SqliteConnection } from "./connection.js";
import {
  CANDIDATES,
  CHANGES,
  createCandidates,
  createChanges,
  intoChanges,
  intoOutbox,
  PREFIX,
  quoted,
  triggersOf,
  type CapturedTable,
  type Destination,
  type UniqueKey,
} from "./triggers.js";

type Shape = Omit<CapturedTable, "id">;

/** The triggers of one connection. */
export class Triggers {
  readonly #connection: SqliteConnection;
  readonly #scope: TableScope;
  readonly #outbox: OutboxTable | undefined;
  /** By shape: a table that gets its old shape back gets its old number back. */
  readonly #numbers = new Map<string, number>();
  readonly #tables: CapturedTable[] = [];
  /** True once rows may be deleted by OR REPLACE, which costs a look-up for each inserted row. */
  #replace = false;

  constructor(connection: SqliteConnection, scope: TableScope, outbox?: OutboxTable) {
    this.#connection = connection;
    this.#scope = scope;
    this.#outbox = outbox;
  }

  /** The table that a trigger wrote for. */
  table(id: number): CapturedTable {
    return this.#tables[id]!;
  }

  get seesReplace(): boolean {
    return this.#replace;
  }

  /** From now on rows that OR REPLACE deletes are seen too, once `install` has run. */
  seeReplace(): void {
    this.#replace = true;
  }

  /**
   * Makes the triggers what they should be, whatever DDL or a rollback has made of them.
   *
   * @throws {AuditError} `AUDIT_OUTBOX_MISSING`: the triggers write into the TEMP table then
   */
  install(): void {
    const missing = this.#ensureOutbox();
    this.#installInto(this.#outbox && !missing ? intoOutbox(this.#outbox.name) : intoChanges);
    if (missing) throw missing;
  }

  #ensureOutbox(): AuditError | undefined {
    if (!this.#outbox) return undefined;
    const { name, create } = this.#outbox;
    const literal = `'${name.replaceAll("'", "''")}'`;
    const sql = `SELECT 1 FROM main.sqlite_master WHERE type='table' AND name=${literal}`;
    if (this.#connection.rows(sql).length > 0) return undefined;
    const ddl = sqliteOutboxDdl(`main.${quoted(name)}`);
    if (!create) return new AuditError("AUDIT_OUTBOX_MISSING", [name, ddl]);
    this.#connection.run(ddl);
    return undefined;
  }

  #installInto(into: Destination): void {
    const connection = this.#connection;
    connection.run(createChanges);
    connection.run(createCandidates);
    this.#replace ||= this.#schemaReplaces();
    const recursive = connection.rows("PRAGMA recursive_triggers")[0]?.[0] === 1;
    const wanted = this.#shapes()
      .map((shape) => this.#numbered(shape))
      .flatMap((table) => triggersOf(table, this.#replace && !recursive, into));
    const names = new Set(wanted.map(({ name }) => name));
    const present = this.#present();
    for (const name of present) if (!names.has(name)) connection.run(`DROP TRIGGER temp.${quoted(name)}`);
    for (const { name, sql } of wanted) if (!present.has(name)) connection.run(sql);
  }

  /**
   * Takes the triggers off, the tables that they write to stay.
   *
   * @param altered - from these tables only, by their names in lower case; `null`: from all
   */
  drop(altered: readonly string[] | null = null): void {
    for (const name of this.#present()) {
      const table = this.#tables[Number.parseInt(name.slice(PREFIX.length), 10)];
      if (altered && table && !altered.includes(table.name.toLowerCase())) continue;
      this.#connection.run(`DROP TRIGGER temp.${quoted(name)}`);
    }
  }

  /** Takes everything off. */
  remove(): void {
    this.drop();
    this.#connection.run(`DROP TABLE IF EXISTS temp.${CHANGES}`);
    this.#connection.run(`DROP TABLE IF EXISTS temp.${CANDIDATES}`);
  }

  #present(): Set<string> {
    const sql = `SELECT name FROM temp.sqlite_master WHERE type='trigger' AND substr(name,1,${PREFIX.length})='${PREFIX}'`;
    return new Set(this.#connection.rows(sql).map(([name]) => name as string));
  }

  /** `ON CONFLICT REPLACE` in a table, or a REPLACE in a trigger of the application's. */
  #schemaReplaces(): boolean {
    return this.#schemas().some((schema) => {
      const found = this.#connection.rows(
        `SELECT 1 FROM ${quoted(schema)}.sqlite_master WHERE sql LIKE '%replace%' LIMIT 1`,
      );
      return found.length > 0;
    });
  }

  #schemas(): string[] {
    const names = this.#connection.rows("PRAGMA database_list").map((row) => row[1] as string);
    return names.filter((name) => name !== "temp");
  }

  #shapes(): Shape[] {
    return this.#connection
      .rows("PRAGMA table_list")
      .filter(
        ([schema, name, type]) =>
          type === "table" &&
          schema !== "temp" &&
          !(name as string).startsWith("sqlite_") &&
          this.#scope.includes({
            schema: schema === "main" ? null : (schema as string),
            name: name as string,
          }),
      )
      .map(([schema, name, , , withoutRowid]) =>
        this.#shape(schema as string, name as string, withoutRowid === 1),
      );
  }

  #shape(schema: string, name: string, withoutRowid: boolean): Shape {
    const info = this.#connection.rows(`PRAGMA ${quoted(schema)}.table_xinfo(${quoted(name)})`);
    // Hidden = 1 are the hidden columns of virtual tables; 2 and 3 are generated columns, which rows do have.
    const columns = info.filter((row) => row[6] !== 1).map((row) => row[1] as string);
    const primary = info
      .filter((row) => (row[5] as number) > 0)
      .toSorted((a, b) => (a[5] as number) - (b[5] as number));
    const taken = new Set(columns.map((column) => column.toLowerCase()));
    const free = ["rowid", "_rowid_", "oid"].find((alias) => !taken.has(alias));
    return {
      schema,
      name,
      columns,
      primary: primary.map((row) => row[1] as string),
      rowid: withoutRowid ? null : (free ?? quoted(primary[0]?.[1] as string)),
      unique: this.#uniqueKeys(schema, name),
    };
  }

  #uniqueKeys(schema: string, name: string): UniqueKey[] {
    return this.#connection
      .rows(`PRAGMA ${quoted(schema)}.index_list(${quoted(name)})`)
      .filter((row) => row[2] === 1)
      .map((row) => {
        const parts = this.#connection.rows(
          `PRAGMA ${quoted(schema)}.index_xinfo(${quoted(row[1] as string)})`,
        );
        return parts
          .filter((part) => part[5] === 1 && part[2] !== null)
          .map((part) => ({ column: part[2] as string, collation: part[4] as string }));
      })
      .filter((key) => key.length > 0);
  }

  #numbered(shape: Shape): CapturedTable {
    const key = JSON.stringify(shape);
    let id = this.#numbers.get(key);
    if (id === undefined) {
      id = this.#tables.length;
      this.#numbers.set(key, id);
      this.#tables.push({ ...shape, id });
    }
    return this.#tables[id]!;
  }
}
