/**
 * Captures on one connection: takes each command in turn, runs it as it is or by a plan, follows transactions.
 *
 * One command at a time, as the server has it anyway, so that the queries of a plan stay together.
 *
 * @module
 */
import { AsyncResource } from "node:async_hooks";
import { currentContext, type AuditContext } from "../../../context/context.js";
import { fault } from "../../../health.js";
import type { Undo } from "../../capture.js";
import type { OutboxTarget, ChangeSink, FamilyLimits, RowChange, TableScope } from "../family.js";
import type { Catalog } from "./catalog.js";
import { runDelete } from "./delete.js";
import type { Raw } from "./image.js";
import { runInsert } from "./insert.js";
import { scan, splitStatements } from "./scan.js";
import { Outbox } from "./outbox.js";
import { isCompound, partOf, together } from "./several.js";
import { declareVariables, settingsOf, settingsQuery, type Settings } from "./settings.js";
import { readStatement, unread, type Statement, type TableRef, type Tokens } from "./statement.js";
import { Targets } from "./targets.js";
import { changesOf, toldStatement, type ToldStatement } from "./told.js";
import { Transaction } from "./transaction.js";
import { runUpdate } from "./update.js";
import { takesExtra, Wire, type Answer, type Command, type Connection, type Header } from "./wire.js";
import { Work, type Done, type Session } from "./work.js";

/** What all connections of a DataSource share. */
export interface Shared {
  readonly catalog: Catalog;
  readonly sink: ChangeSink;
  readonly scope: TableScope;
  readonly limits: FamilyLimits;
  readonly outbox: OutboxTarget | undefined;
  /** What the server is told to be able to, for tests of the ways without it. */
  readonly adjust: (settings: Settings) => Settings;
}

interface Job {
  readonly command: Command;
  readonly context: AuditContext | undefined;
  /** The place that the application called from: callbacks run there. */
  readonly resource: AsyncResource;
}

/** What mysql2 keeps of a prepared statement that is run. */
interface Executed {
  readonly statement?: { readonly query?: unknown };
  readonly values?: unknown;
}

const other: Statement = { kind: "other", table: null };
const commit: Statement = { kind: "commit", name: null };
const rollback: Statement = { kind: "rollback", name: null };
/* Neither a write nor an end of a transaction; not worth a scan. */
const harmless = /^\s*(?:SELECT|SHOW|EXPLAIN|DESCRIBE|DESC|KILL|HELP|DO|GET|CHECK|CHECKSUM)\b/i;
const suspicious = /\b(?:insert|update|delete|replace|truncate|call|load|execute|alter|create|drop)\b/i;

export class ConnectionCapture {
  readonly #wire: Wire;
  readonly #shared: Shared;
  readonly #transaction: Transaction;
  readonly #targets: Targets;
  readonly #outbox: Outbox | null;
  readonly #queue: Job[] = [];
  readonly #undo: Undo;
  #settings: Settings | null = null;
  #header: Header | null = null;
  #underWay: Statement | null = null;
  #busy = false;
  #dead = false;

