/**
 * Writes records into the outbox table, in the transaction that they tell of.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { OutboxTarget, RowChange } from "../family.js";
import type { Intents } from "../outbox/intent.js";
import { inserts } from "../outbox/inserts.js";
import type { Statement, Tokens } from "./statement.js";
import type { Transaction } from "./transaction.js";
import { answerWith, IN_TRANSACTION, type Answer, type WireError } from "./wire.js";
import type { Done } from "./work.js";

/** Longest text that is sent at once, in characters; `max_allowed_packet` is 16 MiB by default. */
export const MAX_TEXT = 1024 * 1024;
const DEADLOCK = 1213;

const begin: Statement = { kind: "begin", name: null };

/** What is asked of the connection. */
interface Connection {
  ask(sql: string): Promise<Answer>;
  /** Ends the transaction that is open, and follows that. */
  end(how: "COMMIT" | "ROLLBACK"): Promise<Answer>;
}

/** Sees to it, on one connection, that records are committed with what they tell of. */
export class Outbox {
  readonly #target: OutboxTarget;
  readonly #transaction: Transaction;
  readonly #connection: Connection;
  readonly #intents: Intents;
  /** What the statement under way may have committed if it fails. */
  #failing: readonly RowChange[] = [];
  /** What code may have committed before it left a transaction open, whose end is not known. */
  #left: readonly RowChange[] = [];
  /** The statement with the intent failed, so that it is not known whether a transaction is open. */
  #failed = false;
  /** Rows of the outbox are part of the open transaction. */
  #written = false;
  /** SET TRANSACTION: it is of the next transaction, which must not be one of ours. */
  #chosen = false;
  #choosing = false;

  constructor(target: OutboxTarget, transaction: Transaction, intents: Intents, connection: Connection) {
    this.#target = target;
    this.#intents = intents;
    this.#transaction = transaction;
    this.#connection = connection;
  }

  /** A statement was answered, and the transaction has followed it. */
  answered({ error }: Answer): void {
    if (this.#intents.live) {
      this.#failed = error !== null;
      this.#intents.answered(error ? this.#failing : []);
      if (!error && this.#failing.length > 0 && this.#transaction.open) this.#left = this.#failing;
      this.#failing = [];
    }
    this.#chosen = this.#choosing;
    this.#choosing = false;
    if (!this.#written || this.#transaction.active) return;
    this.#written = false;
    this.#target.committed();
  }

  /** Writes what the open transaction has changed, before a statement that ends it. The error, if it must not end. */
  async beforeCommit(statement: Statement, { sql, list }: Tokens): Promise<Answer | null> {
    const refused = mayCommit(statement, sql) && !this.#locked ? await this.#write() : null;
    const [first, second] = list;
    this.#choosing = first?.text === "SET" && second?.text === "TRANSACTION";
    if (refused && !refused.error?.fatal) await this.#connection.end("ROLLBACK");
    return refused;
  }

  /**
   * Tells of a statement before it is sent, because it is committed by itself.
   *
   * @param changes - what it may change
   * @param atOnce - if it fails, it has changed nothing
   * @param commits - it commits what is open first, so that it may stand in a transaction
   * @returns the error that the application is to get in its place
   */
  async declare(
    changes: readonly RowChange[],
    { atOnce, commits = false }: { atOnce: boolean; commits?: boolean },
  ): Promise<Answer | null> {
    const now = !this.#transaction.active || commits;
    if (changes.length === 0 || this.#intents.live || this.#locked || this.#chosen || !now) return null;
    try {
      await this.#intents.declare(changes);
    } catch (error) {
      return answerWith(error as AuditError);
    }
    this.#failing = atOnce ? [] : changes;
    return null;
  }

  /** The statement with the intent is answered, and what it said can take the intent's place, as far as is known. */
  get due(): boolean {
    return this.#intents.live && (this.#failed || !this.#transaction.open);
  }

  settle(): Promise<void> {
    return this.#intents.settling(this.#settle());
  }

  /* A transaction of ours would let the locks go, and the outbox is not among what is locked. */
  get #locked(): boolean {
    return this.#transaction.tablesLocked;
  }

  async #settle(): Promise<void> {
    if (this.#failed) this.#transaction.resolve(await this.#connection.ask("DO 0"));
    this.#failed = false;
    if (this.#transaction.open) return;
    this.#intents.answered(this.#left, "unknown");
    this.#left = [];
    await this.#intents.settle();
  }

  /** Gives a statement outside of a transaction one of its own, so that its records are committed with it. */
  async around(run: () => Promise<Done>): Promise<Done> {
    if (this.#locked || this.#transaction.active) return run();
    const begun = await this.#connection.ask("START TRANSACTION");
    if (begun.error) return run();
    this.#transaction.answered(begin, begun);
    const done = await run();
    const { error } = done.answer;
    if (error?.fatal) return done;
    const refused = error ? null : await this.#write();
    if (refused?.error?.fatal) return { answer: refused, changes: [] };
    const ended = await this.#connection.end(error || refused ? "ROLLBACK" : "COMMIT");
    const failed = refused ?? (ended.error && !error ? ended : null);
    if (failed) return { answer: failed, changes: [] };
    for (const header of done.answer.headers) header.serverStatus &= ~IN_TRANSACTION;
    return { ...done, answer: { ...done.answer, status: ended.status } };
  }

  /** What the application is to get in the place of its COMMIT, if what it has changed must not be committed. */
  async #write(): Promise<Answer | null> {
    const { pending } = this.#transaction;
    if (pending.length === 0) return null;
    const written = await writeOutbox(this.#target, pending, (sql) => this.#connection.ask(sql));
    if (written === true) {
      this.#transaction.forgetPending();
      this.#written = true;
      this.#left = [];
    }
    return typeof written === "boolean" ? null : answerWith(written);
  }
}

/** Whether the statement ends a transaction that is open, by its own meaning or by the way, or may run code that does. */
function mayCommit(statement: Statement, sql: string): boolean {
  const { kind } = statement;
  if (/^(?:commit|begin|definition|truncate)$/.test(kind)) return true;
  if (kind === "opaque") return statement.anywhere;
  return kind === "other" && /\bautocommit\b|^\s*XA\s+END\b/i.test(sql);
}

/**
 * Writes what these changes are to be recorded as.
 *
 * @returns whether they are written; or the error that the application is to get
 */
async function writeOutbox(
  outbox: OutboxTarget,
  changes: readonly RowChange[],
  ask: (sql: string) => Promise<Answer>,
): Promise<boolean | WireError> {
  const rows = outbox.rows(changes);
  if (rows.length === 0) return true;
  try {
    const table = await outbox.table();
    for (const text of inserts(table, rows, asBytes, MAX_TEXT)) {
      const { error } = await ask(text);
      // The server has rolled back everything: that is the application's to know.
      if (error?.fatal || error?.errno === DEADLOCK) return error;
      if (error) throw error;
    }
    return true;
  } catch (error) {
    outbox.failed(error);
    if (outbox.onError === "record") return false;
    return new AuditError("AUDIT_OUTBOX_FAILED", [(error as Error).message], { cause: error });
  }
}

/* Neither the character set of the connection nor its `sql_mode` matters to it. */
export const asBytes = (hex: string): string => `X'${hex}'`;
