/**
 * `activity-audit history MODEL ID`: what became of one row.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { rowStory, type Changes, type Version } from "../read/history.js";
import { answering, trailCommand, type Trail, type TrailOptions } from "./command.js";
import { byOutcome, who } from "./render/line.js";
import { clipped, safe } from "./safe.js";

export function historyCommand(program: Command): void {
  trailCommand(
    program,
    "history <model> <id>",
    "shows the versions of a row, with what changed in each field",
  )
    .option("--reads", "also who read it")
    .action(answering(history));
}

async function history(
  { out, report, files }: Trail,
  model: string,
  id: string,
  { reads }: TrailOptions & { reads?: boolean },
): Promise<0 | 1> {
  const { versions } = await rowStory(await files(), model, id, { report, reads: reads === true });
  for (const [index, version] of versions.entries()) {
    const { record, changes, unrecorded } = version;
    if (out.json)
      await out.record(record, {
        version: index + 1,
        changes: whole(changes),
        unrecorded: whole(unrecorded),
      });
    else for (const line of drawn(version, index + 1)) await out.line(line);
  }
  if (versions.length === 0) out.note(`No record of ${safe(model)} ${safe(id)}.`);
  return versions.length > 0 ? 0 : 1;
}

/** `undefined`, which JSON leaves out, as `null`. */
export function whole(changes: Changes): Changes {
  const pairs = Object.entries(changes).map(([field, { from, to }]) => [
    field,
    { from: from ?? null, to: to ?? null },
  ]);
  return Object.fromEntries(pairs);
}

function* drawn({ record, changes, unrecorded }: Version, number: number): Generator<string> {
  const person = who(record) || "nobody known";
  const request = record.request_id ? ` · ${clipped(record.request_id, 40)}` : "";
  const event = byOutcome(record)(safe(record.event_type));
  yield `${pc.bold(`#${number}`)} ${pc.dim(safe(record.timestamp))}  ${event}  ${person}${pc.dim(request)}`;
  if (record.instance_id === null) {
    const count =
      record.row_count === undefined ? "rows that were not counted" : `${safe(record.row_count)} rows`;
    yield `   one record for ${count}, perhaps this one${record.statement ? `: ${clipped(record.statement, 160)}` : ""}`;
  }
  if (record.event_type === "LINK" || record.event_type === "UNLINK") {
    yield `   ${clipped(record.instance_repr, 160)}`;
  }
  for (const [field, { from, to }] of Object.entries(unrecorded)) {
    yield pc.yellow(`   ! ${clipped(field, 40)}: ${value(from)} → ${value(to)}  (no record says how)`);
  }
  for (const [field, { from, to }] of Object.entries(changes)) {
    if (record.event_type === "CREATE") yield `   ${pc.green("+")} ${clipped(field, 40)}: ${value(to)}`;
    else if (record.event_type === "DELETE") yield `   ${pc.red("-")} ${clipped(field, 40)}: ${value(from)}`;
    else yield `   ${clipped(field, 40)}: ${pc.red(value(from))} → ${pc.green(value(to))}`;
  }
}

function value(of: unknown): string {
  return of === undefined ? "(nothing)" : clipped(JSON.stringify(of), 200);
}
