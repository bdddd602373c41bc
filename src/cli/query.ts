/**
 * `activity-audit query`: the records that filters let through, or the answer to a question in SQL.
 *
 * @module
 */
import type { Command } from "commander";
import { lastRecords } from "../read/last.js";
import { canHold, readInOrder, type LogRecord } from "../read/records.js";
import type { RecordFilter } from "../read/filter.js";
import { answering, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { openStore, usesDuckDB, withEngine, type EngineOptions } from "./engine-options.js";
import { filterOf, withFilters, type FilterOptions } from "./filter-options.js";
import { renderLine } from "./render/line.js";
import { printTable } from "./render/table.js";
import { count } from "./tail.js";

interface QueryOptions extends TrailOptions, FilterOptions, EngineOptions {
  readonly sql?: string;
  readonly limit?: number;
  readonly newest?: boolean;
}

export function queryCommand(program: Command): void {
  const command = trailCommand(program, "query", "shows the records that filters let through, or answers SQL")
    .option("--sql <select>", 'one SELECT over "records"; `DESCRIBE records` shows its columns')
    .option("-n, --limit <count>", "no more than so many", count)
    .option("--newest", "the newest first");
  withEngine(withFilters(command)).action(answering(query));
}

async function query(trail: Trail, options: QueryOptions): Promise<0 | 1> {
  if (options.sql !== undefined) return answerSql(trail, options.sql, options);
  const { out } = trail;
  let shown = 0;
  for await (const batch of found(trail, filterOf(options), options)) {
    for (const record of batch) await (out.json ? out.data(record) : out.line(renderLine(record)));
    shown += batch.length;
  }
  if (shown === 0) out.note("No record.");
  return shown > 0 ? 0 : 1;
}

async function* found(
  trail: Trail,
  filter: RecordFilter,
  options: QueryOptions,
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

async function answerSql(trail: Trail, question: string, options: QueryOptions): Promise<0 | 1> {
  const store = await openStore(trail, await trail.files(), options);
  try {
    const rows = await store.sql(question);
    const shown = await printTable(trail.out, rows);
    return shown > 0 ? 0 : 1;
  } finally {
    await store.close();
  }
}
