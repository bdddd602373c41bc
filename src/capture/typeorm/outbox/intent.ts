/**
 * Statements that may be committed before their answer is known, on one connection: their records cannot be committed with
 * them. So an intent is committed before: a record of the statement with `outcome: "unknown"`. When the answer has come and
 * no transaction is open, what it says takes the intent's place. If the process does not live to see that, the intent is
 * handed on.
 *
 * @module
 */
import { AuditError } from "../../../errors.js";
import type { ChangeSink, OutboxTarget, RowChange, RowOutcome } from "../family.js";
import type { OutboxRow } from "./store.js";

/** The statements of one database, on the connection that the statement is sent on. They throw what the server answers. */
export interface IntentSql {
  /** Takes the lock that the row's id names, and commits the row. */
  declare(table: string, row: OutboxRow): Promise<void>;
  /** Commits these rows in the place of the intent, and gives its lock back. */
  replace(table: string, id: string, rows: readonly OutboxRow[]): Promise<void>;
  /** Gives the lock back, whatever went wrong before. */
  release(id: string): Promise<void>;
}

interface Live {
  readonly id: string;
  readonly table: string;
  /** The statement has not been answered. */
  underWay: boolean;
  /** What was committed since, in order. */
  readonly told: { readonly changes: readonly RowChange[]; readonly outcome: RowOutcome }[];
}

export class Intents implements ChangeSink {
  readonly #outbox: OutboxTarget;
  readonly #sink: ChangeSink;
  readonly #sql: IntentSql;
  #live: Live | null = null;

  /** @param sink - where changes are told that no intent stands for */
  constructor(outbox: OutboxTarget, sink: ChangeSink, sql: IntentSql) {
    this.#outbox = outbox;
    this.#sink = sink;
    this.#sql = sql;
  }

  /** There is an intent in the table that is to be replaced. */
  get live(): boolean {
    return this.#live !== null;
  }

  committed(changes: readonly RowChange[], outcome: RowOutcome): void {
    if (!this.#live) this.#sink.committed(changes, outcome);
    // That much the intent says itself.
    else if (outcome !== "unknown" || !this.#live.underWay) this.#live.told.push({ changes, outcome });
  }

  /**
   * Before the statement is sent, outside of a transaction.
   *
   * @param changes - what it may change
   * @throws {AuditError} `AUDIT_OUTBOX_FAILED`: it must not be sent
   */
  async declare(changes: readonly RowChange[]): Promise<void> {
    const row = this.#outbox.intent(changes);
    if (!row) return;
    try {
      const table = await this.#outbox.table();
      await this.#declare(table, row);
      this.#live = { id: row.id, table, underWay: true, told: [] };
    } catch (error) {
      if (this.#outbox.onError === "record") return;
      throw new AuditError("AUDIT_OUTBOX_FAILED", [(error as Error).message], { cause: error });
    }
  }

  async #declare(table: string, row: OutboxRow): Promise<void> {
    try {
      await this.#sql.declare(table, row);
    } catch (error) {
      await this.#sql.release(row.id).catch(() => {});
      this.#outbox.failed(error);
      throw error;
    }
  }

  /** @param doubtful - what the statement may have committed although it failed, or was rolled back in the end */
  answered(doubtful: readonly RowChange[] = [], outcome: RowOutcome = "failure"): void {
    const live = this.#live;
    if (!live) return;
    live.underWay = false;
    // One that timed out here may have ended well there.
    if (doubtful.length > 0 && live.told.length === 0) live.told.push({ changes: doubtful, outcome });
  }

  /** What `flush` has to wait for, until the intent is replaced. */
  settling(work: Promise<void>): Promise<void> {
    this.#outbox.settling(work);
    return work;
  }

  /** When no transaction is open on the connection: what was told takes the intent's place. */
  async settle(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    this.#live = null;
    await this.settling(this.#replace(live));
  }

  async #replace(live: Live): Promise<void> {
    const { id, table } = live;
    const rows = this.#rows(live);
    try {
      await this.#sql.replace(table, id, rows);
      this.#outbox.committed();
    } catch (error) {
      this.#outbox.failed(error);
      this.#outbox.handOn(rows, id);
      await this.#sql.release(id).catch(() => {});
    }
  }

  /** The connection is gone. What it was in the middle of is told by the intent. */
  lost(): void {
    const live = this.#live;
    if (!live) return;
    this.#live = null;
    this.#outbox.handOn(this.#rows(live), live.underWay ? null : live.id);
  }

  #rows({ told }: Live): OutboxRow[] {
    return told.flatMap(({ changes, outcome }) => this.#outbox.rows(changes, outcome));
  }
}
