/**
 * `activity-audit as-of MODEL ID TIME`: a row as it was.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { moment } from "../read/filter.js";
import { rowAsOf, rowHistory, type RowAt } from "../read/history.js";
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
  const found = rowAsOf(await rowHistory(await files(), model, id, { report }), at);
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
    for (const { timestamp, event_type, row_count } of doubts) {
      const rows = row_count === undefined ? "rows" : `${safe(row_count)} rows`;
      await out.line(pc.yellow(`  ! ${safe(timestamp)} ${safe(event_type)} of ${rows} may have changed it`));
    }
  }
  return row ? 0 : 1;
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
