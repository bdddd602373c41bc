/**
 * Follows the transactions of one connection by what the server answers, and tells what it committed.
 *
 * A statement may commit without saying so (DDL, a second BEGIN, SET autocommit), and may lose a transaction
 * without being asked to (deadlock). The status flags of the answers show both; an error carries no flags.
 *
 * @module
 */
import type { ChangeSink, FamilyLimits, RowChange } from "../family.js";
import { type StatementChanges, limitStatement } from "../bulk.js";
import { TransactionBuffer } from "../transaction.js";
import type { Statement } from "./statement.js";
import { AUTOCOMMIT, IN_TRANSACTION, type Answer } from "./wire.js";

const DEADLOCK = 1213;

export class Transaction {
  readonly #buffer: TransactionBuffer;
  readonly #sink: ChangeSink;
  readonly #limits: FamilyLimits;
  #status = AUTOCOMMIT;
  #doubt: "none" | "afterError" | "afterDefinition" = "none";
  #tablesLocked = false;

  constructor(sink: ChangeSink, limits: FamilyLimits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#buffer = new TransactionBuffer(limits);
  }

  /** Whether a statement now would be part of a transaction that the application ends. */
  get active(): boolean {
    return (this.#status & IN_TRANSACTION) !== 0 || (this.#status & AUTOCOMMIT) === 0;
  }

  /** A transaction is open now, as far as was heard. */
  get open(): boolean {
    return (this.#status & IN_TRANSACTION) !== 0;
  }

  /** LOCK TABLES holds, until UNLOCK TABLES or the next transaction that begins. */
  get tablesLocked(): boolean {
    return this.#tablesLocked;
  }

  get full(): boolean {
    return this.#buffer.full;
  }

  /** What the open transaction has changed so far, and would tell when it is committed. */
  get pending(): readonly RowChange[] {
    return this.#buffer.pending;
  }

  /** What is pending is in the outbox, and is not told from here. */
  forgetPending(): void {
    this.#buffer.forget();
  }

  /** After an error the flags are not known. They matter only where something waits to be committed. */
  isInDoubt(next: Statement): boolean {
    if (!this.#buffer.open || this.#doubt === "none") return false;
    // ROLLBACK ends it either way, unless what failed had committed first.
    return this.#doubt === "afterDefinition" || next.kind !== "rollback";
  }

  /** The flags, as they are now. */
  resolve({ status }: Answer): void {
    if (status === null) return;
    const lost = this.#doubt === "afterError";
    this.#doubt = "none";
    this.#status = status;
    if (status & IN_TRANSACTION) return;
    if (lost) this.#buffer.rollback();
    else this.#commit("success");
  }

  /** A statement was answered. */
  answered(statement: Statement, answer: Answer): void {
    if (answer.error) this.#failed(statement, answer);
    else if (this.#doubt !== "none" && statement.kind === "other") this.resolve(answer);
    else this.#succeeded(statement, answer.status);
  }

  /** Changes that a statement made, and that the server has acknowledged. */
  changed(statement: StatementChanges, durable: boolean): void {
    if (statement.changes.length === 0) return;
    if (!durable && this.active) {
      if (!this.#buffer.open) this.#buffer.begin();
      this.#buffer.add(statement);
      return;
    }
    this.#sink.committed(limitStatement(statement, this.#limits), "success");
  }

  /** A statement outside of a transaction broke off: whether it was done cannot be known. */
  doubtful(changes: readonly RowChange[]): void {
    if (changes.length > 0) this.#sink.committed(changes, "unknown");
  }

  /** Code outside of a transaction failed, and may have committed something before. */
  failed(changes: readonly RowChange[]): void {
    if (changes.length > 0) this.#sink.committed(changes, "failure");
  }

  /** The connection is gone, while this statement was under way (if any was). */
  lost(underWay: Statement | null): void {
    const committing = underWay !== null && /^(?:commit|begin|definition|truncate)$/.test(underWay.kind);
    if (committing) this.#commit("unknown");
    this.#buffer.rollback();
  }

  /** The session was reset: the server has rolled back. */
  reset(): void {
    this.#buffer.rollback();
    this.#status = AUTOCOMMIT;
    this.#doubt = "none";
    this.#tablesLocked = false;
  }

  #succeeded(statement: Statement, status: number | null): void {
    const { kind } = statement;
    if (kind === "begin") this.#tablesLocked = false;
    else if (kind === "definition" && statement.locks !== undefined) this.#tablesLocked = statement.locks;
    if (kind === "commit" || kind === "begin") this.#commit("success");
    else if (kind === "rollback") this.#buffer.rollback();
    else if (kind === "savepoint") this.#buffer.savepoint(statement.name ?? "", { replace: true });
    else if (kind === "release") this.#buffer.release(statement.name ?? "");
    else if (kind === "rollbackTo") this.#buffer.rollbackTo(statement.name ?? "");
    if (status === null) return;
    this.#status = status;
    this.#doubt = "none";
    const open = (status & IN_TRANSACTION) !== 0;
    if (!open) this.#commit("success");
    else if (!this.#buffer.open && (kind === "begin" || kind === "commit" || kind === "rollback")) {
      this.#buffer.begin();
    }
  }

  #failed(statement: Statement, { error }: Answer): void {
    const { kind } = statement;
    // It has let those go that were held before.
    if (kind === "definition" && statement.locks) this.#tablesLocked = false;
    if (error?.errno === DEADLOCK) {
      this.#buffer.rollback();
      this.#status &= ~IN_TRANSACTION;
      return;
    }
    const commits = kind === "definition" || kind === "truncate" || kind === "begin";
    this.#doubt = commits ? "afterDefinition" : "afterError";
  }

  #commit(outcome: "success" | "unknown"): void {
    if (!this.#buffer.open) return;
    const changes = this.#buffer.commit();
    if (changes.length > 0) this.#sink.committed(changes, outcome);
  }
}
