/**
 * `activity-audit tail [-f]`: the last records, and those that come.
 *
 * @module
 */
import type { Command } from "commander";
import { follow } from "../read/follow.js";
import { lastRecords } from "../read/last.js";
import type { LogRecord } from "../read/records.js";
import type { UnreadFile } from "../read/report.js";
import { answering, count, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { filterOf, withFilters, type FilterOptions } from "./filter-options.js";
import { renderLine } from "./render/line.js";

interface TailOptions extends TrailOptions, FilterOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

export function tailCommand(program: Command): void {
  const command = trailCommand(program, "tail", "shows the last records, and with -f those that come")
    .option("-n, --lines <count>", "how many of the last", count, 20)
    .option("-f, --follow", "goes on with what comes, through rotations");
  withFilters(command).action(answering(tail));
}

async function tail(trail: Trail, options: TailOptions): Promise<0 | 1> {
  const { out, report } = trail;
  const filter = filterOf(options);
  const show = (record: LogRecord) => (out.json ? out.record(record) : out.line(renderLine(record)));
  const files = await trail.files();
  const { records, ends } = await lastRecords(files, options.lines, { filter, report });
  for (const record of records) await show(record);
  await out.flush();
  if (options.follow) {
    out.warn(report);
    const unread = (file: UnreadFile) => out.unread(file);
    for await (const batch of follow(options.dir, {
      known: files,
      ends,
      filter,
      logs: options.log,
      unread,
    })) {
      for (const record of batch) await show(record);
      await out.flush();
    }
  }
  return records.length > 0 ? 0 : 1;
}
