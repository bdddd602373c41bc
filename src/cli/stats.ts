/**
 * `activity-audit stats`: what a trail says in numbers.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { canHold, readRecords } from "../read/records.js";
import { statsIn } from "../read/sql/stats.js";
import { statsOf, type Count, type Latency, type Stats } from "../read/stats.js";
import { answering, count, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { openStore, usesDuckDB, withEngine, type EngineOptions } from "./engine-options.js";
import { filterOf, withFilters, type FilterOptions } from "./filter-options.js";
import { duration } from "./render/line.js";
import { tableOf } from "./render/table.js";
import { safe } from "./safe.js";

interface StatsOptions extends TrailOptions, FilterOptions, EngineOptions {
  readonly top: number;
}

export function statsCommand(program: Command): void {
  const command = trailCommand(
    program,
    "stats",
    "counts: outcomes, actors, latencies by route and service",
  ).option("--top <count>", "so many of each list", count, 10);
  withEngine(withFilters(command)).action(answering(stats));
}

async function stats(trail: Trail, options: StatsOptions): Promise<0 | 1> {
  const { out } = trail;
  const found = await computed(trail, options);
  if (out.json) await out.data(found);
  else for (const line of drawn(found)) await out.line(line);
  return found.records > 0 ? 0 : 1;
}

async function computed(trail: Trail, options: StatsOptions): Promise<Stats> {
  const filter = filterOf(options);
  const files = (await trail.files()).filter((file) => canHold(file, filter));
  // Without a cache each of the lists would read all files again.
  if (files.length === 0 || options.cache === false || !usesDuckDB(options)) {
    return statsOf(readRecords(files, { filter, report: trail.report }), options.top);
  }
  const store = await openStore(trail, files, options);
  try {
    return await statsIn(store, filter, options.top);
  } finally {
    await store.close();
  }
}

function* drawn(found: Stats): Generator<string> {
  const { records, from, to } = found;
  yield `${pc.bold(`${records} records`)}${from === null ? "" : ` from ${safe(from)} to ${safe(to)}`}`;
  if (records === 0) return;
  const outcomes = found.outcomes.map(
    ({ outcome, records: of }) => `${safe(outcome)} ${of} (${share(of, records)})`,
  );
  yield outcomes.join(", ");
  yield* list("What", ["name", "kind", "records", "failures"], found.kinds, ({ name, kind }) => [name, kind]);
  yield* list("Who", ["user", "name", "records", "failures"], found.actors, ({ user, name }) => [user, name]);
  const times = ["requests", "failures", "p50", "p95", "p99", "max"];
  yield* list("Requests", ["method", "route", ...times], found.routes, ({ method, route }) => [
    method,
    route,
  ]);
  yield* list("Calls", ["service", "protocol", ...times], found.services, ({ service, protocol }) => [
    service,
    protocol,
  ]);
}

function* list<Row extends Count & Partial<Latency>>(
  title: string,
  columns: string[],
  rows: readonly Row[],
  key: (row: Row) => (string | null)[],
): Generator<string> {
  if (rows.length === 0) return;
  yield "";
  yield pc.bold(title);
  const cells = rows.map((row) => {
    const { records, failures, p50, p95, p99, max } = row;
    const times = columns.length > 4 ? [p50, p95, p99, max].map((time) => duration(time ?? undefined)) : [];
    const failed = failures === 0 ? 0 : `${failures} (${share(failures, records)})`;
    return [...key(row), records, failed, ...times];
  });
  yield tableOf(columns, cells);
}

function share(part: number, of: number): string {
  return `${((100 * part) / of).toFixed(1)} %`;
}
