/**
 * The state of one physical connection, driven by what the server answers: which text is being answered,
 * whether a transaction is open, and what it has changed so far.
 *
 * TypeORM's own transaction events are not used: they fire for savepoints too, know nothing of a raw BEGIN,
 * and take a COMMIT that was answered ROLLBACK for a commit.
 *
 * @module
 */
import type { StatementChanges } from "../bulk.js";
import type { ChangeSink, FamilyLimits, RowChange } from "../family.js";
import { TransactionBuffer } from "../transaction.js";
import { readTag, type Execution, type Tag } from "./execution.js";
import type { Statement } from "./read.js";

/** The last byte of ReadyForQuery: idle, in a transaction, in a failed one. */
export type TransactionStatus = "I" | "T" | "E";

/** Changes under PREPARE TRANSACTION, by their name: another connection may commit them. */
export type Prepared = Map<string, readonly RowChange[]>;

export class ConnectionState {
  readonly #sink: ChangeSink;
  readonly #prepared: Prepared;
  readonly #forget: (what: "tables" | "identity") => void;
  readonly #buffer: TransactionBuffer;
  #active: Execution | null = null;
  /* What was forgotten in the open transaction is learned anew for it, and is something else again when it ends: SET LOCAL
     ends with it, a rollback takes all back, and only from the commit on do other connections see other tables. */
  #identityIsLocal = false;
  #tablesAreLocal = false;
  status: TransactionStatus = "I";

  constructor(
    sink: ChangeSink,
    limits: FamilyLimits,
    prepared: Prepared,
    forget: (what: "tables" | "identity") => void,
  ) {
    this.#sink = sink;
    this.#prepared = prepared;
    this.#forget = forget;
    this.#buffer = new TransactionBuffer(limits);
  }

  /** True while a text is being answered or a transaction is open. */
  get busy(): boolean {
    return this.#active !== null || this.status !== "I";
  }

  /** What the open transaction has changed so far, and would tell at its COMMIT. */
  get pending(): readonly RowChange[] {
    return this.#buffer.pending;
  }

  /** What is pending is in the outbox, and is not told from here. */
  forgetPending(): void {
    this.#buffer.forget();
  }

  /** A text goes to the server. */
  begin(execution: Execution): void {
    execution.autocommit = this.status === "I";
    this.#active = execution;
  }

  /** It did not go, after all. */
  abandon(execution: Execution): void {
    if (this.#active === execution) this.#active = null;
  }

  commandComplete(text: string): void {
    const execution = this.#active;
    if (!execution) return;
    const tag = readTag(text);
    const { telling } = execution;
    this.add(execution.answered(tag));
    if (telling.how === "count" && telling.defines === true) this.#forgetting("tables");
    if (telling.how === "control") this.#control(telling.statement, tag, execution);
    else if (telling.how === "forget") this.#forgetting(telling.what);
    // A text that could not be read may be a COMMIT all the same.
    else if (tag.command === "COMMIT") this.#commit("success");
  }

  /** Of a cursor's rows, a part has come. */
  portalSuspended(): void {
    if (this.#active) this.#active.suspended = true;
  }

  errorMessage(): void {
    if (this.#active) this.#active.failed = true;
  }

  readyForQuery(status: TransactionStatus): void {
    const execution = this.#active;
    this.#active = null;
    this.status = status;
    if (execution?.suspended && !execution.failed) this.add(execution.interrupted());
    if (status !== "I") return;
    // Outside of a transaction, or at the end of one: what is still here was the statement's own.
    if (execution?.failed) this.#buffer.rollback();
    else this.#commit("success");
    this.#forgetLocal();
    this.#identityIsLocal = false;
    this.#tablesAreLocal = false;
  }

  /** The connection is gone. What was about to be committed may be; what was not is rolled back. */
  end(): void {
    const execution = this.#active;
    this.#active = null;
    const { telling } = execution ?? {};
    if (execution && telling?.how === "control" && telling.statement.kind === "twoPhase") {
      this.#twoPhase(telling.statement, null, execution);
    }
    const committing =
      telling?.how === "control" &&
      telling.statement.kind === "control" &&
      telling.statement.action === "commit";
    const alone = execution?.autocommit === true && !execution.failed;
    if (execution?.pending && alone) this.add(execution.interrupted());
    if ((committing && !execution?.failed) || alone) this.#commit("unknown");
    this.#buffer.rollback();
    this.#forgetLocal();
  }

  /** Adds changes to the open transaction, or to that of the statement under way. */
  add(changes: StatementChanges): void {
    if (changes.changes.length === 0) return;
    this.#open();
    this.#buffer.add(changes);
  }

  /** Opened at the first change or savepoint, so that a BEGIN that was not seen is no harm. */
  #open(): void {
    if (!this.#buffer.open) this.#buffer.begin();
  }

  #commit(outcome: "success" | "unknown"): void {
    if (!this.#buffer.open) return;
    const changes = this.#buffer.commit();
    if (changes.length > 0) this.#sink.committed(changes, outcome);
  }

  #control(statement: Statement & { kind: "control" | "twoPhase" }, tag: Tag, execution: Execution): void {
    if (statement.kind === "twoPhase") return this.#twoPhase(statement, tag, execution);
    const { action, name } = statement;
    // COMMIT of a failed transaction is answered ROLLBACK.
    if (action === "commit" && tag.command === "COMMIT") this.#commit("success");
    else if (action === "commit" || action === "rollback") this.#buffer.rollback();
    else if (action === "savepoint") {
      this.#open();
      this.#buffer.savepoint(name);
    } else if (action === "release") this.#buffer.release(name);
    else if (action === "rollbackTo") {
      this.#buffer.rollbackTo(name);
      this.#forgetLocal();
    }
  }

  /** @param tag - the answer; `null` if the connection broke before there was one */
  #twoPhase({ action, gid }: Statement & { kind: "twoPhase" }, tag: Tag | null, execution: Execution): void {
    if (action === "prepare") {
      // Of a failed transaction it is answered ROLLBACK.
      if (tag?.command === "PREPARE TRANSACTION") this.#prepared.set(gid, this.#buffer.commit());
      else if (tag) this.#buffer.rollback();
      return;
    }
    // Prepared where we did not see it, in an earlier process perhaps: that much is told.
    const changes = this.#prepared.get(gid) ?? [execution.unknownTables()];
    this.#prepared.delete(gid);
    if (action === "commit" && changes.length > 0) this.#sink.committed(changes, tag ? "success" : "unknown");
  }

  #forgetting(what: "tables" | "identity"): void {
    this.#forget(what);
    if (what === "identity") this.#identityIsLocal = true;
    else this.#tablesAreLocal = true;
  }

  #forgetLocal(): void {
    if (this.#identityIsLocal) this.#forget("identity");
    if (this.#tablesAreLocal) this.#forget("tables");
  }
}
