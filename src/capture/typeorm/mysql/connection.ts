/**
 * Captures on one connection: takes each command in turn, runs it as it is or by a plan, follows transactions.
 *
 * One command at a time, as the server has it anyway, so that the queries of a plan stay together.
 *
 * @module
 */
import { AsyncResource } from "node:async_hooks";
import { currentContext, type AuditContext } from "../../../context/context.js";
import { fault, guarded } from "../../../health.js";
import type { Undo } from "../../capture.js";
import type { StatementChanges } from "../bulk.js";
import { Intents } from "../outbox/intent.js";
import type { OutboxTarget, ChangeSink, FamilyLimits, RowChange, TableScope } from "../family.js";
import type { Catalog } from "./catalog.js";
import { splitStatements } from "./scan.js";
import { askNames, SessionFacts } from "./session.js";
import { intentSql } from "./intent.js";
import { Keeper } from "./keeper.js";
import { Outbox } from "./outbox.js";
import { isCompound, partOf, together } from "./several.js";
import type { Settings } from "./settings.js";
import { readStatement, unread, type Statement, type Tokens } from "./statement.js";
import { Targets } from "./targets.js";
import { changesOf, toldStatement, type ToldStatement } from "./told.js";
import { Transaction } from "./transaction.js";
import { answerWith, Wire, type Answer, type Command, type Connection } from "./wire.js";
import { Work, type Done } from "./work.js";
import { isWrite, runPlan } from "./write.js";

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
  /** False after `stop`. */
  readonly recorded: boolean;
}

/** A prepared statement that is run, and what it is run with. */
interface Prepared {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** As mysql2 keeps it. */
interface Executed {
  readonly statement?: { readonly query?: unknown };
  readonly values?: unknown;
}

/** It may fail when a part of it is done. */
const hasParts = (statement: Statement): boolean =>
  statement.kind !== "insert" || statement.rows?.length !== 1;

function preparedIn(command: Command): Prepared | null {
  if (command.constructor.name !== "Execute") return null;
  const { statement, values } = command as Executed;
  const sql = statement?.query;
  // Without a text it could not be prepared, and does nothing.
  return typeof sql === "string" ? { sql, values: Array.isArray(values) ? values : [] } : null;
}

const other: Statement = { kind: "other", table: null };
const commit: Statement = { kind: "commit", name: null };
const rollback: Statement = { kind: "rollback", name: null };
/* A text that was not understood, where what is a value cannot be told; a transaction that may only read. */
const nothingDone = new Set([1064, 1792]);
/* Neither a write nor an end of a transaction; not worth a scan. */
const harmless = /^\s*(?:SELECT|SHOW|EXPLAIN|DESCRIBE|DESC|KILL|HELP|DO|GET|CHECK|CHECKSUM)\b/i;
const suspicious = /\b(?:insert|update|delete|replace|truncate|call|load|execute|alter|create|drop)\b/i;

export class ConnectionCapture {
  readonly #wire: Wire;
  readonly #shared: Shared;
  readonly #transaction: Transaction;
  readonly #targets: Targets;
  readonly #outbox: Outbox | null;
  readonly #intents: Intents | null;
  readonly #keeper: Keeper;
  readonly #facts: SessionFacts;
  readonly #queue: Job[] = [];
  readonly #undo: Undo;
  #underWay: Statement | null = null;
  /** What the statement under way may have changed, if the connection breaks before its answer. */
  #mayBeDone: ((answer: Answer) => readonly RowChange[]) | null = null;
  #busy = false;
  #dead = false;
  #stopping = false;

  /** @param forget - called when the connection is closed, but for one that was left before */
  constructor(connection: Connection, shared: Shared, forget: () => void) {
    this.#shared = shared;
    this.#wire = new Wire(connection);
    const { outbox, sink } = shared;
    const ask = (sql: string): Promise<Answer> => this.#wire.ask(sql);
    this.#intents = outbox ? new Intents(outbox, sink, intentSql(ask)) : null;
    this.#transaction = new Transaction(this.#intents ?? sink, shared.limits);
    this.#targets = new Targets(shared, (sql) => askNames(this.#wire, sql));
    this.#outbox =
      outbox && this.#intents
        ? new Outbox(outbox, this.#transaction, this.#intents, { ask, end: (how) => this.#end(how) })
        : null;
    this.#facts = new SessionFacts(this.#wire, shared, this.#transaction, this.#targets);
    this.#keeper = new Keeper(this.#outbox, this.#targets, (sql, values) =>
      toldStatement(sql, this.#facts.settings, values),
    );
    const undo = this.#wire.intercept((command) => this.#take(command));
    const closed = (): void => {
      forget();
      this.#lost();
    };
    connection.stream.once("close", closed);
    this.#undo = () => {
      connection.stream.off("close", closed);
      undo();
    };
  }

