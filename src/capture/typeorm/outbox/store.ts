/**
 * The outbox table of one database, as the relay sees it.
 *
 * @module
 */
/** A row of the outbox table. */
export interface OutboxRow {
  /** UUIDv7, so that rows lie in the order in which they were written; of an intent, UUIDv8. */
  readonly id: string;
  /** Records, one JSON object a line, redacted. */
  readonly records: string;
}

/** Which table, and who makes it. */
export interface OutboxTable {
  readonly schema: string | null;
  readonly name: string;
  /** False: the application makes it, by a migration. */
  readonly create: boolean;
}

/** Reads and empties the table, on a connection that is never the application's. */
export interface OutboxStore {
  /**
   * Makes sure of the table.
   *
   * @returns its name as SQL writes it
   * @throws {AuditError} `AUDIT_OUTBOX_MISSING`: it is not there, and is not to be made
   */
  prepare(): Promise<string>;
  /**
   * Hands the first committed rows to `work`, but for intents whose sessions live, and deletes those whose ids it gives
   * back. No other process is given them in the meantime.
   *
   * @returns how many rows there were; `null` if another process is at it
   */
  take(work: (rows: readonly OutboxRow[]) => Promise<readonly string[]>): Promise<number | null>;
  /** The same, at once, where the database goes away with the application's connection. */
  takeNow?(work: (rows: readonly OutboxRow[]) => readonly string[]): void;
  close(): Promise<void>;
}

/** How many rows are taken at once. */
export const BATCH_ROWS = 200;

/** `schema.name` or `name`. */
export function outboxTable(text: string, create: boolean): OutboxTable {
  const dot = text.lastIndexOf(".");
  return { schema: dot < 0 ? null : text.slice(0, dot), name: text.slice(dot + 1), create };
}
