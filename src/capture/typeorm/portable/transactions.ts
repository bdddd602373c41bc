/**
 * What each query runner has changed and not yet committed.
 *
 * Where transactions are statements, they are followed by the statements that the database acknowledged, so that a
 * raw BEGIN counts as well; where the driver has calls for them, by TypeORM's events.
 *
 * @module
 */
import type { DataSource, EntitySubscriberInterface, QueryRunner } from "typeorm";
import { guarded } from "../../../health.js";
import type { Undo } from "../../capture.js";
import type { StatementChanges } from "../bulk.js";
import type { ChangeSink, FamilyLimits, RowChange } from "../family.js";
import { TransactionBuffer } from "../transaction.js";

/** Drivers whose BEGIN and COMMIT are calls, not statements. */
const withCalls = new Set<string>(["mssql", "oracle", "sap", "spanner", "aurora-mysql", "aurora-postgres"]);

const name = String.raw`["\x60]?(?<name>\w+)["\x60]?`;
const patterns = {
  begin: /^\s*(?:BEGIN|START\s+TRANSACTION)\b/i,
  commit: /^\s*(?:COMMIT|END)\b/i,
  rollbackTo: new RegExp(String.raw`^\s*ROLLBACK\s+(?:\w+\s+)?TO\s+(?:SAVEPOINT\s+)?${name}`, "i"),
  rollback: /^\s*(?:ROLLBACK|ABORT)\b/i,
  savepoint: new RegExp(String.raw`^\s*SAVEPOINT\s+${name}`, "i"),
  release: new RegExp(String.raw`^\s*RELEASE\s+(?:SAVEPOINT\s+)?${name}`, "i"),
};

/** A savepoint of TypeORM's, as a level of the buffer. */
const level = (depth: number): string => `typeorm_${depth}`;

interface QueryEvent {
  readonly queryRunner: QueryRunner;
  readonly query: string;
  readonly success: boolean;
  readonly rawResults?: unknown;
}

/** A runner's own count of open levels; protected in its types. */
interface Depth {
  readonly transactionDepth: number;
}

export class Transactions {
  readonly #dataSource: DataSource;
  readonly #sink: ChangeSink;
  readonly #limits: FamilyLimits;
  readonly #buffers = new WeakMap<QueryRunner, TransactionBuffer>();
  /** The savepoint that began a transaction: its release is the commit. */
  readonly #begunBy = new WeakMap<TransactionBuffer, string>();

  constructor(dataSource: DataSource, sink: ChangeSink, limits: FamilyLimits) {
    this.#dataSource = dataSource;
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Whether what is changed now can still be rolled back. */
  isOpen(runner: QueryRunner): boolean {
    return this.#bufferOf(runner).open;
  }

  /** Keeps what a statement changed until its transaction ends; outside of one it is committed already. */
  add(runner: QueryRunner, statement: StatementChanges): void {
    const buffer = this.#bufferOf(runner);
    const alone = !this.isOpen(runner);
    if (!buffer.open) buffer.begin();
    buffer.add(statement);
    if (alone) this.#flush(buffer);
  }

  /** Listens as a subscriber among the application's. It never throws: that would change the application's transaction. */
  follow(): Undo {
    const { subscribers } = this.#dataSource;
    const subscriber = withCalls.has(this.#dataSource.options.type) ? this.#byEvents() : this.#byStatements();
    subscribers.push(subscriber);
    return () => {
      const place = subscribers.indexOf(subscriber);
      if (place >= 0) subscribers.splice(place, 1);
    };
  }

  #byStatements(): EntitySubscriberInterface {
    return {
      afterQuery: (event: QueryEvent) => {
        if (event.success) guarded("capture.portable", () => this.#followStatement(event));
      },
    };
  }

  #byEvents(): EntitySubscriberInterface {
    const followed = (act: (buffer: TransactionBuffer, depth: number) => void) => {
      return ({ queryRunner }: { queryRunner: QueryRunner }): void => {
        const { transactionDepth } = queryRunner as unknown as Depth;
        guarded("capture.portable", () => act(this.#bufferOf(queryRunner), transactionDepth));
      };
    };
    // TypeORM tells of every level; its depth has changed already when it does.
    return {
      afterTransactionStart: followed((buffer, depth) => {
        if (depth > 1) buffer.savepoint(level(depth));
        else buffer.begin();
      }),
      afterTransactionCommit: followed((buffer, depth) => {
        if (depth > 0) buffer.release(level(depth + 1));
        else this.#flush(buffer);
      }),
      afterTransactionRollback: followed((buffer, depth) => {
        if (depth === 0) return buffer.rollback();
        buffer.rollbackTo(level(depth + 1));
        buffer.release(level(depth + 1));
      }),
    };
  }

  #followStatement({ query, queryRunner, rawResults }: QueryEvent): void {
    const named = (pattern: RegExp): string | undefined =>
      pattern.exec(query)?.groups?.["name"]?.toLowerCase();
    const buffer = this.#bufferOf(queryRunner);
    const back = named(patterns.rollbackTo);
    const set = named(patterns.savepoint);
    const released = named(patterns.release);
    if (back !== undefined) buffer.rollbackTo(back);
    else if (set !== undefined) {
      // In SQLite a savepoint outside of a transaction begins one; elsewhere it is an error.
      if (!buffer.open) {
        buffer.begin();
        this.#begunBy.set(buffer, set);
      }
      buffer.savepoint(set);
    } else if (released !== undefined) {
      buffer.release(released);
      if (this.#begunBy.get(buffer) === released) this.#flush(buffer);
    } else if (patterns.rollback.test(query)) this.#drop(buffer);
    else if (patterns.begin.test(query)) {
      // A second BEGIN is a warning in PostgreSQL, and the transaction goes on.
      if (!buffer.open) buffer.begin();
    } else if (patterns.commit.test(query)) {
      // PostgreSQL answers ROLLBACK to the COMMIT of a transaction that had failed.
      const { command } = (rawResults ?? {}) as { command?: unknown };
      if (command === "ROLLBACK") this.#drop(buffer);
      else this.#flush(buffer);
    }
  }

  #flush(buffer: TransactionBuffer): void {
    this.#begunBy.delete(buffer);
    const changes: readonly RowChange[] = buffer.commit();
    if (changes.length > 0) this.#sink.committed(changes, "success");
  }

  #drop(buffer: TransactionBuffer): void {
    this.#begunBy.delete(buffer);
    buffer.rollback();
  }

  #bufferOf(runner: QueryRunner): TransactionBuffer {
    const known = this.#buffers.get(runner);
    if (known) return known;
    const buffer = new TransactionBuffer(this.#limits);
    // Its transaction may be older than we are. Later TypeORM's flag is not asked: a raw COMMIT leaves it as it was.
    if (runner.isTransactionActive) buffer.begin();
    this.#buffers.set(runner, buffer);
    return buffer;
  }
}
