/**
 * A database with the entities of the matrix and its row triggers, all of its tables captured.
 */
import { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { Family } from "#dist/capture/typeorm/family";
import { captureDataSource, type RowCapture } from "#dist/capture/typeorm/typeorm";
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

/** Starts to capture all tables into `events`; by the driver's family, if none is given. */
export function captureAll(dataSource: DataSource, events: RowEvent[], family?: Family): RowCapture {
  let transactions = 0;
  return captureDataSource(dataSource, (event) => events.push(event as RowEvent), {
    tables: "all",
    family,
    decorations: () => undefined,
    now: () => 0,
    newTransactionId: () => String((transactions += 1)),
  });
}
