/**
 * Follows one SQLite connection: keeps the triggers in place, remembers in which context which rows were
 * changed, and tells what was committed.
 *
 * The TEMP table is the buffer of the open transaction. SQLite itself takes from it what a rollback, a
 * savepoint, `OR ROLLBACK`, or a failed statement undoes, so there is nothing to be kept in step.
 *
 * @module
 */
import { currentContext, type AuditContext } from "../../../context/context.js";
import { guarded } from "../../../health.js";
import type { Undo } from "../../capture.js";
import { FIRST_ROWS } from "../bulk.js";
import type { ChangeSink, ColumnImage, FamilyLimits, OutboxTarget, RowChange } from "../family.js";
import type { OutboxRow } from "../outbox/store.js";
import type { Values } from "../parameters.js";
import { manyRows, rowChange, type Op } from "./changes.js";
import type { SqliteConnection, StatementListener } from "./connection.js";
import { readImage } from "./literal.js";
import { Triggers } from "./schema.js";
import { readStatement, type Statement } from "./statement.js";
import { StatementRecords } from "./statement-records.js";
import {
  CHANGES,
  createChanges,
  NEW_ID,
  quoted,
  RECORD,
  STALE_ID,
  TAKES,
  TAKES_FROM,
  TEXT,
  type CapturedTable,
} from "./triggers.js";

/** Rows up to `upTo`, and after those of the mark before, are the work of one statement. */
interface Mark {
  readonly upTo: number;
  readonly context: AuditContext | undefined;
  readonly sql: string;
  /** One entry stands for its rows. */
  readonly many: boolean;
  /** What was bound; kept only there. */
  readonly values: Values | undefined;
  /** What its images need; nothing there. */
  readonly bytes: number;
}

/** Where the triggers write to, in the place of the TEMP table. */
export interface RecorderOutbox {
  readonly target: OutboxTarget;
  /** In the main schema. */
  readonly table: string;
}

/** How many told rows may lie in the TEMP table before it is emptied. */
const SWEEP_AFTER = 500;

export class SqliteRecorder implements StatementListener {
  readonly #connection: SqliteConnection;
  readonly #triggers: Triggers;
  readonly #sink: ChangeSink;
  readonly #limits: FamilyLimits;
  readonly #unlisten: Undo;
  readonly #outbox: RecorderOutbox | undefined;
  readonly #records: StatementRecords | undefined;
  /** Rows of the outbox that are done with. */
  #done: readonly string[] = [];
  #marks: Mark[] = [];
  /** Bytes of the images that all marks need. */
  #held = 0;
  /** The last row that was told. */
  #told = 0;
  #sweepFrom = SWEEP_AFTER;
  #open: boolean;
  /** The triggers may not be what they should be. */
  #dirty = false;
  /** Tables or triggers were changed in the open transaction, and a rollback would change them back. */
  #schemaInDoubt = false;
  /** What we run ourselves is not looked at. */
  #busy = false;
  /** How often the database was exported. */
  exports = 0;
  #stopped = false;

  constructor(
    connection: SqliteConnection,
    triggers: Triggers,
    sink: ChangeSink,
    limits: FamilyLimits,
    outbox?: RecorderOutbox,
  ) {
    this.#connection = connection;
    this.#triggers = triggers;
    this.#sink = sink;
    this.#limits = limits;
    this.#outbox = outbox;
    this.#records = outbox && new StatementRecords(outbox.target, limits, (id) => triggers.table(id));
    this.#define();
    triggers.install();
    // A capture before this one could not drop the table while a query was open.
    this.#told = this.#last();
    this.#open = connection.inTransaction() ?? this.#probe();
    this.#schemaInDoubt = this.#open;
    this.#unlisten = connection.listen(this);
  }

