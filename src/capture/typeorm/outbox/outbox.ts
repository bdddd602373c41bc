/**
 * The outbox of one DataSource: turns what a transaction is about to commit into rows of a table of its own, so
 * that the database commits the change and its record together, or neither.
 *
 * A family asks for the rows and writes them on the application's connection; the relay reads them on a
 * connection of its own when they are committed.
 *
 * @module
 */
import { fault } from "../../../health.js";
import type { OutboxTarget, RowChange, RowOutcome } from "../family.js";
import { intentId } from "./intent-id.js";
import { Relay, type Settled } from "./relay.js";
import type { OutboxRow, OutboxStore } from "./store.js";

/** What happens to a transaction whose records cannot be written to the table. */
export type OutboxErrors = "record" | "fail";

export interface OutboxOptions {
  readonly onError: OutboxErrors;
  /** The lines of the changes' records, redacted, their ids fixed. */
  readonly lines: (
    changes: readonly RowChange[],
    transactionId: string,
    outcome: RowOutcome,
  ) => readonly string[];
  readonly newId: () => string;
  /** Hands lines to the log. @throws if the log does not take them */
  readonly emit: (line: string) => void;
  /** Waits for what was handed over to stand on file. */
  readonly settled: (timeoutMs: number) => Promise<Settled>;
}

/** Longest `records` of one row, in characters; a record longer than that has a row of its own. */
const MAX_ROW = 256 * 1024;
/** How long a failed look for the table holds, in milliseconds: a database that is away is not asked at each commit. */
const RETRY_AFTER_MS = 1000;

export class Outbox implements OutboxTarget {
  readonly #options: OutboxOptions;
  readonly #store: OutboxStore;
  readonly #relay: Relay;
  #table: Promise<string> | null = null;
  readonly #settling = new Set<Promise<void>>();

  constructor(store: OutboxStore, options: OutboxOptions) {
    this.#store = store;
    this.#options = options;
    this.#relay = new Relay(store, {
      emit: options.emit,
      settled: options.settled,
      ready: async () => void (await this.table()),
    });
    this.#relay.poke();
  }

  get onError(): OutboxErrors {
    return this.#options.onError;
  }

  /** The table's name as SQL writes it, once it is known to be there. */
  table(): Promise<string> {
    if (this.#table) return this.#table;
    const asked = this.#store.prepare();
    this.#table = asked;
    asked.catch((error: unknown) => {
      fault("outbox.table", error);
      setTimeout(() => this.#forget(asked), RETRY_AFTER_MS).unref();
    });
    return asked;
  }

  newId(): string {
    return this.#options.newId();
  }

  records(changes: readonly RowChange[], transactionId: string): string | null {
    return this.#options.lines(changes, transactionId, "success").join("\n") || null;
  }

  intent(changes: readonly RowChange[]): OutboxRow | null {
    const records = this.#options.lines(changes, this.newId(), "unknown").join("\n");
    return records === "" ? null : { id: intentId(this.newId()), records };
  }

  rows(changes: readonly RowChange[], outcome: RowOutcome = "success"): readonly OutboxRow[] {
    const rows: OutboxRow[] = [];
    let records = "";
    for (const line of this.#options.lines(changes, this.newId(), outcome)) {
      if (records !== "" && records.length + line.length > MAX_ROW) {
        rows.push({ id: this.#options.newId(), records });
        records = "";
      }
      records += records === "" ? line : `\n${line}`;
    }
    if (records !== "") rows.push({ id: this.#options.newId(), records });
    return rows;
  }

  failed(error: unknown): void {
    fault("outbox.write", error);
    // It may have been dropped: looked for, and made, again.
    if (this.#table) this.#forget(this.#table);
  }

  committed(): void {
    this.#relay.poke();
  }

  handOn(rows: readonly OutboxRow[], intent: string | null): void {
    this.#relay.handOn(rows, intent);
  }

  settling(work: Promise<void>): void {
    this.#settling.add(work);
    const settled = (): void => void this.#settling.delete(work);
    work.then(settled, settled);
  }

  /** Waits until what is committed now is on file. */
  drain(timeoutMs: number): Promise<boolean> {
    return this.#relay.drain(timeoutMs, async () => void (await Promise.allSettled(this.#settling)));
  }

  /** Hands on what is there, for a few seconds at most, and leaves the rest for the next start. */
  stop(): Promise<void> {
    return this.#relay.stop();
  }

  #forget(asked: Promise<string>): void {
    if (this.#table === asked) this.#table = null;
  }
}
