/**
 * Reads a text: which statements it holds, what each does, and to which tables.
 *
 * Nothing here knows of the database: a text is read once and kept, whatever tables exist.
 *
 * @module
 */
import type { DeleteStmt, InsertStmt, Node, RangeVar, RawStmt, UpdateStmt, WithClause } from "libpg-query";
import type { SqlParser } from "./parser.js";
import { walk } from "./tree.js";

/** A table as a statement names it. */
export interface TableRef {
  readonly schema: string | null;
  readonly name: string;
}

export type Verb = "insert" | "update" | "delete";

/** What steers a transaction. `end` actions are told apart from savepoint actions by the parser, not the answer. */
export type ControlAction = "begin" | "commit" | "rollback" | "savepoint" | "release" | "rollbackTo";

/** An INSERT, UPDATE or DELETE of one table whose rows can be told by an added RETURNING. */
export interface RowStatement {
  readonly kind: "rows";
  readonly verb: Verb;
  readonly table: TableRef;
  readonly node: InsertStmt & UpdateStmt & DeleteStmt;
  readonly raw: RawStmt;
  /** Functions and operators that it calls, without schema: the catalog says which of them are volatile. */
  readonly calls: readonly string[];
}

export type Statement =
  | { readonly kind: "other" }
  | { readonly kind: "control"; readonly action: ControlAction; readonly name: string }
  /** Two-phase commit: the fate of the changes is told later, perhaps on another connection. */
  | { readonly kind: "twoPhase"; readonly action: "prepare" | "commit" | "rollback"; readonly gid: string }
  /** Makes what we know of tables out of date. */
  | { readonly kind: "definition" }
  /** May change who we are or where names are looked up. */
  | { readonly kind: "session" }
  | { readonly kind: "truncate"; readonly tables: readonly TableRef[]; readonly cascade: boolean }
  /**
   * Changes rows in a way that cannot be taken apart. No tables: the text does not name them; then it may be code
   * that commits by itself.
   */
  | {
      readonly kind: "opaque";
      readonly tables: readonly TableRef[];
      readonly commits?: boolean;
      /** Makes what we know of tables out of date, too. */
      readonly defines?: boolean;
    }
  | RowStatement;

/** The statements of a text, or `null` where PostgreSQL's parser refuses it. */
export function readStatements(parser: SqlParser, sql: string): readonly Statement[] | null {
  let raws: readonly RawStmt[];
  try {
    raws = parser.parse(sql);
  } catch {
    return null;
  }
  return raws.map(readStatement);
}

/* Words that every statement needs which changes rows, transactions, tables or the session. */
const notARead =
  /\b(insert|update|delete|merge|truncate|copy|call|do|execute|prepare|begin|start|commit|end|rollback|abort|savepoint|release|create|alter|drop|into|set|reset|discard|set_config|grant|revoke|reassign|import|analyze|explain|refresh)\b/i;

/**
 * True if a text surely changes nothing that concerns us, without parsing it: it holds none of the words
 * that a changing statement begins with. Most texts of an application are such reads.
 */
export function surelyReads(sql: string): boolean {
  return !notARead.test(sql);
}

function readStatement(raw: RawStmt): Statement {
  const entry = Object.entries(raw.stmt ?? {})[0];
  if (!entry) return { kind: "other" };
  const [type, node] = entry as [string, never];
  const read = readers[type];
  if (read) return read(node, raw);
  return /^(Alter|Create|Define|Drop|Rename|Rule|View|Grant|Reassign|Import|Composite)\w*Stmt$|^IndexStmt$/.test(
    type,
  )
    ? { kind: "definition" }
    : { kind: "other" };
}

/** Settings that decide who we are, where names are looked up, and whether foreign keys act. */
const ofSession = /^(?:role|session_authorization|search_path|row_security|session_replication_role)$/i;

const readers: Record<string, (node: never, raw: RawStmt) => Statement> = {
  InsertStmt: (node: InsertStmt, raw) => readRowStatement("insert", node, raw),
  UpdateStmt: (node: UpdateStmt, raw) => readRowStatement("update", node, raw),
  DeleteStmt: (node: DeleteStmt, raw) => readRowStatement("delete", node, raw),
  SelectStmt: readSelect,
  TransactionStmt: readControl,
  TruncateStmt: (node: { relations?: Node[]; behavior?: string }) => ({
    kind: "truncate",
    tables: (node.relations ?? []).flatMap(tableOfNode),
    cascade: node.behavior === "DROP_CASCADE",
  }),
  CopyStmt: (node: { is_from?: boolean; relation?: RangeVar; query?: Node }) =>
    node.is_from && node.relation ? opaque([tableOf(node.relation)]) : nestedChange(node),
  MergeStmt: nestedChange,
  ExplainStmt: (node: { query?: Node; options?: Node[] }) =>
    isExecutedExplain(node.options) ? nestedChange(node.query) : { kind: "other" },
  CreateTableAsStmt: ({ query }: { query?: Node }) => defining(query),
  CallStmt: () => ({ kind: "opaque", tables: [], commits: true }),
  DoStmt: (node: unknown) => ({
    kind: "opaque",
    tables: [],
    commits: true,
    defines: /\b(?:alter|create|drop|execute)\b/i.test(JSON.stringify(node)),
  }),
  ExecuteStmt: () => opaque([]),
  VariableSetStmt: (node: { name?: string; kind?: string }) =>
    !node.name || ofSession.test(node.name) ? { kind: "session" } : { kind: "other" },
  DiscardStmt: () => ({ kind: "session" }),
};

