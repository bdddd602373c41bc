/**
 * Sees every text that the application sends on one connection of the pool, and sends it: mostly at once and
 * as it is.
 *
 * Texts keep their order. A text waits only if the one before it must first ask the database something, or is
 * carried out in several steps; all that come after wait behind it.
 *
 * @module
 */
import { currentContext, type AuditContext } from "../../../context/context.js";
import { fault, guarded } from "../../../health.js";
import type { FamilyLimits, OutboxTarget } from "../family.js";
import { Acquaintance } from "./acquaintance.js";
import { ConnectionState, type TransactionStatus } from "./connection.js";
import { Execution } from "./execution.js";
import { Lane } from "./lane.js";
import type { Library } from "./library.js";
import { takesPart, writeOutbox } from "./outbox.js";
import {
  queueLength,
  transactionStatus,
  whenIdle,
  type PgClient,
  type PgConnection,
  type PgError,
  type QueryConstructor,
  type QueryFunction,
  type Submittable,
} from "./pg.js";
import type { Plan } from "./plan.js";
import { surelyReads } from "./read.js";
import { StatementNames } from "./statement-names.js";
import { noSteps, type Ask, type Steps } from "./steps.js";
import { intercept, textOf, toSubmittable, valuesOf, type Interception } from "./submit.js";

const NOTHING_BESIDE: Interception = {
  unseen: true,
  generation: null,
  retry: () => false,
  finish: (deliver) => deliver(),
  failed: () => {},
};

/** A query that was made and not sent yet. */
interface Call {
  readonly query: Submittable;
  /** Nobody but pg holds it. */
  readonly unseen: boolean;
  readonly text: string;
  readonly context: AuditContext | undefined;
}

export class Session {
  readonly #client: PgClient;
  readonly #connection: PgConnection;
  readonly #Query: QueryConstructor;
  readonly #library: Library;
  readonly #limits: FamilyLimits;
  readonly #outbox: OutboxTarget | undefined;
  readonly #state: ConnectionState;
  readonly #names = new StatementNames();
  readonly #send: QueryFunction;
  readonly #wrapper: QueryFunction;
  readonly #lane = new Lane();
  readonly #known: Acquaintance;
  #inside = false;
  /** Rows of the outbox are part of the open transaction. */
  #written = false;
  #attached = true;
  #leaving = false;
  #ended = false;
  readonly #listeners: [event: string, listener: (message: any) => void][] = [];

