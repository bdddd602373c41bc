/**
 * What one physical connection has changed and not yet committed.
 *
 * Driven by acknowledged statements, never by TypeORM's transaction events: those fire for savepoints too,
 * say nothing of a raw `BEGIN`, and call a COMMIT that the server answered with ROLLBACK a commit.
 * Pure: a family asks it what to tell, and tells it.
 *
 * @module
 */
import { limitStatement, sizeOf, type StatementChanges } from "./bulk.js";
import type { FamilyLimits, RowChange } from "./family.js";

/** The transaction itself (`name: null`), or one savepoint in it. */
interface Level {
  readonly name: string | null;
  changes: RowChange[];
  bytes: number;
}

/** The changes of the open transaction of one connection, by savepoint. */
export class TransactionBuffer {
  readonly #limits: FamilyLimits;
  #levels: Level[] = [];

  constructor(limits: FamilyLimits) {
    this.#limits = limits;
  }

  /** True between `begin` and `commit` or `rollback`. */
  get open(): boolean {
    return this.#levels.length > 0;
  }

  /** True once the images held reach the byte budget: further rows are counted, so need not be read. */
  get full(): boolean {
    return this.#bytes() >= this.#limits.maxImageBytes;
  }

  /**
   * A transaction begins. A family whose database commits an open one implicitly (MySQL) takes
   * `commit()` first; what is still here is what the database has dropped.
   */
  begin(): void {
    this.#levels = [{ name: null, changes: [], bytes: 0 }];
  }

  /** Adds what an acknowledged statement changed. Opens nothing: outside of a transaction this is a fault. */
  add(statement: StatementChanges): void {
    const level = this.#levels.at(-1);
    if (!level) throw new Error("Rows were added outside of a transaction.");
    const room = this.#limits.maxImageBytes - this.#bytes();
    const kept = limitStatement(statement, { ...this.#limits, maxImageBytes: Math.max(0, room) });
    for (const change of kept) level.changes.push(change);
    level.bytes += kept === statement.changes ? (statement.bytes ?? sizeOf(kept)) : sizeOf(kept);
  }

  /**
   * A savepoint is set. The same name again makes a second one that hides the first (PostgreSQL, SQLite);
   * where the database moves the old one instead (MySQL), say `replace`.
   *
   * Names are compared as given: fold their case before, where the database does.
   */
  savepoint(name: string, { replace = false } = {}): void {
    if (!this.open) return;
    const old = replace ? this.#find(name) : -1;
    const below = this.#levels[old - 1];
    const [moved] = old < 0 || !below ? [] : this.#levels.splice(old, 1);
    if (moved && below) append(below, moved);
    this.#levels.push({ name, changes: [], bytes: 0 });
  }

  /** `RELEASE name`: the savepoint and all after it are gone, what they changed stays. */
  release(name: string): void {
    const from = this.#find(name);
    if (from < 0) return;
    const into = this.#levels[from - 1];
    const released = this.#levels.splice(from);
    if (into) for (const level of released) append(into, level);
  }

  /** `ROLLBACK TO name`: what was changed since is gone, the savepoint stays. */
  rollbackTo(name: string): void {
    const from = this.#find(name);
    if (from < 0) return;
    this.#levels.splice(from);
    this.#levels.push({ name, changes: [], bytes: 0 });
  }

  /** The database said that the transaction is committed, at whatever depth: gives all changes, in order. */
  commit(): readonly RowChange[] {
    const changes = this.#levels.flatMap((level) => level.changes);
    this.#levels = [];
    return changes;
  }

  /** What a commit would give now. */
  get pending(): readonly RowChange[] {
    return this.#levels.flatMap((level) => level.changes);
  }

  /** What is pending is told in another way; the transaction and its savepoints go on. */
  forget(): void {
    for (const level of this.#levels) Object.assign(level, { changes: [], bytes: 0 });
  }

  /** The transaction is rolled back, answered ROLLBACK, or its connection died before COMMIT was sent. */
  rollback(): void {
    this.#levels = [];
  }

  /** The youngest savepoint of this name; the transaction's own level has none. */
  #find(name: string): number {
    return this.#levels.findLastIndex((level) => level.name === name);
  }

  #bytes(): number {
    return this.#levels.reduce((sum, level) => sum + level.bytes, 0);
  }
}

function append(level: Level, above: Level): void {
  for (const change of above.changes) level.changes.push(change);
  level.bytes += above.bytes;
}