  /**
   * Leaves the connection, when all that was sent before is done. Until then whatever follows waits its turn: it must come
   * neither between the queries of a plan, nor before a command that waits. QUIT above all.
   */
  stop(): void {
    if (this.#busy && !this.#dead) this.#stopping = true;
    else this.#undo();
  }

  #take(command: Command): void {
    const resource = new AsyncResource("activity-audit");
    this.#queue.push({ command, context: currentContext(), resource, recorded: !this.#stopping });
    if (!this.#busy) this.#next();
  }

  #next(): void {
    this.#underWay = null;
    this.#mayBeDone = null;
    if (this.#outbox?.due && !this.#dead) {
      this.#busy = true;
      void this.#outbox.settle().then(() => this.#next());
      return;
    }
    const job = this.#queue.shift();
    this.#busy = job !== undefined;
    if (!job) {
      if (this.#stopping) this.#undo();
      return;
    }
    const { command } = job;
    const prepared = preparedIn(command);
    if (!job.recorded) {
      this.#wire.forward(command, (answer) => this.#ended(answer));
    } else if (prepared) {
      void job.resource.runInAsyncScope(() => this.#execute(job, prepared));
    } else if (!this.#wire.isQuery(command)) {
      this.#forwardOther(command);
    } else if (harmless.test(command.sql) && !this.#wire.takesSeveral) {
      this.#forward(command, other);
    } else {
      void job.resource.runInAsyncScope(() => this.#plan(job, command.sql));
    }
  }

  /** Commands that are no text, but for prepared statements that are run: ping, reset, the preparing itself. */
  #forwardOther(command: Command): void {
    this.#wire.forward(command, (answer) => {
      const kind = command.constructor.name;
      if (kind === "ChangeUser" || kind === "ResetConnection") {
        this.#transaction.reset();
        this.#facts.forget();
        this.#targets.forgetTemporary();
      }
      this.#ended(answer);
    });
  }

