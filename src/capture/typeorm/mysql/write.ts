/**
 * The statements that have a plan: which they are, and which plan.
 *
 * @module
 */
import { runDelete } from "./delete.js";
import { runInsert } from "./insert.js";
import type { Statement } from "./statement.js";
import { runUpdate } from "./update.js";
import type { Done, Work } from "./work.js";

export type WriteStatement = Extract<Statement, { kind: "insert" | "update" | "delete" }>;

export const isWrite = (statement: Statement): statement is WriteStatement =>
  statement.kind === "insert" || statement.kind === "update" || statement.kind === "delete";

export function runPlan(work: Work, statement: Statement): Promise<Done> {
  if (work.session.full) return work.asItIs();
  if (statement.kind === "insert") return runInsert(work, statement);
  if (statement.kind === "update") return runUpdate(work, statement);
  if (statement.kind === "delete") return runDelete(work, statement);
  return work.asItIs();
}