  before(sql: string, values?: Values): void {
    const statement = readStatement(sql);
    if (statement.kind === "read" || this.#busy || this.#stopped) return;
    this.#ours(() => this.#prepareFor(statement));
    this.#records?.begin(sql, values, statement.kind === "many");
  }

  after(sql: string, failed: boolean, values?: Values): void {
    if (this.#busy || this.#stopped) return;
    const statement = readStatement(sql);
    if (statement.recursion) this.#dirty = true;
    if (statement.storage) this.#ours(() => this.#restore());
    if (statement.kind === "read") return;
    this.#ours(() => this.#settle(statement, failed, values));
  }

  reopened(): void {
    this.exports += 1;
    this.#ours(() => this.#restore());
  }

  /** Makes what is temporary anew, if it is gone: then no transaction is open either. */
  #restore(): void {
    const there = this.#connection.rows(`SELECT 1 FROM temp.sqlite_master WHERE name='${CHANGES}'`);
    if (there.length > 0) return;
    this.#open = false;
    this.#records?.settled();
    this.#forget();
    this.#define();
    this.#triggers.install();
  }

  stop(): void {
    this.#stopped = true;
    this.#unlisten();
    this.#ours(() => this.#triggers.remove());
  }

  outboxRows(limit: number): readonly OutboxRow[] | null {
    if (!this.#outbox || this.#open) return null;
    const done = new Set(this.#done);
    const found = this.#connection.rows(
      `SELECT id,records FROM main.${quoted(this.#outbox.table)} ORDER BY id LIMIT ${Math.min(limit + done.size, 2 ** 31)}`,
    );
    return found
      .map(([id, records]) => ({ id: String(id), records: String(records) }))
      .filter(({ id }) => !done.has(id));
  }

  deleteFromOutbox(ids: readonly string[]): void {
    this.#done = [...this.#done, ...ids];
    if (this.#stopped) this.#ours(() => this.#sweepOutbox());
  }

  /** What was committed before is in the file now. */
  saved(): void {
    this.#outbox?.target.committed();
  }

  #isInOutbox(id: string): boolean {
    const { table } = this.#outbox!;
    return this.#connection.rows(`SELECT 1 FROM main.${quoted(table)} WHERE id=?`, id).length > 0;
  }

  /** A DELETE shows in the application's `changes()`; so it is put off until a statement that does so itself. */
  #sweepOutbox(): void {
    const { length } = this.#done;
    if (!this.#outbox || this.#open || length === 0) return;
    const list = this.#done.map((id) => `'${id.replaceAll("'", "''")}'`).join(",");
    this.#connection.run(`DELETE FROM main.${quoted(this.#outbox.table)} WHERE id IN (${list})`);
    this.#done = [];
  }

  /** What the triggers call, in the context of the code that runs the statement. */
  #define(): void {
    const records = this.#records;
    if (!records) return;
    const define = (name: string, work: () => string | null): void =>
      this.#connection.define(name, () => guarded("capture.sqlite", work) ?? null);
    this.#connection.define(NEW_ID, () => records.newId());
    this.#connection.define(
      RECORD,
      (id: unknown, op: Op, old: string | null, now: string | null) =>
        guarded("capture.sqlite", () => records.record(Number(id), op, { old, now })) ?? null,
    );
    define(TAKES_FROM, () => records.takesFrom());
    this.#connection.define(TAKES, (id: string) => records.takes(id));
    define(STALE_ID, () => records.staleId());
    define(TEXT, () => records.text());
  }

