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
import { Intents } from "../outbox/intent.js";
import { Acquaintance } from "./acquaintance.js";
import { mayRunAgain, refused } from "./again.js";
import { Channel } from "./channel.js";
import { ConnectionState, type TransactionStatus } from "./connection.js";
import { Execution } from "./execution.js";
import {
  besideIntent,
  intended,
  intentSql,
  mayHaveCommitted,
  type Beside,
  type RunBesideIntent,
} from "./intent.js";
import { Lane } from "./lane.js";
import type { Library } from "./library.js";
import { takesPart, writeOutbox } from "./outbox.js";
import {
  isOfServer,
  NO_TIMEOUT,
  transactionStatus,
  type PgClient,
  type PgConnection,
  type PgError,
  type QueryConstructor,
  type Submittable,
} from "./pg.js";
import type { Plan, Telling } from "./plan.js";
import { surelyReads } from "./read.js";
import { StatementNames } from "./statement-names.js";
import { asTheirs, noSteps, type Ask, type Steps } from "./steps.js";
import { intercept, NOTHING_BESIDE, textOf, toSubmittable, valuesOf } from "./submit.js";

/** A query that was made and not sent yet. */
interface Call {
  readonly query: Submittable;
  /** Nobody but pg holds it. */
  readonly unseen: boolean;
  readonly text: string;
  readonly context: AuditContext | undefined;
}

function forgets(telling: Telling): boolean {
  return telling.how === "forget" || (telling.how === "count" && telling.defines === true);
}

export class Session {
  readonly #channel: Channel;
  readonly #library: Library;
  readonly #limits: FamilyLimits;
  readonly #outbox: OutboxTarget | undefined;
  readonly #intents: Intents | null;
  readonly #state: ConnectionState;
  readonly #names = new StatementNames();
  readonly #lane = new Lane();
  readonly #known: Acquaintance;
  /** Rows of the outbox are part of the open transaction. */
  #written = false;
  #attached = true;
  #leaving = false;

