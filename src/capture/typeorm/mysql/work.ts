/**
 * One write under way: what the plans for INSERT, UPDATE and DELETE work with.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import { fault } from "../../../health.js";
import { FIRST_ROWS } from "../bulk.js";
import type { ColumnImage, FamilyLimits, ManyRowsChange, OneRowChange, RowChange } from "../family.js";
import type { Table } from "./catalog.js";
import type { Raw } from "./image.js";
import { splice, type Insertion } from "./splice.js";
import type { Settings } from "./settings.js";
import type { Range, Tokens } from "./statement.js";
import { toldStatement } from "./told.js";
import { withHeader } from "./header.js";
import type { Answer, Header, Room, WireError } from "./wire.js";

/** What a plan needs of its connection. */
export interface Session {
  readonly settings: Settings;
  readonly limits: FamilyLimits;
  /** Any OK packet of this connection, to make others like it; without one no result can be replaced. */
  readonly header: Header | null;
  /** `affectedRows` counts rows that an upsert found but did not change. */
  readonly countsFound: boolean;
  /** A statement of the application is inside of a transaction that it began. */
  readonly inTransaction: boolean;
  /** LOCK TABLES: a transaction of ours would let the locks go. */
  readonly tablesLocked: boolean;
  /** The byte budget of the open transaction is used up. */
  readonly full: boolean;
  ask(sql: string): Promise<Answer>;
  table(ref: { schema: string | null; name: string }): Promise<Table | null>;
  /** The table is not as it was read: another process has altered it. */
  tableChanged(): void;
}

/** How a write ended. */
export interface Done {
  /** What the application gets. */
  readonly answer: Answer;
  readonly changes: readonly RowChange[];
  /** The connection broke while the changes were being committed. */
  readonly inDoubt?: boolean;
}

/** A query of ours was refused. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(answer.error?.message, { cause: answer.error });
    this.answer = answer;
  }
}

/**
 * Deadlock, lock wait, no more room for locks, a row changed since the snapshot, query killed or out of time: the
 * application's own statement would have met it too. Most have taken the whole transaction back, so that the statement must
 * not be run after it: it would be committed alone.
 */
const conflicts = new Set([1020, 1205, 1206, 1213, 1317, 1613, 1614, 1969, 3024]);

export const isConflict = (error: WireError | null): boolean =>
  error !== null && (error.fatal === true || conflicts.has(error.errno ?? 0));

/* The server did not understand the rewritten form, or does not let this user read what it writes; nothing ran. */
const rewriteErrors = new Set([1052, 1054, 1064, 1142, 1143, 1221, 1235, 1288, 1356, 4140]);

export const isRewriteError = ({ errno }: WireError): boolean => rewriteErrors.has(errno ?? 0);

const UNKNOWN_COLUMN = 1054;

/** An answer, and what came in columns of ours. */
export type ExtraAnswer = Answer & { readonly extra: readonly (readonly Raw[])[] };

/** Runs the application's statement, with the options that it was given. */
export interface Runner {
  run(sql: string, options?: object, room?: Room): Promise<Answer>;
  runWithExtra(sql: string): Promise<ExtraAnswer>;
  readonly takesExtra: boolean;
}

export class Work {
  readonly session: Session;
  readonly tokens: Tokens;
  readonly table: Table;
  readonly context: AuditContext | undefined;
  readonly #runner: Runner;
  #ran: Answer | null = null;
  /** The server did not know a column of ours. */
  #unknown = false;
  #sent = false;
  /** Within a transaction of our own. */
  #enclosed = false;

  constructor(
    session: Session,
    tokens: Tokens,
    table: Table,
    context: AuditContext | undefined,
    runner: Runner,
  ) {
    this.session = session;
    this.tokens = tokens;
    this.table = table;
    this.context = context;
    this.#runner = runner;
  }

  /** If the connection breaks now, the statement may have been done and committed. */
  get mayBeDone(): boolean {
    return this.#sent && !this.#enclosed;
  }

  /**
   * Runs the application's statement as it is, or in another form.
   *
   * @param room - for rows that the application does not get; default: for all of them
   */
  async run(sql: string = this.tokens.sql, options?: object, room?: Room): Promise<Answer> {
    this.#sent = true;
    const answer = await this.#runner.run(sql, options, room);
    this.#answered(answer);
    return answer;
  }

  /** Runs a form of it whose RETURNING has columns of ours behind its own; the answer is without them. */
  async runWithExtra(sql: string): Promise<ExtraAnswer> {
    this.#sent = true;
    const answer = await this.#runner.runWithExtra(sql);
    this.#answered(answer);
    return answer;
  }

