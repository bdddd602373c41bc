/**
 * Small parts of parse trees, made by the parser itself: what a rewriting expects to find in the tree of its text.
 *
 * @module
 */
import type { Node } from "libpg-query";
import type { SqlParser } from "./parser.js";

/** The clauses of a SELECT that a rewriting takes parts from. */
export interface Select {
  readonly targetList: Node[];
  readonly fromClause: Node[];
  readonly whereClause: Node | undefined;
}

export function selectOf(parser: SqlParser, sql: string): Select {
  const { stmt } = parser.parse(sql)[0]!;
  return (stmt as { SelectStmt: Select }).SelectStmt;
}

/** `added AND (given)`, as the parser makes it: what is in parentheses on the right is not flattened. */
export function andWith(parser: SqlParser, added: string, given: Node): Node {
  const { whereClause } = selectOf(parser, `SELECT WHERE ${added} AND (NULL)`);
  const { BoolExpr } = whereClause as { BoolExpr: { args: Node[] } };
  return { BoolExpr: { ...BoolExpr, args: [...BoolExpr.args.slice(0, -1), given] } } as Node;
}

/** `(given) AND added`, as the parser makes it: what is in parentheses on the left is flattened. */
export function withAnd(given: Node, added: Node): Node {
  const { BoolExpr: known } = given as { BoolExpr?: { boolop: string; args: Node[] } };
  const args = known?.boolop === "AND_EXPR" ? known.args : [given];
  return { BoolExpr: { boolop: "AND_EXPR", args: [...args, added] } } as Node;
}

interface InnerSelect {
  readonly fromClause?: readonly Node[];
}

export function innerSelect(node: Node | undefined): InnerSelect {
  return (node as { RangeSubselect: { subquery: { SelectStmt: InnerSelect } } }).RangeSubselect.subquery
    .SelectStmt;
}

export function subselectWith(node: Node | undefined, fields: Record<string, unknown>): Node {
  const { RangeSubselect } = node as { RangeSubselect: object };
  const SelectStmt = { ...innerSelect(node), ...fields };
  return { RangeSubselect: { ...RangeSubselect, subquery: { SelectStmt } } } as unknown as Node;
}
