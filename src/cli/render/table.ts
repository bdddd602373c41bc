/**
 * Rows as a table for people, or one object a line for programs.
 *
 * @module
 */
import Table from "cli-table3";
import pc from "picocolors";
import type { Rows } from "../../read/sql/engine.js";
import type { Output } from "../output.js";
import { clipped, safe } from "../safe.js";

/* A table is laid out as a whole; nobody reads more of it. */
const MOST_ROWS = 1000;
const MOST_WIDTH = 60;

/** @returns how many rows there were, or the first that are more than a table shows */
export async function printTable(out: Output, { columns, batches }: Rows): Promise<number> {
  let count = 0;
  const shown: unknown[][] = [];
  for await (const rows of batches()) {
    for (const row of rows) {
      count += 1;
      if (out.json) await out.data(Object.fromEntries(columns.map((name, index) => [name, row[index]])));
      else if (count <= MOST_ROWS) shown.push(row);
    }
    if (!out.json && count > MOST_ROWS) break;
  }
  if (out.json) return count;
  if (count > 0) await out.line(tableOf(columns, shown));
  if (count > MOST_ROWS)
    out.note(`There are more than these ${MOST_ROWS} rows: add LIMIT, or --json for all.`);
  return count;
}

/** Numbers stand on the right. */
export function tableOf(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const table = new Table({
    head: columns.map((name) => pc.bold(safe(name))),
    style: { head: [], border: [], compact: true },
    wordWrap: false,
  });
  for (const row of rows) {
    table.push(
      row.map((value) => ({
        content: value === null || value === undefined ? pc.dim("–") : clipped(value, MOST_WIDTH),
        hAlign: typeof value === "number" ? ("right" as const) : ("left" as const),
      })),
    );
  }
  return table.toString();
}
