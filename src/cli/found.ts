/**
 * The records that a filter lets through, by the engine that was chosen.
 *
 * @module
 */
import { lastRecords } from "../read/last.js";
import { canHold, readInOrder, type LogRecord } from "../read/records.js";
import type { RecordFilter } from "../read/filter.js";
import type { Trail } from "./command.js";
import { openStore, usesDuckDB, type EngineOptions } from "./engine-options.js";

export interface FoundOptions extends EngineOptions {
  readonly limit?: number;
  readonly newest?: boolean;
}

export async function* found(
  trail: Trail,
  filter: RecordFilter,
  options: FoundOptions,
): AsyncGenerator<LogRecord[]> {
  const { limit = Infinity, newest } = options;
  const files = (await trail.files()).filter((file) => canHold(file, filter));
  if (files.length === 0) return;
  if (usesDuckDB(options)) {
    const store = await openStore(trail, files, options);
    try {
      yield* store.records({ filter, newestFirst: newest, ...(limit < Infinity && { limit }) });
    } finally {
      await store.close();
    }
  } else if (newest) {
    const { records } = await lastRecords(files, limit, { filter, report: trail.report });
    yield records.toReversed();
  } else {
    let missing = limit;
    for await (const record of readInOrder(files, { filter, report: trail.report })) {
      if (missing <= 0) return;
      missing -= 1;
      yield [record];
    }
  }
}