  constructor(connection: Connection, shared: Shared) {
    this.#shared = shared;
    this.#wire = new Wire(connection);
    this.#transaction = new Transaction(shared.sink, shared.limits);
    this.#targets = new Targets(shared, (sql) => this.#text(sql));
    const { outbox } = shared;
    this.#outbox =
      outbox === undefined
        ? null
        : new Outbox(outbox, this.#transaction, {
            ask: (sql) => this.#wire.ask(sql),
            end: (how) => this.#end(how),
          });
    const undo = this.#wire.intercept((command) => this.#take(command));
    const closed = (): void => this.#lost();
    connection.stream.once("close", closed);
    this.#undo = () => {
      connection.stream.off("close", closed);
      undo();
    };
  }

  /** Leaves the connection; what still waits is sent as it is. */
  stop(): void {
    this.#undo();
  }

  #take(command: Command): void {
    const resource = new AsyncResource("activity-audit");
    this.#queue.push({ command, context: currentContext(), resource });
    if (!this.#busy) this.#next();
  }

  #next(): void {
    this.#underWay = null;
    const job = this.#queue.shift();
    this.#busy = job !== undefined;
    if (!job) return;
    const { command } = job;
    if (!this.#wire.isQuery(command)) {
      void this.#forwardOther(command);
    } else if (harmless.test(command.sql) && !this.#severalAllowed) {
      this.#forward(command, other);
    } else {
      void job.resource.runInAsyncScope(() => this.#plan(job, command.sql));
    }
  }

  get #severalAllowed(): boolean {
    return this.#wire.connection.config.multipleStatements === true;
  }

  /** Commands that are no text: prepared statements, ping, reset. */
  async #forwardOther(command: Command): Promise<void> {
    const sql = (command as { statement?: { query?: unknown } }).statement?.query;
    if (this.#transaction.pending.length > 0 && typeof sql === "string") {
      const list = this.#scan(sql) ?? [];
      const refused = await this.#outbox?.beforeCommit(readStatement({ sql, list }), { sql, list });
      if (refused) {
        this.#deliver(command, refused);
        return;
      }
    }
    this.#wire.forward(command, (answer) => {
      const kind = command.constructor.name;
      if (kind === "ChangeUser" || kind === "ResetConnection") {
        this.#transaction.reset();
        this.#settings = null;
      } else if (kind === "Execute") {
        this.#executed(command, answer);
      }
      this.#ended(answer);
    });
  }

  #executed(command: Command, answer: Answer): void {
    const { statement: prepared, values: given } = command as Executed;
    const sql = prepared?.query;
    if (typeof sql !== "string") return;
    const values = Array.isArray(given) ? given : [];
    const context = currentContext();
    const tokens = this.#scan(sql);
    const statement = tokens ? readStatement({ sql, list: tokens }) : other;
    this.#transaction.answered(statement, answer);
    if (answer.error) return;
    const told = (): ToldStatement => toldStatement(sql, this.#settings, values);
    const changes = this.#targets.opaque(statement, told, answer, context);
    this.#transaction.changed({ changes, statement: null }, false);
  }

  #forward(command: Command, statement: Statement, then?: (answer: Answer) => void): void {
    this.#underWay = statement;
    this.#wire.forward(command, (answer) => {
      this.#note(statement, answer);
      then?.(answer);
      this.#ended(answer);
    });
  }

  /** Follows the transaction; keeps what a statement says of later ones. */
  #note(statement: Statement, answer: Answer): void {
    this.#header ??= answer.headers[0] ?? null;
    if (answer.error?.fatal) return;
    this.#transaction.answered(statement, answer);
    this.#outbox?.answered();
    if (statement.kind === "definition") this.#targets.defined(statement, answer);
    if (statement.kind === "use" && !answer.error) this.#targets.use(statement.table?.name ?? null);
  }

  #ended(answer: Answer): void {
    if (answer.error?.fatal) this.#lost(answer);
    else this.#next();
  }

  /** The connection is gone: what waits gets the error that mysql2 gives to what waits in its own queue. */
  #lost(answer?: Answer): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#transaction.lost(this.#underWay);
    const error = answer?.error ?? this.#wire.closedBy;
    for (const { command } of this.#queue.splice(0)) {
      if (error) command.onResult?.(error);
      else this.#wire.forward(command, () => {});
    }
  }

  async #plan({ command, context }: Job, sql: string): Promise<void> {
    try {
      await this.#prepare();
      const tokens = this.#scan(sql);
      const statements = tokens ? splitStatements(tokens) : [];
      if (tokens && statements.length > 1 && this.#severalAllowed) {
        await this.#several(command, context, sql, statements);
        return;
      }
      const statement = tokens ? readStatement({ sql, list: statements[0] ?? [] }) : other;
      await this.#settleDoubt(statement, sql);
      const list = statements[0] ?? [];
      const work = await this.#workFor(statement, { sql, list }, context, command);
      if (work) {
        const done = await this.#inTransaction(work.table.transactional, () => this.#run(work, statement));
        this.#deliver(command, done.answer);
        return;
      }
      const told = tokens === null && suspicious.test(sql) ? unread : statement;
      const refused = await this.#outbox?.beforeCommit(told, { sql, list });
      if (refused) {
        this.#deliver(command, refused);
      } else if (await this.#changesRows(told, context)) {
        const done = await this.#inTransaction(true, () => this.#runUnplanned(command, told, sql, context));
        this.#deliver(command, done.answer);
      } else {
        this.#forwardUnplanned(command, told, sql, context);
      }
    } catch (error) {
      fault("capture.mysql", error);
      this.#forward(command, other);
    }
  }

  #forwardUnplanned(
    command: Command,
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
  ): void {
    this.#forward(command, statement, (answer) => {
      if (answer.error?.fatal) return;
      const changes = answer.error ? [] : this.#opaque(statement, sql, answer, context);
      this.#transaction.changed({ changes, statement: null }, statement.kind === "truncate");
    });
  }

  #opaque(
    statement: Statement,
    sql: string,
    answer: Answer,
    context: AuditContext | undefined,
  ): readonly RowChange[] {
    return this.#targets.opaque(statement, () => toldStatement(sql, this.#settings), answer, context);
  }

  /** Each statement of the string by itself, as the server does; the results are put together again. */
  async #several(
    command: Command,
    context: AuditContext | undefined,
    sql: string,
    statements: readonly Tokens["list"][],
  ): Promise<void> {
    const parts = statements.map((list) => partOf(sql, list));
    const read = parts.map(readStatement);
    if (parts.some(({ list }) => isCompound(list))) {
      this.#forwardUnplanned(command, unread, sql, context);
      return;
    }
    const answers: Answer[] = [];
    for (const [index, statement] of read.entries()) {
      const part = parts[index]!;
      await this.#settleDoubt(statement, part.sql);
      const work = await this.#workFor(statement, part, context, command);
      const refused = work ? null : await this.#outbox?.beforeCommit(statement, part);
      const recorded = work ? work.table.transactional : await this.#changesRows(statement, context);
      const run = (): Promise<Done> =>
        work ? this.#run(work, statement) : this.#runUnplanned(command, statement, part.sql, context);
      const answer = refused ?? (await this.#inTransaction(recorded, run)).answer;
      answers.push(answer);
      if (answer.error) break;
    }
    this.#deliver(command, together(answers));
  }

  async #runUnplanned(
    command: Command,
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
  ): Promise<Done> {
    this.#underWay = statement;
    const answer = await this.#wire.replace(command, sql);
    this.#note(statement, answer);
    const changes = answer.error ? [] : this.#opaque(statement, sql, answer, context);
    this.#transaction.changed({ changes, statement: null }, statement.kind === "truncate");
    return { answer, changes };
  }

  /** `null` for what is none of ours: no write, or a table that is not recorded. */
  async #workFor(
    statement: Statement,
    tokens: Tokens,
    context: AuditContext | undefined,
    command: Command,
  ): Promise<Work | null> {
    if (statement.kind === "opaque") for (const ref of statement.tables) await this.#targets.table(ref);
    if (!isWrite(statement) || context?.muted) return null;
    const table = await this.#targets.concerned(statement.table);
    if (!table || table.base !== null) return null;
    return new Work(this.#session(), tokens, table, context, {
      run: (text, more) => this.#wire.replace(command, text, more),
      runWithExtra: (text) => this.#wire.replaceWithExtra(command, text),
      takesExtra: takesExtra(command),
    });
  }

  async #run(work: Work, statement: Statement): Promise<Done> {
    this.#underWay = statement;
    const done = await work.guarded(() => runPlan(work, statement));
    const { answer, inDoubt } = done;
    const changes = done.changes.filter(({ table }) => this.#shared.scope.includes(table));
    if (inDoubt) this.#transaction.doubtful(changes);
    else if (answer.error?.fatal) this.#brokeOff(work);
    else this.#note(statement, answer);
    if (!answer.error) {
      const told = changesOf(changes, work.tokens.sql, this.#settings);
      this.#transaction.changed(told, !work.table.transactional);
    }
    return done;
  }

  /** A write whose rows are not told apart, to a table that is recorded. */
  async #changesRows(statement: Statement, context: AuditContext | undefined): Promise<boolean> {
    if (!this.#outbox || statement.kind !== "opaque" || statement.anywhere || context?.muted) return false;
    for (const ref of statement.tables) if (await this.#targets.concerned(ref)) return true;
    return false;
  }

  /** With an outbox, what is recorded is committed with its records. */
  #inTransaction(recorded: boolean, run: () => Promise<Done>): Promise<Done> {
    return this.#outbox && recorded ? this.#outbox.around(run) : run();
  }

  async #end(how: "COMMIT" | "ROLLBACK"): Promise<Answer> {
    this.#underWay = how === "COMMIT" ? commit : rollback;
    const answer = await this.#wire.ask(how);
    this.#note(this.#underWay, answer);
    return answer;
  }

  /** Inside of a transaction nothing of it is kept; outside, it may be done. */
  #brokeOff(work: Work): void {
    if (!this.#transaction.active) this.#transaction.doubtful([work.opaque(null)]);
  }

  #deliver(command: Command, answer: Answer): void {
    const { error } = answer;
    this.#wire.deliver(command, answer);
    if (error?.fatal) this.#lost(answer);
    else this.#next();
  }

  /* Not before a query: SHOW WARNINGS would find ours in the place of the application's. */
  async #settleDoubt(statement: Statement, sql: string): Promise<void> {
    if (harmless.test(sql)) return;
    if (this.#transaction.isInDoubt(statement)) this.#transaction.resolve(await this.#wire.ask("DO 0"));
  }

  /** Reads what the session allows, once, and again after a SET that may have changed it. */
  async #prepare(): Promise<void> {
    if (this.#settings) return;
    const ok = await this.#wire.ask(declareVariables);
    this.#header ??= ok.headers[0] ?? null;
    this.#transaction.resolve(ok);
    const answer = await this.#wire.ask(settingsQuery);
    if (answer.error) throw answer.error;
    const [row] = answer.rows as Raw[][];
    this.#settings = this.#shared.adjust(settingsOf(row!));
    this.#targets.use(this.#settings.database);
    if (this.#settings.foldsNames) this.#shared.catalog.foldNames();
  }

  #scan(sql: string): Tokens["list"] | null {
    if (/\bsql_mode\b|\bset\s+(?:names|char)|\bcharacter_set_results\b/i.test(sql)) this.#settings = null;
    return scan(sql, this.#settings ?? { ansiQuotes: false, plainBackslash: false });
  }

  #session(): Session {
    const { limits } = this.#shared;
    const transaction = this.#transaction;
    return {
      settings: this.#settings!,
      limits,
      header: this.#header,
      countsFound: this.#wire.countsFound,
      get inTransaction() {
        return transaction.active;
      },
      get full() {
        return transaction.full;
      },
      ask: (sql) => this.#wire.ask(sql),
      table: (ref: TableRef) => this.#targets.table(ref),
    };
  }

  async #text(sql: string): Promise<(string | null)[][]> {
    const answer = await this.#wire.askText(sql);
    if (answer.error) throw answer.error;
    return answer.rows as (string | null)[][];
  }
}

type WriteStatement = Extract<Statement, { kind: "insert" | "update" | "delete" }>;

const isWrite = (statement: Statement): statement is WriteStatement =>
  statement.kind === "insert" || statement.kind === "update" || statement.kind === "delete";

function runPlan(work: Work, statement: Statement): Promise<Done> {
  if (work.session.full) return work.asItIs();
  if (statement.kind === "insert") return runInsert(work, statement);
  if (statement.kind === "update") return runUpdate(work, statement);
  if (statement.kind === "delete") return runDelete(work, statement);
  return work.asItIs();
}
