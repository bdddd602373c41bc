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
import { takesExtra, Wire, type Answer, type Command, type Connection } from "./wire.js";
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
  readonly #intents: Intents | null;
  readonly #keeper: Keeper;
  readonly #facts: SessionFacts;
  readonly #queue: Job[] = [];
  readonly #undo: Undo;
  #underWay: Statement | null = null;
  #busy = false;
  #dead = false;

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
    if (this.#outbox?.due && !this.#dead) {
      this.#busy = true;
      void this.#outbox.settle().then(() => this.#next());
      return;
    }
    const job = this.#queue.shift();
    this.#busy = job !== undefined;
    if (!job) return;
    const { command } = job;
    if (!this.#wire.isQuery(command)) {
      void this.#forwardOther(job);
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
  async #forwardOther({ command, context }: Job): Promise<void> {
    const refused = this.#outbox ? await this.#beforePrepared(command, context) : null;
    if (refused) {
      this.#deliver(command, refused);
      return;
    }
    this.#wire.forward(command, (answer) => {
      const kind = command.constructor.name;
      if (kind === "ChangeUser" || kind === "ResetConnection") {
        this.#transaction.reset();
        this.#facts.forget();
      } else if (kind === "Execute") {
        this.#executed(command, answer, context);
      }
      this.#ended(answer);
    });
  }

  /** The error that the application is to get, if what is changed cannot be recorded. */
  async #beforePrepared(command: Command, context: AuditContext | undefined): Promise<Answer | null> {
    const { statement: prepared, values } = command as Executed;
    const sql = prepared?.query;
    if (typeof sql !== "string") return null;
    const list = this.#facts.scan(sql);
    const statement = list ? readStatement({ sql, list }) : other;
    const refused = await this.#outbox!.beforeCommit(statement, { sql, list: list ?? [] });
    if (refused || command.constructor.name !== "Execute") return refused;
    return this.#keeper.declare(statement, sql, context, { values: Array.isArray(values) ? values : [] });
  }

  #executed(command: Command, answer: Answer, context: AuditContext | undefined): void {
    const { statement: prepared, values: given } = command as Executed;
    const sql = prepared?.query;
    if (typeof sql !== "string") return;
    const values = Array.isArray(given) ? given : [];
    const tokens = this.#facts.scan(sql);
    const statement = tokens ? readStatement({ sql, list: tokens }) : other;
    this.#transaction.answered(statement, answer);
    if (!answer.error?.fatal) this.#outbox?.answered(answer);
    if (answer.error) return;
    const told = (): ToldStatement => toldStatement(sql, this.#facts.settings, values);
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
    this.#transaction.lost(this.#underWay);
    this.#intents?.lost();
    const error = answer?.error ?? this.#wire.closedBy;
    for (const { command } of this.#queue.splice(0)) {
      if (error) command.onResult?.(error);
      else this.#wire.forward(command, () => {});
    }
  }

  async #plan({ command, context }: Job, sql: string): Promise<void> {
    try {
      await this.#facts.prepare();
      const tokens = this.#facts.scan(sql);
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
      await this.#settleDoubt(statement, part.sql);
      const work = await this.#workFor(statement, part, context, command);
      const refused = work ? null : await this.#outbox?.beforeCommit(statement, part);
      const run = (): Promise<Done> =>
        work ? this.#run(work, statement) : this.#runUnplanned(command, statement, part.sql, context);
      const answer = refused ?? (await this.#keeper.run(work, statement, part.sql, context, run)).answer;
      answers.push(answer);
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
    return new Work(this.#facts.session(this.#shared.limits), tokens, table, context, {
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
      const told = changesOf(changes, work.tokens.sql, this.#facts.settings);
      this.#transaction.changed(told, !work.table.transactional);
    }
    return done;
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
}
