/**
 * A database with the entities of the matrix and its row triggers, all of its tables captured.
 */
import assert from "node:assert/strict";
import { DataSource } from "typeorm";
import { uuidv7 } from "uuidv7";
import type { RowEvent } from "#dist/capture/event";
import { captureDataSource, type OutboxChoice, type RowCapture } from "#dist/capture/typeorm/typeorm";
import { entityMetadata } from "#dist/decorate/readers";
import { entities as all } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";

/** The database without us. */
export async function prepared(database: Database, entities: readonly Function[] = all): Promise<DataSource> {
  const dataSource = new DataSource({ ...(await database.options()), entities } as never);
  await dataSource.initialize();
  await dataSource.synchronize();
  await database.prepare(dataSource);
  return dataSource;
}

/** Starts to capture the tables of entities that are decorated into `events`. */
export function captureDecorated(
  dataSource: DataSource,
  events: RowEvent[],
  newTransactionId: () => string = () => "",
): RowCapture {
  return captureDataSource(dataSource, (event) => events.push(event as RowEvent), {
    decorations: entityMetadata,
    now: () => 0,
    newTransactionId,
  });
}

/** A capture, and what it told. */
export interface Captured extends RowCapture {
  /** What was told from memory although there is an outbox: changes that were committed by their own statement. */
  readonly beside: readonly RowEvent[];
  /** Waits until all that was committed is told. */
  told(): Promise<void>;
}

/* Of all captures: what one has written, the relay of another may find. */
const written = new Map<string, RowEvent>();

/**
 * Starts to capture all tables into `events`; by the driver's family, if none is given. With an outbox, each event
 * goes through the table under a key, and comes back as the very same object.
 */
export function captureAll(
  dataSource: DataSource,
  events: RowEvent[],
  { family, outbox = false }: Pick<Database, "family" | "outbox"> = {},
): Captured {
  let transactions = 0;
  const beside: RowEvent[] = [];
  const through: OutboxChoice = {
    table: "audit_outbox",
    create: true,
    onError: "record",
    line: (event) => {
      const key = uuidv7();
      written.set(key, event);
      return key;
    },
    emit: (key) => void events.push(written.get(key)!),
    settled: async () => "written",
  };
  const capture = captureDataSource(
    dataSource,
    (event) => {
      events.push(event as RowEvent);
      if (outbox) beside.push(event as RowEvent);
    },
    {
      tables: "all",
      family,
      outbox: outbox ? through : undefined,
      decorations: () => undefined,
      now: () => 0,
      newTransactionId: () => (outbox ? uuidv7() : String((transactions += 1))),
    },
  );
  return {
    ...capture,
    beside,
    told: async () => assert.ok(await capture.drain(120_000), "not told in time"),
  };
}
