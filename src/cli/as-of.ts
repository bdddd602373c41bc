/**
 * `activity-audit as-of MODEL ID TIME`: a row as it was.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { moment } from "../read/filter.js";
import type { CrudRecord, TrailRecord } from "../record/types.js";
import { rowAsOf, type RowAt, rowStory } from "../read/history.js";
import { answering, trailCommand, type Trail } from "./command.js";
import { who } from "./render/line.js";
import { clipped, safe } from "./safe.js";

export function asOfCommand(program: Command): void {
  trailCommand(program, "as-of <model> <id> <time>", "shows a row as it was at a time").action(
    answering(asOf),
  );
}

async function asOf({ out, report, files }: Trail, model: string, id: string, time: string): Promise<0 | 1> {
  const at = moment("time", time, Date.now());
  const found = rowAsOf(await rowStory(await files(), model, id, { report }), at);
  const { row, record, basis, doubts } = found;
  if (out.json) {
    await out.data({
      model,
      id,
      at,
      known: row !== undefined,
      exists: row === undefined ? null : row !== null,
      row: row ?? null,
      basis,
      record_id: record?.record_id ?? null,
      doubts: doubts.map(({ record_id }) => record_id),
    });
  } else {
    await out.line(`${pc.bold(`${safe(model)} ${safe(id)}`)} at ${safe(at)} UTC: ${said(found)}`);
    for (const [field, value] of Object.entries(row ?? {})) {
      await out.line(`  ${clipped(field, 40)}: ${safe(JSON.stringify(value))}`);
    }
    if (record) await out.line(pc.dim(`  known from ${basis}: ${source(found)}`));
    for (const doubt of doubts) await out.line(pc.yellow(`  ! ${safe(doubt.timestamp)} ${doubted(doubt)}`));
  }
  return row ? 0 : 1;
}

function doubted(record: CrudRecord | TrailRecord): string {
  if (record.name === "audit.trail") return "GAP: one of the records that were lost may have been of it";
  const { event_type, instance_id, row_count, outcome } = record;
  if (instance_id !== null) return `${safe(event_type)}, outcome ${safe(outcome)}, may have changed it`;
  return `${safe(event_type)} of ${row_count === undefined ? "rows" : `${safe(row_count)} rows`} may have changed it`;
}

function said({ row }: RowAt): string {
  if (row === undefined) return pc.yellow("no record says");
  return row === null ? pc.red("there was no such row") : pc.green("it was there");
}

function source({ record }: RowAt): string {
  return [record!.event_type, record!.timestamp, who(record!), record!.record_id]
    .filter(Boolean)
    .map(safe)
    .join(" · ");
}