  constructor(client: PgClient, connection: PgConnection, Query: QueryConstructor, library: Library) {
    this.#library = library;
    this.#limits = library.limits;
    this.#outbox = library.outbox;
    const ask: Ask = (text, values) => this.#channel.ask(text, values);
    const { outbox, sink } = library;
    const isIdle = (): boolean => this.#state.status === "I";
    this.#intents = outbox ? new Intents(outbox, sink, intentSql(ask, isIdle)) : null;
    this.#known = new Acquaintance(library, () => client.processID, ask);
    this.#state = new ConnectionState(this.#intents ?? sink, library.limits, library.prepared, (what) => {
      if (what === "tables") library.forgetTables();
      else library.leave(this.#known.identity);
      this.#known.identity = null;
    });
    this.#state.status = transactionStatus(client);
    this.#channel = new Channel(client, connection, Query, (...given) => this.#query(...given));
    this.#listen();
  }

  /** False if `client.query` was replaced by something that may not call ours. */
  get inPlace(): boolean {
    return this.#channel.inPlace;
  }

  /** Leaves the connection as it was found: at once, or when the transaction that is open has ended. */
  detach(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (!this.#state.busy) this.#leave();
  }

  #leave(): void {
    this.#attached = false;
    this.#names.forget(this.#channel.connection);
    this.#channel.leave();
  }

  #listen(): void {
    const channel = this.#channel;
    channel.listen<{ text: string }>("commandComplete", ({ text }) => {
      if (text === "DISCARD ALL" || text === "DEALLOCATE ALL") this.#names.discarded();
      this.#state.commandComplete(text);
    });
    channel.listen<unknown>("portalSuspended", () => this.#state.portalSuspended());
    channel.listen<unknown>("errorMessage", () => this.#state.errorMessage());
    channel.listen<{ status?: string }>("readyForQuery", ({ status }) => {
      this.#state.readyForQuery((status ?? "I") as TransactionStatus);
      if (this.#written && this.#state.status === "I") {
        this.#written = false;
        this.#outbox?.committed();
      }
      if (this.#leaving && !this.#state.busy) this.#leave();
    });
    channel.listen<unknown>("end", () => {
      channel.ended = true;
      this.#state.end();
      this.#intents?.lost();
    });
  }

  #query(config: unknown, values: unknown, callback: unknown): unknown {
    const given = [config, values, callback].slice(
      0,
      callback === undefined ? (values === undefined ? 1 : 2) : 3,
    );
    const asGiven = (): unknown => this.#channel.send(...(given as [unknown]));
    if (config === null || config === undefined) return asGiven();
    const text = textOf(config, this.#channel.connection);
    if (!this.#lane.isHeld && (text === null || !this.#attached || surelyReads(text))) return asGiven();
    const made = toSubmittable(this.#channel.client, this.#channel.Query, config, values, callback);
    if (!made) return asGiven();
    const { query, unseen } = made;
    if (!unseen) this.#channel.expect(query);
    const call: Call = { query, unseen, text: text ?? "", context: currentContext() };
    this.#lane.take(() => this.#start(call));
    return made.result;
  }

  /** Sends a query at once, if all that is needed for that is known. */
  #start(call: Call): void {
    const { text, query } = call;
    if (!this.#attached || surelyReads(text) || this.#channel.clashes(query, text)) {
      this.#channel.pass(query);
      return;
    }
    const plan = guarded("capture.postgres", () => this.#plan(call));
    if (plan === null) this.#lane.hold(() => this.#startLater(call));
    else if (plan === undefined) this.#channel.pass(query);
    else if (this.#concernsOutbox(plan)) this.#lane.hold(() => this.#runWithOutbox(call, plan));
    else if (plan.steps) this.#lane.hold(() => this.#runInSteps(call, plan, plan.steps!()));
    else if (plan.tellings.some(forgets)) this.#lane.hold(() => this.#runAlone(call, plan));
    else this.#run(call, plan);
  }

  /** What comes after is read when it is known who we are, and what the tables are, then. */
  async #runAlone(call: Call, plan: Plan): Promise<void> {
    this.#run(call, plan);
    await this.#channel.idle();
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
    if (plan && this.#concernsOutbox(plan)) await this.#runWithOutbox(call, plan);
    else if (plan?.steps) await this.#runInSteps(call, plan, plan.steps());
    else if (plan?.tellings.some(forgets)) await this.#runAlone(call, plan);
    else if (plan) this.#run(call, plan);
    else this.#channel.pass(call.query);
  }

  /** True also for all that may end the transaction which an intent waits for. */
  #concernsOutbox(plan: Plan): boolean {
    return this.#outbox !== undefined && (takesPart(plan) !== null || this.#intents?.live === true);
  }

  /**
   * So that the records of what is changed are committed with it: before a COMMIT they are written to the outbox;
   * a statement outside of a transaction gets one around it, or, where it may commit by itself, an intent before it.
   */
  async #runWithOutbox(call: Call, plan: Plan): Promise<void> {
    if (!(await this.#idle(call))) return;
    const { commits = false, alone = null } = takesPart(plan) ?? {};
    const { status } = this.#state;
    let declared = false;
    // The end of the transaction before was not seen.
    if (status === "I") await this.#intents?.settle();
    try {
      if (commits && status === "T") await this.#writeOutbox();
      if (alone === "intent" && status === "I") declared = await this.#declare(call, plan);
    } catch (error) {
      if (status === "T") await this.#control("ROLLBACK").catch(() => {});
      call.query.handleError(error as PgError, this.#channel.connection);
      return;
    }
    if (alone === "transaction" && status === "I")
      await this.#runInSteps(call, plan, plan.steps?.() ?? noSteps);
    else if (plan.steps) await this.#runInSteps(call, plan, plan.steps());
    else if (this.#intents?.live) await this.#runBesideIntent(call, plan, declared);
    else this.#run(call, plan);
  }

  /** @throws {AuditError} `AUDIT_OUTBOX_FAILED`: the text must not be sent */
  async #declare({ context, query }: Call, plan: Plan): Promise<boolean> {
    // A pooler may give each text to another session: none would keep the lock.
    if (!this.#intents || !this.#known.direct) return false;
    await this.#intents.declare(intended(plan, context, valuesOf(query)));
    return this.#intents.live;
  }

  /** @param declared - the intent is of this text, and not of one before it that left a transaction open */
  #runBesideIntent(call: Call, plan: Plan, declared: boolean): Promise<void> {
    const { context, query } = call;
    const intents = this.#intents!;
    const run: RunBesideIntent = {
      idle: () => this.#channel.idle(),
      isOver: () => this.#state.status === "I" && !this.#channel.ended,
      committed: (error) =>
        declared && mayHaveCommitted(plan, error) ? intended(plan, context, valuesOf(query)) : [],
      again: async (error) => this.#runBesideIntent(call, await this.#asItIsAgain(call, error), false),
      fail: (error) => query.handleError(error, this.#channel.connection),
    };
    return new Promise((done) => this.#run(call, plan, true, besideIntent(intents, run, done)));
  }

  /** @throws {AuditError} `AUDIT_OUTBOX_FAILED`: the transaction must not be committed */
  async #writeOutbox(): Promise<void> {
    const outbox = this.#outbox;
    if (!outbox || this.#state.pending.length === 0) return;
    const written = await writeOutbox(outbox, this.#state.pending, (text) => this.#channel.ask(text));
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

  #run(call: Call, plan: Plan, prepare = true, beside: Beside | null = null): void {
    const { query, context, unseen } = call;
    const execution = new Execution(plan, context, this.#limits, valuesOf(query));
    const own = query instanceof this.#channel.Query;
    const { finish, failed } = beside ?? NOTHING_BESIDE;
    intercept(query, own, execution, this.#state, this.#names, {
      finish,
      failed,
      unseen,
      generation: prepare && this.#limits.prepare && this.#known.direct ? this.#library.generation : null,
      retry: (error, outdated) =>
        own &&
        mayRunAgain(execution, error, outdated) &&
        (beside ? beside.retry(error, outdated) : this.#retry(call, execution, error, outdated)),
    });
    this.#channel.pass(query);
  }

  /** Asks before and after, in the transaction that is open, or in one around this text. */
  async #runInSteps(call: Call, plan: Plan, steps: Steps): Promise<void> {
    if (!(await this.#idle(call))) return;
    const { query, context } = call;
    const { status } = this.#state;
    if (status === "E") return this.#run(call, { ...plan, steps: null });
    const own = status === "I";
    let left = false;
    const late = (error: PgError): void => {
      if (!left) query.handleError(error, this.#channel.connection);
      left = true;
    };
    const ask: Ask = (text, values) => this.#channel.ask(text, values, { limit: query.query_timeout, late });
    try {
      if (own) await this.#control("BEGIN");
      await steps.before(ask, valuesOf(query));
    } catch (error) {
      if (own) await this.#control("ROLLBACK").catch(() => {});
      if (left) return;
      return this.#couldNotAsk(call, error as PgError, own);
    }
    const execution = new Execution(plan, context, this.#limits, valuesOf(query));
    await new Promise<void>((done) => {
      const ours = query instanceof this.#channel.Query;
      intercept(query, ours, execution, this.#state, this.#names, {
        ...NOTHING_BESIDE,
        unseen: call.unseen,
        retry: (error) => {
          if (!own || !ours || !refused(plan, error)) return false;
          const fail = (): void => query.handleError(error, this.#channel.connection);
          this.#again(call, error).catch(fail).finally(done);
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
      this.#channel.pass(query);
    });
  }

  /** Waits for the texts before this one. False if the connection was lost meanwhile, which the call is told. */
  async #idle({ query }: Call): Promise<boolean> {
    if (this.#channel.ended) return true;
    await this.#channel.idle();
    if (!this.#channel.ended) return true;
    // What pg says to all that wait in its queue.
    query.handleError(new Error("Connection terminated unexpectedly"), this.#channel.connection);
    return false;
  }

  async #afterSteps(steps: Steps, execution: Execution, own: boolean): Promise<void> {
    try {
      const changes = await steps.after((text, values) => this.#channel.ask(text, values), execution);
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
    await this.#runInSteps(call, await this.#asItIsAgain(call, error), noSteps);
  }

  async #asItIsAgain({ text }: Call, error: PgError): Promise<Plan> {
    if (this.#state.status !== "I") await this.#control("ROLLBACK");
    this.#library.giveUp(text, this.#known.identity, error);
    return this.#library.planAsItIs(text, this.#known.identity);
  }

  /** What keeps us from asking keeps the statement from running: a lock timeout, a deadlock, a lost connection. */
  #couldNotAsk(call: Call, error: PgError, own: boolean): void {
    const { text, query } = call;
    // A statement that was cancelled, or has waited its time for a lock, must not be run after all.
    const cancelled = /^(?:55P03|57014)$/.test(error.code ?? "");
    if (!isOfServer(error) || (own && !cancelled))
      return this.#run(call, this.#library.planAsItIs(text, this.#known.identity));
    // Final, as any is in the application's transaction: it is told as the statement's own.
    query.handleError(asTheirs(error, text), this.#channel.connection);
  }

  /** Steers a transaction of ours; what it commits is told as any other. */
  #control(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const plan = this.#library.planAsItIs(text, this.#known.identity);
      const query = new this.#channel.Query(text, undefined, (error: unknown) =>
        error ? reject(error as Error) : resolve(),
      );
      query.query_timeout = NO_TIMEOUT;
      const execution = new Execution(plan, undefined, this.#limits);
      intercept(query, true, execution, this.#state, this.#names, NOTHING_BESIDE);
      this.#channel.pass(query);
    });
  }

  #retry(call: Call, execution: Execution, error: PgError, outdated: boolean): boolean {
    if (!this.#channel.isEmpty || this.#lane.isHeld) return false;
    if (outdated) this.#run(call, execution.plan, false);
    else if (execution.hasControlled) this.#lane.hold(() => this.#rolledBackAgain(call, error));
    else this.#asItWasGiven(call, error);
    return true;
  }

  /** The text itself has begun a transaction, which its error has spoilt. */
  async #rolledBackAgain(call: Call, error: PgError): Promise<void> {
    if (!(await this.#idle(call))) return;
    try {
      if (this.#state.status !== "I") await this.#control("ROLLBACK");
    } catch {
      call.query.handleError(error, this.#channel.connection);
      return;
    }
    this.#asItWasGiven(call, error);
  }

  #asItWasGiven({ text, query, context, unseen }: Call, error: PgError): void {
    const asItIs = this.#library.planAsItIs(text, this.#known.identity);
    const execution = new Execution(asItIs, context, this.#limits, valuesOf(query));
    intercept(query, true, execution, this.#state, this.#names, {
      ...NOTHING_BESIDE,
      unseen,
      finish: (deliver) => {
        // It was we: from now on this text is run as it is.
        this.#library.giveUp(text, this.#known.identity, error);
        deliver();
      },
    });
    this.#channel.pass(query);
  }
}
