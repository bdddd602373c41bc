/**
 * `activity-audit query`: the records that filters let through, or the answer to a question in SQL.
 *
 * @module
 */
import { Option, type Command } from "commander";
import { answering, count, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { openStore, withEngine, type EngineOptions } from "./engine-options.js";
import { FILTER_NAMES, filterOf, withFilters, type FilterOptions } from "./filter-options.js";
import { found } from "./found.js";
import { renderLine } from "./render/line.js";
import { printTable } from "./render/table.js";

interface QueryOptions extends TrailOptions, FilterOptions, EngineOptions {
  readonly sql?: string;
  readonly limit?: number;
  readonly newest?: boolean;
}

export function queryCommand(program: Command): void {
  const command = trailCommand(program, "query", "shows the records that filters let through, or answers SQL")
    .addOption(
      new Option(
        "--sql <select>",
        'one SELECT over "records"; `DESCRIBE records` shows its columns',
      ).conflicts([
        // They would be left out in silence: a question is answered as it stands.
        ...FILTER_NAMES,
        "limit",
        "newest",
      ]),
    )
    .option("-n, --limit <count>", "no more than so many", count)
    .option("--newest", "the newest first");
  withEngine(withFilters(command)).action(answering(query));
}

async function query(trail: Trail, options: QueryOptions): Promise<0 | 1> {
  if (options.sql !== undefined) return answerSql(trail, options.sql, options);
  const { out } = trail;
  let shown = 0;
  for await (const batch of found(trail, filterOf(options), options)) {
    for (const record of batch) await (out.json ? out.record(record) : out.line(renderLine(record)));
    shown += batch.length;
  }
  if (shown === 0) out.note("No record.");
  return shown > 0 ? 0 : 1;
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
