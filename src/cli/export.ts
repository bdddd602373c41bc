/**
 * `activity-audit export --format …`: records for other programs.
 *
 * @module
 */
import { Option, type Command } from "commander";
import { toCloudEvent } from "../read/export/cloudevents.js";
import { csvHead, toCsv } from "../read/export/csv.js";
import { toEcs } from "../read/export/ecs.js";
import { toOcsf } from "../read/export/ocsf.js";
import { lineOf, type LogRecord } from "../read/records.js";
import { answering, count, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { withEngine } from "./engine-options.js";
import { filterOf, withFilters, type FilterOptions } from "./filter-options.js";
import { found, type FoundOptions } from "./found.js";

const FORMATS: Record<string, (record: LogRecord) => string> = {
  csv: toCsv,
  ndjson: lineOf,
  ocsf: (record) => JSON.stringify(toOcsf(record)),
  ecs: (record) => JSON.stringify(toEcs(record)),
  cloudevents: (record) => JSON.stringify(toCloudEvent(record)),
};

interface ExportOptions extends TrailOptions, FilterOptions, FoundOptions {
  readonly format: keyof typeof FORMATS;
}

export function exportCommand(program: Command): void {
  const command = trailCommand(program, "export", "writes records for other programs to stdout")
    .addOption(
      new Option("--format <name>", "what to write").choices(Object.keys(FORMATS)).makeOptionMandatory(),
    )
    .option("-n, --limit <count>", "no more than so many", count)
    .option("--newest", "the newest first");
  withEngine(withFilters(command)).action(answering(exported));
}

async function exported(trail: Trail, options: ExportOptions): Promise<0 | 1> {
  const { out } = trail;
  const write = FORMATS[options.format]!;
  // RFC 4180 ends lines so; whatever else is here is one JSON object a line.
  const end = options.format === "csv" ? "\r" : "";
  if (options.format === "csv") await out.line(csvHead + end);
  let written = 0;
  for await (const batch of found(trail, filterOf(options), options)) {
    for (const record of batch) await out.line(write(record) + end);
    written += batch.length;
  }
  return written > 0 ? 0 : 1;
}