  async #execute({ command, context }: Job, { sql, values }: Prepared): Promise<void> {
    let statement: Statement = other;
    try {
      if (!harmless.test(sql)) {
        await this.#facts.prepare();
        const list = this.#facts.scan(sql);
        statement = list ? readStatement({ sql, list }) : suspicious.test(sql) ? unread : other;
        await this.#settleDoubt(statement, sql);
        await this.#targets.meet(statement);
        const refused =
          (await this.#outbox?.beforeCommit(statement, { sql, list: list ?? [] })) ??
          (await this.#keeper.declare(statement, sql, context, { values }));
        if (refused) {
          this.#deliver(command, refused);
          return;
        }
      }
    } catch (error) {
      fault("capture.mysql", error);
    }
    const told = (): ToldStatement => toldStatement(sql, this.#facts.settings, values);
    const within = this.#transaction.active;
    const changes = (answer: Answer): RowChange[] => this.#targets.opaque(statement, told, answer, context);
    this.#mayBeDone = changes;
    this.#forward(command, statement, (answer) => {
      this.#tellUnplanned(() => changes(answer), statement, answer, within);
    });
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
    this.#facts.heard(answer);
    if (answer.error?.fatal) return;
    this.#transaction.answered(statement, answer);
    this.#outbox?.answered(answer);
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
    // Inside of a transaction nothing of it is kept; outside, it may be done.
    const alone = !this.#transaction.active || this.#underWay?.kind === "truncate";
    const doubtful = (alone && this.#mayBeDone?.(answerWith(null))) || [];
    this.#transaction.lost(this.#underWay);
    this.#transaction.doubtful(doubtful);
    this.#intents?.lost();
    const error = answer?.error ?? this.#wire.closedBy;
    for (const { command } of this.#queue.splice(0)) {
      if (error) command.onResult?.(error);
      else this.#wire.forward(command, () => {});
    }
    if (this.#stopping) this.#undo();
  }

  async #plan({ command, context }: Job, sql: string): Promise<void> {
    try {
      await this.#facts.prepare();
      const tokens = this.#facts.scan(sql);
      const statements = tokens ? splitStatements(tokens) : [];
      if (tokens && statements.length > 1 && this.#wire.takesSeveral) {
        await this.#several(command, context, sql, statements);
        return;
      }
      const statement = tokens ? readStatement({ sql, list: statements[0] ?? [] }) : other;
      await this.#settleDoubt(statement, sql);
      const list = statements[0] ?? [];
      const work = await this.#workFor(statement, { sql, list }, context, command);
      if (work) {
        const done = await this.#keeper.run(work, statement, sql, context, () => this.#run(work, statement));
        this.#deliver(command, done.answer);
        return;
      }
      const told = tokens === null && suspicious.test(sql) ? unread : statement;
      const refused = await this.#outbox?.beforeCommit(told, { sql, list });
      if (refused) {
        this.#deliver(command, refused);
      } else if ((await this.#keeper.how(null, told, context)) === "transaction") {
        const done = await this.#outbox!.around(() => this.#runUnplanned(command, told, sql, context));
        this.#deliver(command, done.answer);
      } else {
        await this.#forwardDeclared(command, told, sql, context);
      }
    } catch (error) {
      fault("capture.mysql", error);
      this.#forward(command, other);
    }
  }

  async #forwardDeclared(
    command: Command,
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
  ): Promise<void> {
    const refused = await this.#keeper.declare(statement, sql, context);
    if (refused) this.#deliver(command, refused);
    else this.#forwardUnplanned(command, statement, sql, context);
  }

  #forwardUnplanned(
    command: Command,
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
  ): void {
    const within = this.#transaction.active;
    this.#mayBeDone = (answer) => this.#opaque(statement, sql, answer, context);
    this.#forward(command, statement, (answer) => {
      this.#tellUnplanned(() => this.#opaque(statement, sql, answer, context), statement, answer, within);
    });
  }

  #opaque(
    statement: Statement,
    sql: string,
    answer: Answer,
    context: AuditContext | undefined,
  ): readonly RowChange[] {
    return this.#targets.opaque(statement, () => toldStatement(sql, this.#facts.settings), answer, context);
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
      const refused = await this.#outbox?.beforeCommit(unread, parts[0]!);
      if (refused) this.#deliver(command, refused);
      else await this.#forwardDeclared(command, unread, sql, context);
      return;
    }
    const answers: Answer[] = [];
    for (const [index, statement] of read.entries()) {
      const part = parts[index]!;
      await this.#facts.prepare();
      await this.#settleDoubt(statement, part.sql);
      const work = await this.#workFor(statement, part, context, command);
      const refused = work ? null : await this.#outbox?.beforeCommit(statement, part);
      const run = (): Promise<Done> =>
        work ? this.#run(work, statement) : this.#runUnplanned(command, statement, part.sql, context);
      const answer = refused ?? (await this.#keeper.run(work, statement, part.sql, context, run)).answer;
      answers.push(answer);
      this.#facts.follow(part.sql);
      if (this.#outbox?.due && !answer.error?.fatal) await this.#outbox.settle();
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
    this.#mayBeDone = (unanswered) => this.#opaque(statement, sql, unanswered, context);
    this.#wire.keepTime(command);
    const within = this.#transaction.active;
    const answer = await this.#wire.replace(command, sql);
    this.#note(statement, answer);
    this.#tellUnplanned(() => this.#opaque(statement, sql, answer, context), statement, answer, within);
    return { answer, changes: [] };
  }

  /** `null` for what is none of ours: no write, or a table that is not recorded. */
  async #workFor(
    statement: Statement,
    tokens: Tokens,
    context: AuditContext | undefined,
    command: Command,
  ): Promise<Work | null> {
    if (statement.kind === "opaque") await this.#targets.meet(statement);
    if (!isWrite(statement) || context?.muted) return null;
    const table = await this.#targets.concerned(statement.table);
    if (!table || table.base !== null) return null;
    this.#wire.keepTime(command);
    return new Work(this.#facts.session(this.#shared.limits), tokens, table, context, {
      run: (text, more, room) => this.#wire.replace(command, text, more, room),
      runWithExtra: (text) => this.#wire.replaceWithExtra(command, text),
      takesExtra: this.#wire.takesExtra(command),
    });
  }

  async #run(work: Work, statement: Statement): Promise<Done> {
    this.#underWay = statement;
    this.#mayBeDone = () => (work.mayBeDone ? [work.opaque(null)] : []);
    const done = await work.guarded(() => runPlan(work, statement));
    const { answer, inDoubt } = done;
    const changes = done.changes.filter(({ table }) => this.#shared.scope.includes(table));
    if (inDoubt) this.#transaction.doubtful(changes);
    else this.#note(statement, answer);
    if (!answer.error) {
      this.#tell(() => changesOf(changes, work.tokens.sql, this.#facts.settings), !work.table.transactional);
    } else if (!answer.error.fatal && !work.table.transactional && hasParts(statement)) {
      this.#tellFailed(() => [work.opaque(null)], false);
    }
    return done;
  }

  /** Whatever is wrong with its record, the statement is done, and must not be run again. */
  #tell(made: () => StatementChanges, durable: boolean): void {
    this.#mayBeDone = null;
    guarded("capture.mysql", () => this.#transaction.changed(made(), durable));
  }

  /** @param within - a transaction of the application's was open before */
  #tellUnplanned(
    changes: () => readonly RowChange[],
    statement: Statement,
    { error }: Answer,
    within: boolean,
  ): void {
    const { kind } = statement;
    if (!error) this.#tell(() => ({ changes: changes(), statement: null }), kind === "truncate");
    else if (kind === "opaque" && statement.anywhere && !error.fatal && !nothingDone.has(error.errno ?? 0)) {
      this.#tellFailed(changes, within);
    }
  }

  /** Code that failed: what it had done before is not undone with it. An intent says so itself. */
  #tellFailed(changes: () => readonly RowChange[], within: boolean): void {
    this.#mayBeDone = null;
    if (this.#intents?.live) return;
    if (!within) guarded("capture.mysql", () => this.#transaction.failed(changes()));
    else if (this.#transaction.active) this.#tell(() => ({ changes: changes(), statement: null }), false);
  }

  async #end(how: "COMMIT" | "ROLLBACK"): Promise<Answer> {
    this.#underWay = how === "COMMIT" ? commit : rollback;
    const answer = await this.#wire.ask(how);
    this.#note(this.#underWay, answer);
    return answer;
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
}