  #ours(work: () => void): void {
    this.#busy = true;
    guarded("capture.sqlite", work);
    this.#busy = false;
  }

  #prepareFor(statement: Statement): void {
    if (statement.replaces && !this.#triggers.seesReplace) {
      this.#triggers.seeReplace();
      this.#dirty = true;
    }
    if (statement.alters) {
      // ALTER TABLE reads all triggers anew, and fails where one names a column that it drops.
      // In a text of several statements the other tables keep theirs.
      this.#triggers.drop(statement.kind === "many" ? statement.altered : null);
      this.#dirty = true;
      return;
    }
    if (statement.kind === "schema") return;
    if (!this.#open) this.#sweep();
    if (!this.#open) this.#sweepOutbox();
    if (this.#dirty) this.#install();
  }

  #install(): void {
    this.#dirty = false;
    this.#schemaInDoubt ||= this.#open;
    this.#triggers.install();
  }

  #settle(statement: Statement, failed: boolean, values: Values | undefined): void {
    const { kind } = statement;
    this.#records?.end();
    this.#mark(statement, values);
    this.#open = this.#isOpen(statement, failed);
    if (kind === "schema" || kind === "many") {
      this.#dirty = true;
      this.#schemaInDoubt = this.#open;
    }
    const undone = failed || kind === "rollback" || kind === "rollbackTo";
    if (undone && this.#schemaInDoubt) this.#dirty = true;
    if (undone && this.#open) this.#records?.undone((id) => this.#isInOutbox(id));
    if (this.#open) return;
    this.#schemaInDoubt = false;
    if (this.#records?.settled()) this.#outbox?.target.committed();
    this.#tell();
  }

  /** Remembers whose rows the new ones are; forgets the marks of rows that are gone. */
  #mark({ sql }: Statement, given: Values | undefined): void {
    const upTo = this.#last();
    while ((this.#marks.at(-1)?.upTo ?? 0) > upTo) this.#held -= this.#marks.pop()!.bytes;
    const marked = Math.max(this.#marks.at(-1)?.upTo ?? 0, this.#told);
    if (upTo <= marked) return;
    const { maxRowsPerStatement, maxImageBytes } = this.#limits;
    const needed = upTo - marked > maxRowsPerStatement ? Infinity : this.#bytes(marked, upTo);
    const many = this.#held + needed > maxImageBytes;
    const bytes = many ? 0 : needed;
    this.#held += bytes;
    this.#marks.push({
      upTo,
      context: currentContext(),
      sql,
      many,
      values: many ? given : undefined,
      bytes,
    });
  }

  #last(): number {
    return (this.#connection.rows(`SELECT max(seq) FROM ${CHANGES}`)[0]?.[0] as number | null) ?? 0;
  }

  #isOpen({ kind }: Statement, failed: boolean): boolean {
    const said = this.#connection.inTransaction();
    if (said !== undefined) return said;
    // A failure may have rolled back the whole transaction, and a RELEASE may have been its end.
    if (failed || kind === "many" || kind === "release") return this.#probe();
    if (kind === "begin" || kind === "savepoint") return true;
    return kind === "commit" || kind === "rollback" ? false : this.#open;
  }

  /** Whether a transaction is open: then there can be no other in it. */
  #probe(): boolean {
    try {
      this.#connection.run("BEGIN");
    } catch {
      return true;
    }
    this.#connection.run("COMMIT");
    return false;
  }

  /**
   * Empties the TEMP table. By DROP, because a DELETE would show in the application's `changes()`; and now,
   * because outside of a transaction nothing can bring the rows back.
   */
  #sweep(): void {
    if (this.#told < this.#sweepFrom) return;
    try {
      this.#connection.run(`DROP TABLE temp.${CHANGES}`);
    } catch {
      // While the application has a query open, SQLite lets no table be dropped.
      this.#sweepFrom = this.#told + SWEEP_AFTER;
      return;
    }
    this.#connection.run(createChanges);
    this.#forget();
  }

  #forget(): void {
    this.#told = 0;
    this.#sweepFrom = SWEEP_AFTER;
    this.#marks = [];
    this.#held = 0;
  }

  #tell(): void {
    const marks = this.#marks;
    if (marks.length === 0) return;
    this.#marks = [];
    this.#held = 0;
    const changes: RowChange[] = [];
    for (const mark of marks) {
      const from = this.#told;
      this.#told = mark.upTo;
      if (mark.many) this.#summarise(mark, from, changes);
      else this.#read(mark, from, changes);
    }
    if (changes.length > 0) this.#sink.committed(changes, "success");
  }

  #read({ upTo, context }: Mark, from: number, changes: RowChange[]): void {
    const rows = this.#connection.rows(
      `SELECT tbl,op,old,new FROM ${CHANGES} WHERE seq>? AND seq<=? ORDER BY seq`,
      from,
      upTo,
    );
    for (const [id, op, old, now] of rows as [number, Op, string | null, string | null][]) {
      const change = rowChange(this.#triggers.table(id), op, { old, now }, context);
      if (change) changes.push(change);
    }
  }

  #bytes(from: number, upTo: number): number {
    const sql = `SELECT 2*sum(ifnull(length(old),0)+ifnull(length(new),0)) FROM ${CHANGES} WHERE seq>? AND seq<=?`;
    return (this.#connection.rows(sql, from, upTo)[0]?.[0] as number | null) ?? 0;
  }

  /** One entry for each table and operation of a statement with too many rows. */
  #summarise({ upTo, context, sql, values }: Mark, from: number, changes: RowChange[]): void {
    const range = `FROM ${CHANGES} WHERE seq>? AND seq<=? AND old IS NOT new`;
    const groups = this.#connection.rows(
      `SELECT tbl,op,count(*) ${range} GROUP BY tbl,op ORDER BY min(seq)`,
      from,
      upTo,
    );
    for (const [id, op, rowCount] of groups as [number, Op, number][]) {
      const table = this.#triggers.table(id);
      const first = this.#first(table, op, `${range} AND tbl=? AND op='${op}'`, [from, upTo, id]);
      changes.push(manyRows({ table, op, rowCount, first, sql, values, context }));
    }
  }

  #first(table: CapturedTable, op: Op, range: string, values: number[]): ColumnImage[] {
    const image = op === "d" ? "old" : "new";
    return this.#connection
      .rows(`SELECT ${image} ${range} ORDER BY seq LIMIT ${FIRST_ROWS}`, ...values)
      .map(([text]) => readImage(table.columns, text as string));
  }
}