  #answered(answer: Answer): void {
    this.#ran = answer;
    this.#heard(answer.error);
  }

  /** What the server does not know in a form of ours, and knows in the application's, is in the table no more. */
  #heard(error: WireError | null): void {
    if (error?.errno === UNKNOWN_COLUMN) this.#unknown = true;
    else if (!error && this.#unknown) this.session.tableChanged();
  }

  /** For the rows of one statement. */
  get room(): Room {
    const { maxRowsPerStatement, maxImageBytes } = this.session.limits;
    return { rows: Math.max(maxRowsPerStatement, FIRST_ROWS), bytes: maxImageBytes };
  }

  /** Whether rows are objects or arrays: nested by table, ours could not be told from the application's. */
  get takesExtra(): boolean {
    return this.#runner.takesExtra;
  }

  /** @throws {Refused} */
  async rows(sql: string): Promise<readonly (readonly Raw[])[]> {
    if (!this.#fits(sql))
      throw new Error("A query for the rows of a statement would be too long for the server.");
    const answer = await this.session.ask(sql);
    if (answer.error) throw new Refused(answer);
    return answer.rows as Raw[][];
  }

  /** The statement with these insertions, if that is proved to change nothing else. */
  splice(insertions: readonly Insertion[]): string | null {
    const { sql, list } = this.tokens;
    const text = splice(sql, list, insertions, this.session.settings);
    return text !== null && this.#fits(text) ? text : null;
  }

  /** Whether the server takes a text of this length. */
  #fits(sql: string): boolean {
    const { packetBytes } = this.session.settings;
    // A character has four bytes at most; one byte more says that it is a query.
    return sql.length * 4 < packetBytes || Buffer.byteLength(sql) < packetBytes;
  }

  /** Part of the statement, as it was written. */
  text({ first, behind }: Range): string {
    const { sql, list } = this.tokens;
    const from = list[first];
    return from && behind > first ? sql.slice(from.start, list[behind - 1]!.end) : "";
  }

  /** One entry for what cannot be told row by row. */
  opaque(rowCount: number | null, more: Partial<ManyRowsChange> = {}): ManyRowsChange {
    return {
      op: "statement",
      table: this.table.name,
      before: null,
      after: null,
      rowCount,
      ...toldStatement(this.tokens.sql, this.session.settings),
      context: this.context,
      ...more,
    };
  }

  inserted(after: ColumnImage, table = this.table): OneRowChange {
    return { op: "insert", table: table.name, before: null, after, context: this.context };
  }

  updated(before: ColumnImage, after: ColumnImage, table = this.table): OneRowChange {
    return { op: "update", table: table.name, before, after, context: this.context };
  }

  deleted(before: ColumnImage, table = this.table): OneRowChange {
    return { op: "delete", table: table.name, before, after: null, context: this.context };
  }

  /** The statement as it is, without its rows. */
  async asItIs(): Promise<Done> {
    const answer = await this.run();
    return { answer, changes: answer.error ? [] : this.#unseen(answer) };
  }

  #unseen(answer: Answer): RowChange[] {
    const rows = answer.headers.at(-1)?.affectedRows ?? null;
    return rows === 0 ? [] : [this.opaque(rows)];
  }

  /**
   * Runs several queries as one: in the transaction of the application, or in one of our own, so that what
   * was read is what was changed.
   */
  async atomically(steps: () => Promise<Done>): Promise<Done> {
    if (this.session.inTransaction || this.session.tablesLocked) return this.guarded(steps);
    const begun = await this.session.ask("START TRANSACTION");
    if (begun.error) return this.asItIs();
    this.#enclosed = true;
    const done = await this.guarded(steps);
    const ended = await this.session.ask(done.answer.error ? "ROLLBACK" : "COMMIT");
    if (ended.error && !done.answer.error) {
      const inDoubt = ended.error.fatal === true;
      return { answer: ended, changes: inDoubt ? done.changes : [], inDoubt };
    }
    for (const header of done.answer.headers) header.serverStatus &= ~1;
    return { ...done, answer: { ...done.answer, status: ended.status } };
  }

  /** A fault of ours, or a query of ours that is refused, costs the images, never the statement. */
  async guarded(steps: () => Promise<Done>): Promise<Done> {
    this.#ran = null;
    try {
      return await steps();
    } catch (error) {
      if (error instanceof Refused && isConflict(error.answer.error))
        return { answer: error.answer, changes: [] };
      if (error instanceof Refused && error.answer.error?.errno === UNKNOWN_COLUMN)
        this.session.tableChanged();
      fault("capture.mysql", error);
      return this.#ran ? this.#withoutImages(this.#ran) : this.asItIs();
    }
  }

  /** It ran, and must not run again. */
  #withoutImages(ran: Answer): Done {
    const { header } = this.session;
    const ours = Array.isArray(ran.rows) && !("extra" in ran);
    const answer =
      ours && Array.isArray(ran.rows) && header
        ? withHeader(ran, header, { affectedRows: ran.rows.length + ran.dropped, insertId: 0, info: "" })
        : ran;
    return { answer, changes: answer.error ? [] : this.#unseen(answer) };
  }
}