/** Makes a table of what a query gives, which may change rows itself. */
function defining(query: unknown): Statement {
  const change = nestedChange(query);
  return change.kind === "opaque" ? { ...change, defines: true } : { kind: "definition" };
}

function readSelect(node: { intoClause?: { rel?: RangeVar } }): Statement {
  if (node.intoClause) return defining(node);
  const change = nestedChange(node);
  if (change.kind === "opaque") return change;
  return setsSession(node) ? { kind: "session" } : change;
}

/** True if a `set_config` may concern such a setting; most are the application's own, one a transaction. */
function setsSession(tree: unknown): boolean {
  let found = false;
  walk(tree, (type, fields) => {
    if (type !== "FuncCall" || !callsOf({ FuncCall: fields }).includes("set_config")) return;
    const [setting] = (fields.args ?? []) as { A_Const?: { sval?: { sval?: string } } }[];
    const name = setting?.A_Const?.sval?.sval;
    found ||= name === undefined || ofSession.test(name);
  });
  return found;
}

const controls: Record<string, ControlAction> = {
  TRANS_STMT_BEGIN: "begin",
  TRANS_STMT_START: "begin",
  TRANS_STMT_COMMIT: "commit",
  TRANS_STMT_ROLLBACK: "rollback",
  TRANS_STMT_SAVEPOINT: "savepoint",
  TRANS_STMT_RELEASE: "release",
  TRANS_STMT_ROLLBACK_TO: "rollbackTo",
};

const twoPhases: Record<string, "prepare" | "commit" | "rollback"> = {
  TRANS_STMT_PREPARE: "prepare",
  TRANS_STMT_COMMIT_PREPARED: "commit",
  TRANS_STMT_ROLLBACK_PREPARED: "rollback",
};

function readControl(node: { kind?: string; savepoint_name?: string; gid?: string }): Statement {
  const action = controls[node.kind ?? ""];
  if (action) return { kind: "control", action, name: node.savepoint_name ?? "" };
  const phase = twoPhases[node.kind ?? ""];
  return phase ? { kind: "twoPhase", action: phase, gid: node.gid ?? "" } : { kind: "other" };
}

function readRowStatement(verb: Verb, node: RowStatement["node"], raw: RawStmt): Statement {
  const { relation } = node;
  const nested = nestedChange(node);
  if (!relation || nested.kind === "opaque" || cannotBeTakenApart(node, relation)) {
    const tables = nested.kind === "opaque" ? nested.tables : [];
    return opaque([...(relation ? [tableOf(relation)] : []), ...tables]);
  }
  return { kind: "rows", verb, table: tableOf(relation), node, raw, calls: callsOf(node) };
}

function cannotBeTakenApart(node: RowStatement["node"], relation: RangeVar): boolean {
  const only = !relation.inh;
  const byCursor = node.whereClause !== undefined && "CurrentOfExpr" in node.whereClause;
  // `old` and `new` mean something else from PostgreSQL 18 on, and may be renamed there.
  const named = [relation.alias?.aliasname, relation.relname];
  const renames =
    node.returningClause?.options !== undefined || named.some((n) => n === "old" || n === "new");
  // The target of a statement is always the table; a copy of its name in a subselect would be the CTE.
  const hidden =
    relation.schemaname === undefined && cteNames(node.withClause).includes(relation.relname ?? "");
  return only || byCursor || renames || hidden || relation.catalogname !== undefined;
}

function cteNames(clause: WithClause | undefined): string[] {
  return (clause?.ctes ?? []).flatMap((cte) =>
    "CommonTableExpr" in cte ? [cte.CommonTableExpr.ctename ?? ""] : [],
  );
}

/** A change inside of another statement: a data-modifying CTE, or the body of EXPLAIN ANALYZE. */
function nestedChange(tree: unknown): Statement {
  const tables: TableRef[] = [];
  walk(tree, (type, fields) => {
    if (!/^(Insert|Update|Delete|Merge)Stmt$/.test(type)) return;
    const { relation } = fields as { relation?: RangeVar };
    if (relation) tables.push(tableOf(relation));
  });
  // MERGE is read by its fields, so its own table has not been walked over.
  const own = (tree as { mergeWhenClauses?: unknown; relation?: RangeVar } | undefined) ?? {};
  if (own.mergeWhenClauses && own.relation) tables.unshift(tableOf(own.relation));
  return tables.length > 0 ? opaque(tables) : { kind: "other" };
}

function isExecutedExplain(options: Node[] | undefined): boolean {
  const analyze = options?.findLast((option) => "DefElem" in option && option.DefElem.defname === "analyze");
  // ANALYZE is `true`, `on`, a number, or nothing.
  return analyze !== undefined && !/"sval":"(?:false|off)"|"Integer":\{\}/i.test(JSON.stringify(analyze));
}

function callsOf(tree: unknown): string[] {
  const calls = new Set<string>();
  walk(tree, (type, fields) => {
    const name = type === "FuncCall" ? fields.funcname : type === "A_Expr" ? fields.name : undefined;
    const last = (name as { String?: { sval?: string } }[] | undefined)?.at(-1)?.String?.sval;
    if (last) calls.add(last);
  });
  return [...calls];
}

function opaque(tables: readonly TableRef[]): Statement {
  const seen = new Map(tables.map((table) => [JSON.stringify([table.schema, table.name]), table]));
  return { kind: "opaque", tables: [...seen.values()] };
}

function tableOfNode(node: Node): TableRef[] {
  return "RangeVar" in node ? [tableOf(node.RangeVar)] : [];
}

function tableOf(relation: RangeVar): TableRef {
  return { schema: relation.schemaname ?? null, name: relation.relname ?? "" };
}