  constructor(client: PgClient, connection: PgConnection, Query: QueryConstructor, library: Library) {
    this.#client = client;
    this.#connection = connection;
    this.#Query = Query;
    this.#library = library;
    this.#limits = library.limits;
    this.#outbox = library.outbox;
    this.#known = new Acquaintance(
      library,
      () => client.processID,
      (text, values) => this.#ask(text, values),
    );
    this.#state = new ConnectionState(library.sink, library.limits, library.prepared, (what) => {
      if (what === "tables") library.forgetTables();
      this.#known.identity = null;
    });
    this.#state.status = transactionStatus(client);
    this.#listen();
    const own = Object.hasOwn(client, "query");
    const previous = client.query;
    this.#send = (...args) => previous.apply(client, args);
    this.#wrapper = (config, values, callback) => this.#query(config, values, callback);
    client.query = this.#wrapper;
    this.#giveBack = () => {
      // Someone may have wrapped it after us: then ours stays in place, and only passes on.
      if (client.query !== this.#wrapper) return;
      if (own) client.query = previous;
      else delete (client as Partial<PgClient>).query;
    };
  }

  readonly #giveBack: () => void;

  /** False if `client.query` was replaced by something that may not call ours. */
  get inPlace(): boolean {
    return this.#client.query === this.#wrapper;
  }

  /** Leaves the connection as it was found: at once, or when the transaction that is open has ended. */
  detach(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (!this.#state.busy) this.#leave();
  }

  #leave(): void {
    this.#attached = false;
    this.#names.forget(this.#connection);
    for (const [event, listener] of this.#listeners) this.#connection.off(event, listener);
    this.#giveBack();
  }

  #listen(): void {
    // In front of pg's own listeners: when the application hears of an answer, its changes have been told.
    const listen = <Message>(event: string, take: (message: Message) => void): void => {
      const listener = (message: Message): void => {
        guarded("capture.postgres", () => take(message));
      };
      this.#connection.prependListener(event, listener);
      this.#listeners.push([event, listener]);
    };
    listen<{ text: string }>("commandComplete", ({ text }) => {
      if (text === "DISCARD ALL" || text === "DEALLOCATE ALL") this.#names.discarded();
      this.#state.commandComplete(text);
    });
    listen<unknown>("errorMessage", () => this.#state.errorMessage());
    listen<{ status?: string }>("readyForQuery", ({ status }) => {
      this.#state.readyForQuery((status ?? "I") as TransactionStatus);
      if (this.#written && this.#state.status === "I") {
        this.#written = false;
        this.#outbox?.committed();
      }
      if (this.#leaving && !this.#state.busy) this.#leave();
    });
    listen<unknown>("end", () => {
      this.#ended = true;
      this.#state.end();
    });
  }

  #query(config: unknown, values: unknown, callback: unknown): unknown {
    const given = [config, values, callback].slice(
      0,
      callback === undefined ? (values === undefined ? 1 : 2) : 3,
    );
    const asGiven = (): unknown => this.#send(...(given as [unknown]));
    if (this.#inside || config === null || config === undefined) return asGiven();
    const text = textOf(config, this.#connection);
    if (!this.#lane.isHeld && (text === null || !this.#attached || surelyReads(text))) return asGiven();
    const made = toSubmittable(this.#client, this.#Query, config, values, callback);
    if (!made) return asGiven();
    const { query, unseen } = made;
    const call: Call = { query, unseen, text: text ?? "", context: currentContext() };
    this.#lane.take(() => this.#start(call));
    return made.result;
  }

  /** Sends a query at once, if all that is needed for that is known. */
  #start(call: Call): void {
    const { text, query } = call;
    if (!this.#attached || surelyReads(text) || this.#clashes(call)) {
      this.#pass(query);
      return;
    }
    const plan = guarded("capture.postgres", () => this.#plan(call));
    if (plan === null) this.#lane.hold(() => this.#startLater(call));
    else if (plan === undefined) this.#pass(query);
    else if (this.#outbox && takesPart(plan)) this.#lane.hold(() => this.#runWithOutbox(call, plan));
    else if (plan.steps) this.#lane.hold(() => this.#runInSteps(call, plan, plan.steps!()));
    else this.#run(call, plan);
  }

  /** Asks the database, and sends the query then. */
  async #startLater(call: Call): Promise<void> {
    let plan: Plan | null | undefined = null;
    try {
      await this.#library.ready;
      plan = await this.#known.plan(call.text, () => this.#state.status !== "E" && !call.context?.muted);
    } catch (error) {
      fault("capture.postgres_catalog", error);
    }
    plan ??= guarded("capture.postgres", () => this.#library.planAsItIs(call.text, this.#known.identity));
    if (plan && this.#outbox && takesPart(plan)) await this.#runWithOutbox(call, plan);
    else if (plan?.steps) await this.#runInSteps(call, plan, plan.steps());
    else if (plan) this.#run(call, plan);
    else this.#pass(call.query);
  }

  /**
   * So that the records of what is changed are committed with it: before a COMMIT they are written to the outbox;
   * a statement outside of a transaction gets one around it.
   */
  async #runWithOutbox(call: Call, plan: Plan): Promise<void> {
    if (!(await this.#idle(call))) return;
    const takes = takesPart(plan);
    const { status } = this.#state;
    if (takes === "atCommit" && status === "T") {
      try {
        await this.#writeOutbox();
      } catch (error) {
        await this.#control("ROLLBACK").catch(() => {});
        call.query.handleError(error as PgError, this.#connection);
        return;
      }
    }
    if (takes === "inTransaction" && status === "I")
      await this.#runInSteps(call, plan, plan.steps?.() ?? noSteps);
    else if (plan.steps) await this.#runInSteps(call, plan, plan.steps());
    else this.#run(call, plan);
  }

  /** @throws {AuditError} `AUDIT_OUTBOX_FAILED`: the transaction must not be committed */
  async #writeOutbox(): Promise<void> {
    const outbox = this.#outbox;
    if (!outbox || this.#state.pending.length === 0) return;
    const written = await writeOutbox(outbox, this.#state.pending, (text) => this.#ask(text));
    if (!written) return;
    this.#state.forgetPending();
    this.#written = true;
  }

  /** `null`: something must be asked first. */
  #plan({ text, context }: Call): Plan | null {
    if (!this.#library.loaded) return null;
    if (this.#library.isControl(text) || context?.muted)
      return this.#library.planAsItIs(text, this.#known.identity);
    if (this.#known.identity === null) return null;
    const plan = this.#library.plan(text, this.#known.identity);
    return "tables" in plan ? null : plan;
  }

  #run(call: Call, plan: Plan, prepare = true): void {
    const { query, context } = call;
    const execution = new Execution(plan, context, this.#limits, valuesOf(query));
    const own = query instanceof this.#Query;
    intercept(query, own, execution, this.#state, this.#names, {
      finish: NOTHING_BESIDE.finish,
      failed: NOTHING_BESIDE.failed,
      unseen: call.unseen,
      generation: prepare && this.#limits.prepare && this.#known.direct ? this.#library.generation : null,
      retry: (error, outdated) => own && this.#retry(call, execution, error, outdated),
    });
    this.#pass(query);
  }

  /** Asks before and after, in the transaction that is open, or in one around this text. */
  async #runInSteps(call: Call, plan: Plan, steps: Steps): Promise<void> {
    if (!(await this.#idle(call))) return;
    const { query, context } = call;
    const { status } = this.#state;
    if (status === "E") return this.#run(call, { ...plan, steps: null });
    const own = status === "I";
    const ask: Ask = (text, values) => this.#ask(text, values);
    try {
      if (own) await this.#control("BEGIN");
      await steps.before(ask, valuesOf(query));
    } catch (error) {
      if (own) await this.#control("ROLLBACK").catch(() => {});
      return this.#couldNotAsk(call, error as PgError, own);
    }
    const execution = new Execution(plan, context, this.#limits, valuesOf(query));
    await new Promise<void>((done) => {
      const ours = query instanceof this.#Query;
      intercept(query, ours, execution, this.#state, this.#names, {
        ...NOTHING_BESIDE,
        unseen: call.unseen,
        retry: (error) => {
          if (!own || !ours || !this.#refused(plan, error)) return false;
          this.#again(call, error).then(done, done);
          return true;
        },
        finish: (deliver, fail) => {
          this.#afterSteps(steps, execution, own).then(deliver, fail).finally(done);
        },
        failed: () => {
          if (own) this.#control("ROLLBACK").then(done, done);
          else done();
        },
      });
      this.#pass(query);
    });
  }

  /** Waits for the texts before this one. False if the connection was lost meanwhile, which the call is told. */
  async #idle({ query }: Call): Promise<boolean> {
    if (this.#ended) return true;
    await whenIdle(this.#client, this.#connection);
    if (!this.#ended) return true;
    // What pg says to all that wait in its queue.
    query.handleError(new Error("Connection terminated unexpectedly"), this.#connection);
    return false;
  }

  async #afterSteps(steps: Steps, execution: Execution, own: boolean): Promise<void> {
    try {
      const changes = await steps.after((text, values) => this.#ask(text, values), execution);
      const { statement } = execution.plan;
      this.#state.add({ changes, statement, parameters: () => execution.parameters() });
      if (own) await this.#writeOutbox();
    } catch (error) {
      if (own) await this.#control("ROLLBACK").catch(() => {});
      throw error;
    }
    if (own) await this.#control("COMMIT");
  }

  /** In our own transaction, which the failed statement has spoilt: a new one for the text as it was given. */
  async #again(call: Call, error: PgError): Promise<void> {
    await this.#control("ROLLBACK");
    this.#library.giveUp(call.text, this.#known.identity, error);
    await this.#runInSteps(call, this.#library.planAsItIs(call.text, this.#known.identity), noSteps);
  }

  /** What keeps us from asking keeps the statement from running: a lock timeout, a deadlock, a lost connection. */
  #couldNotAsk(call: Call, error: PgError, own: boolean): void {
    const { text, query } = call;
    if (own || error.code === undefined)
      return this.#run(call, this.#library.planAsItIs(text, this.#known.identity));
    // In the application's transaction the failure is final: it is told as the statement's own.
    const command = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? "";
    error.message = error.message.replace(/SELECT FOR (NO KEY )?UPDATE|LOCK TABLE/, command);
    error.position = undefined;
    query.handleError(error, this.#connection);
  }

  /** Steers a transaction of ours; what it commits is told as any other. */
  #control(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const plan = this.#library.planAsItIs(text, this.#known.identity);
      const query = new this.#Query(text, undefined, (error: unknown) =>
        error ? reject(error as Error) : resolve(),
      );
      const execution = new Execution(plan, undefined, this.#limits);
      intercept(query, true, execution, this.#state, this.#names, NOTHING_BESIDE);
      this.#pass(query);
    });
  }

  /**
   * Sends the text as it was given, if it is we who may be to blame for an error, and if that can do no harm:
   * outside of a transaction the failed statement has left nothing behind.
   */
  #retry(call: Call, { plan, autocommit }: Execution, error: PgError, outdated: boolean): boolean {
    const ours = outdated || this.#refused(plan, error);
    if (!ours || !autocommit || queueLength(this.#client) !== 0 || this.#lane.isHeld) return false;
    if (outdated) {
      this.#run(call, plan, false);
      return true;
    }
    const asItIs = this.#library.planAsItIs(call.text, this.#known.identity);
    const { query, context } = call;
    const execution = new Execution(asItIs, context, this.#limits, valuesOf(query));
    intercept(query, true, execution, this.#state, this.#names, {
      ...NOTHING_BESIDE,
      unseen: call.unseen,
      finish: (deliver) => {
        // It was we: from now on this text is run as it is.
        this.#library.giveUp(call.text, this.#known.identity, error);
        deliver();
      },
    });
    this.#pass(query);
    return true;
  }

  /** What the server says of a text that it cannot run in the form that we gave it. */
  #refused({ insertions }: Plan, { code }: PgError): boolean {
    return insertions.length > 0 && /^(42|0A)/.test(code ?? "");
  }

  /** pg refuses a second text under the same name; it shall do so itself. */
  #clashes({ query, text }: Call): boolean {
    const { name } = query;
    if (typeof name !== "string" || name === "" || query.text === undefined) return false;
    const known =
      this.#connection.parsedStatements?.[name] ?? this.#connection.submittedNamedStatements?.[name];
    return known !== undefined && known !== text;
  }

  /** Hands a query to pg. */
  #pass(query: Submittable): void {
    this.#inside = true;
    try {
      this.#send(query);
    } finally {
      this.#inside = false;
    }
  }

  /** A question of ours, on the application's connection, ahead of the call that waits for it. */
  #ask(text: string, values: readonly unknown[] = []): ReturnType<Ask> {
    return new Promise((resolve, reject) => {
      const config = { text, values, rowMode: "array", types: { getTypeParser: () => String } };
      const query = new this.#Query(
        config,
        undefined,
        (error: unknown, result: { rows: (string | null)[][] }) =>
          error ? reject(error as Error) : resolve(result.rows),
      );
      this.#pass(query);
    });
  }
}
