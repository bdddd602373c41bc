/**
 * `activity-audit timeline REQUEST_ID`: all that one request caused, as a tree.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { readInOrder, type LogRecord } from "../read/records.js";
import { causalTree, walk, type TreeStep } from "../read/tree.js";
import { answering, trailCommand, type Trail } from "./command.js";
import { duration, what, who } from "./render/line.js";
import { safe } from "./safe.js";

export function timelineCommand(program: Command): void {
  trailCommand(
    program,
    "timeline <request-id>",
    "shows all that one request caused: rows, calls, errors, as a tree",
  ).action(answering(timeline));
}

async function timeline({ out, report, files }: Trail, requestId: string): Promise<0 | 1> {
  const records: LogRecord[] = [];
  const filter = { request: [requestId] };
  for await (const record of readInOrder(await files(), { filter, report })) records.push(record);
  if (records.length === 0) out.note(`No record of request ${safe(requestId)}.`);
  const roots = causalTree(records);
  const begin = roots.reduce((first, { from }) => Math.min(first, from), Infinity);
  for (const step of walk(roots)) {
    const { node, lasts } = step;
    if (!out.json) await out.line(drawn(step, begin));
    else await out.record(node.record, { depth: lasts.length, after_ms: Math.round(node.from - begin) });
  }
  return records.length > 0 ? 0 : 1;
}

function drawn({ node, lasts }: TreeStep, begin: number): string {
  const { record, from } = node;
  const after = Number.isNaN(from) ? "" : `+${duration((from - begin) / 1000)}`;
  const branches = lasts.map((last, depth) => {
    const own = depth === lasts.length - 1;
    if (last) return own ? "└─ " : "   ";
    return own ? "├─ " : "│  ";
  });
  const person = lasts.length === 0 ? pc.dim(`  ${who(record)}`) : "";
  return `${pc.dim(after.padStart(9))}  ${branches.join("")}${what(record)}${person}`;
}
