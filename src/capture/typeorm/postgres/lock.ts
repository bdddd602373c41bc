/**
 * A SELECT that locks and reads the rows which a DELETE or UPDATE is about to change: its tables, its WHERE,
 * its parameters. Proved by its parse, as every text that we make of the application's.
 *
 * @module
 */
import { Clauses } from "./clauses.js";
import { quoted, quotedTable } from "./names.js";
import type { SqlParser, Token } from "./parser.js";
import type { RowStatement } from "./read.js";
import { isTree, sameTree, type Tree } from "./tree.js";
import { sliceBytes } from "./splice.js";

/** The text, and which of the statement's parameters are its own, in order. `null` if it cannot be proved. */
export function lockText(
  parser: SqlParser,
  sql: string,
  statement: RowStatement,
  list: (reference: string) => string,
): { text: string; parameters: readonly number[] } | null {
  const { node, table, verb } = statement;
  const tokens = parser.tokens(sql);
  const clauses = new Clauses(tokens, statement.raw);
  const where = clauses.find("WHERE");
  const end = clauses.endBefore(clauses.find("RETURNING"));
  const others = node.fromClause ?? node.usingClause;
  const parameters: number[] = [];
  const copy = (from: number, to: number): string => renumber(sql, tokens, from, to, parameters);

  const alias = node.relation?.alias?.aliasname;
  const reference = quoted(alias ?? table.name);
  // The subselect of WITH cannot be copied along: what refers to it fails to be proved below.
  const relation = quotedTable(table) + (alias ? ` AS ${quoted(alias)}` : "");
  const from = others
    ? `, ${copy(clauses.startOf(clauses.find(verb === "delete" ? "USING" : "FROM") + 1), clauses.endBefore(where < 0 ? clauses.find("RETURNING") : where))}`
    : "";
  const condition = where < 0 ? "" : ` WHERE ${copy(clauses.startOf(where + 1), end)}`;
  const text = `SELECT ${list(reference)} FROM ${relation}${from}${condition} FOR UPDATE OF ${reference}`;
  return node.withClause === undefined && isProved(parser, text, statement, parameters)
    ? { text, parameters }
    : null;
}

/** A part of the text with its parameters numbered anew. */
function renumber(
  sql: string,
  tokens: readonly Token[],
  from: number,
  to: number,
  parameters: number[],
): string {
  let out = "";
  let done = from;
  for (const { start, end, word } of tokens) {
    if (start < from || end > to || !/^\$\d+$/.test(word)) continue;
    const number = Number(word.slice(1));
    if (!parameters.includes(number)) parameters.push(number);
    out += `${sliceBytes(sql, done, start)}$${parameters.indexOf(number) + 1}`;
    done = end;
  }
  return out + sliceBytes(sql, done, to);
}

function isProved(
  parser: SqlParser,
  text: string,
  { node }: RowStatement,
  parameters: readonly number[],
): boolean {
  try {
    const [raw, ...more] = parser.parse(text);
    const { SelectStmt: select } = (raw?.stmt ?? {}) as { SelectStmt?: Tree };
    if (more.length > 0 || !select) return false;
    const [, ...others] = withNumbers(select.fromClause, parameters) as unknown[];
    const sameTables = sameTree(others, node.fromClause ?? node.usingClause ?? []);
    return sameTables && sameTree(withNumbers(select.whereClause, parameters), node.whereClause);
  } catch {
    return false;
  }
}

/** The tree with the statement's own parameter numbers. */
function withNumbers(tree: unknown, parameters: readonly number[]): unknown {
  if (Array.isArray(tree)) return tree.map((item) => withNumbers(item, parameters));
  if (!isTree(tree)) return tree;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(tree)) {
    copy[name] =
      name === "ParamRef" && isTree(value)
        ? { ...value, number: parameters[Number(value.number) - 1] }
        : withNumbers(value, parameters);
  }
  return copy;
}
