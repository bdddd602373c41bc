/**
 * Decides how a text is run and what is told of each of its statements.
 *
 * A plan is made once for a text and an identity, and kept. What it needs to know of tables and does not yet
 * is named, so that the caller can ask the database and come again.
 *
 * @module
 */
import type { TableName, TableScope } from "../family.js";
import { withoutValues } from "../statement-text.js";
import { CascadeSteps, lockList, reach, type CascadePlan, type Effect, type Lookup } from "./cascade.js";
import type { TableFacts } from "./catalog.js";
import { lockText } from "./lock.js";
import type { SqlParser } from "./parser.js";
import { readStatements, type RowStatement, type Statement, type TableRef, type Verb } from "./read.js";
import { rewrite, scansOneTable, type RewriteFacts } from "./rewrite.js";
import type { Insertion } from "./splice.js";
import { walk } from "./tree.js";
import type { Steps } from "./steps.js";
import { TruncateSteps } from "./truncate.js";

/** What is told when one statement of a text is answered. */
export type Telling =
  | { readonly how: "nothing" }
  | { readonly how: "control"; readonly statement: Statement & { kind: "control" | "twoPhase" } }
  | { readonly how: "forget"; readonly what: "tables" | "identity" }
  | RowTelling
  | CountTelling;

/** Each row, from the images that the rewritten statement returns. */
export interface RowTelling {
  readonly how: "rows";
  readonly verb: Verb;
  readonly facts: TableFacts;
  /** True if the statement returned rows before it was rewritten. */
  readonly returns: boolean;
}

/** One entry a table. No tables: the text does not name them. */
export interface CountTelling {
  readonly how: "count";
  readonly tables: readonly TableName[];
  readonly verb: Verb | null;
  /** It runs code that may commit by itself, or could not be read. */
  readonly commits?: boolean;
  /** It makes what is known of tables out of date. */
  readonly defines?: boolean;
}

export interface Plan {
  readonly given: string;
  /** What is sent; the given text if nothing could be, or need be, rewritten. */
  readonly text: string;
  readonly insertions: readonly Insertion[];
  /** Whether it may be prepared and run again later, when columns may have been added to its table. */
  readonly preparable: boolean;
  readonly tellings: readonly Telling[];
  /** What must be asked around it, by a new object for each run. */
  readonly steps: (() => Steps) | null;
  /** The given text without values, for entries that stand for many rows. */
  readonly statement: string;
}

/** What must be asked first. */
export interface Missing {
  readonly tables: readonly TableRef[];
  readonly calls: readonly string[];
}

/** What is known of the database, for one identity. */
export interface Knowledge {
  readonly version: number;
  /** `null`: there is no such table. `undefined`: not asked yet. */
  facts(table: TableRef): TableFacts | null | undefined;
  /** Whether any of these functions and operators is volatile. */
  volatile(calls: readonly string[]): boolean | undefined;
}

/** The statement's table where the text does not name one. */
export const UNKNOWN_TABLE: TableName = { schema: null, name: "*" };

/** Of a text that the parser refuses. */
const unread: CountTelling = { how: "count", tables: [], verb: null, commits: true, defines: true };

const FIRST_VERSION = 120000;
const RETURNING_OLD_VERSION = 180000;

export class Planner {
  readonly #parser: SqlParser;
  readonly #scope: TableScope;
  readonly #defaultSchema: string;

  constructor(parser: SqlParser, scope: TableScope, defaultSchema: string) {
    this.#parser = parser;
    this.#scope = scope;
    this.#defaultSchema = defaultSchema;
  }

  plan(sql: string, knowledge: Knowledge): Plan | Missing {
    const statements = readStatements(this.#parser, sql);
    // A text that the parser refuses is most likely refused by the server too; if not, its answer tells.
    if (!statements) return this.#asItIs(sql, [unread]);
    const missing = this.#missing(statements, knowledge);
    if (missing.tables.length > 0 || missing.calls.length > 0) return missing;
    const mixed = statements.some(
      (statement) =>
        statement.kind === "definition" ||
        statement.kind === "session" ||
        (statement.kind === "opaque" && statement.defines === true),
    );
    const forms = statements.map((statement) =>
      statement.kind === "rows" && !(mixed && statements.length > 1)
        ? this.#form(statement, knowledge)
        : null,
    );
    const rewritten = forms.some(Boolean) ? this.#rewrite(sql, forms) : null;
    const tellings = statements.map((statement, index) => {
      const form = rewritten && forms[index];
      return form ? form.telling : this.#untold(statement, knowledge);
    });
    const [only] = statements;
    const preparable =
      rewritten !== null && only?.kind === "rows" && statements.length === 1 && !returnsStar(only);
    const plan = { ...this.#asItIs(sql, tellings), ...rewritten, preparable };
    return only && statements.length === 1 ? this.#inSteps(plan, only, knowledge) : plan;
  }

  /** Some statements reach further than their own rows; that takes questions before and after. */
  #inSteps(plan: Plan, statement: Statement, knowledge: Knowledge): Plan {
    if (knowledge.version < FIRST_VERSION) return plan;
    if (statement.kind === "truncate") {
      const tables = truncatedTables(statement, knowledge).tables.filter(({ table }) =>
        this.#scope.includes(table),
      );
      if (tables.length === 0) return plan;
      return { ...plan, tellings: [{ how: "nothing" }], steps: () => new TruncateSteps(tables) };
    }
    if (statement.kind !== "rows") return plan;
    const root = knowledge.facts(statement.table);
    const effect = effectOf(statement);
    if (!root || !effect) return plan;
    const lookup: Lookup = (table) => knowledge.facts(table);
    if (!reach(root, effect, lookup).tables.some(({ table }) => this.#scope.includes(table))) return plan;
    const able = root.untold === null && root.lockable && statement.verb !== "insert";
    const twice = able && !(statement.calls.length > 0 && knowledge.volatile(statement.calls) !== false);
    const lock = twice
      ? lockText(this.#parser, plan.given, statement, (reference) => lockList(root, reference))
      : null;
    const cascade: CascadePlan = { root, effect, lookup, scope: this.#scope, lock };
    return { ...plan, steps: () => new CascadeSteps(cascade) };
  }

  /** Run unchanged, told by the server's answers only. */
  planAsItIs(sql: string, knowledge: Knowledge): Plan {
    const statements = readStatements(this.#parser, sql);
    if (!statements) return this.#asItIs(sql, [unread]);
    return this.#asItIs(
      sql,
      statements.map((statement) => this.#untold(statement, knowledge)),
    );
  }

  #missing(statements: readonly Statement[], knowledge: Knowledge): Missing {
    const tables: TableRef[] = [];
    const calls: string[] = [];
    if (knowledge.version < FIRST_VERSION) return { tables, calls };
    for (const statement of statements) {
      if (statement.kind === "truncate") tables.push(...truncatedTables(statement, knowledge).unknown);
      if (statement.kind === "opaque")
        tables.push(...statement.tables.filter((one) => knowledge.facts(one) === undefined));
      if (statement.kind !== "rows") continue;
      const facts = knowledge.facts(statement.table);
      const effect = effectOf(statement);
      const reached = facts && effect ? reach(facts, effect, (table) => knowledge.facts(table)) : null;
      if (facts === undefined) tables.push(statement.table);
      if (reached) tables.push(...reached.unknown);
      // What is evaluated twice must not be volatile.
      const twice = statement.node.fromClause !== undefined || (reached?.tables.length ?? 0) > 0;
      if (!twice || statement.calls.length === 0) continue;
      if (knowledge.volatile(statement.calls) === undefined) calls.push(...statement.calls);
    }
    return { tables, calls };
  }

  #asItIs(sql: string, tellings: readonly Telling[]): Plan {
    return {
      given: sql,
      text: sql,
      insertions: [],
      preparable: false,
      tellings,
      steps: null,
      statement: withoutValues(sql, "postgres"),
    };
  }

  #rewrite(
    sql: string,
    forms: readonly (Form | null)[],
  ): { text: string; insertions: readonly Insertion[] } | null {
    return rewrite(this.#parser, sql, this.#parser.parse(sql), forms);
  }

  #form(statement: RowStatement, knowledge: Knowledge): Form | null {
    const facts = knowledge.facts(statement.table);
    if (!facts || facts.untold !== null || !this.#scope.includes(facts.table)) return null;
    const returnsOld = knowledge.version >= RETURNING_OLD_VERSION && !namesOldOrNew(statement);
    if (!returnsOld && !canBeTold(statement, facts, knowledge)) return null;
    const changesKey = targetsOf(statement).some((column) => facts.unique.has(column));
    return {
      statement,
      facts: { key: facts.key, changesKey, partitioned: facts.partitioned, returnsOld },
      telling: {
        how: "rows",
        verb: statement.verb,
        facts,
        returns: statement.node.returningClause !== undefined,
      },
    };
  }

  #untold(statement: Statement, knowledge: Knowledge): Telling {
    switch (statement.kind) {
      case "control":
      case "twoPhase":
        return { how: "control", statement };
      case "definition":
        return { how: "forget", what: "tables" };
      case "session":
        return { how: "forget", what: "identity" };
      case "rows":
        return this.#count([statement.table], statement.verb, knowledge);
      case "truncate":
        return this.#count(statement.tables, null, knowledge);
      case "opaque": {
        const { tables, commits = false, defines = false } = statement;
        const telling: Telling =
          tables.length === 0
            ? { how: "count", tables: [], verb: null, commits }
            : this.#count(tables, null, knowledge);
        if (!defines) return telling;
        return telling.how === "count" ? { ...telling, defines } : { how: "forget", what: "tables" };
      }
      default:
        return { how: "nothing" };
    }
  }

  #count(tables: readonly TableRef[], verb: Verb | null, knowledge: Knowledge): Telling {
    const included = tables.flatMap((ref) => {
      const { table, bases } = knowledge.facts(ref) ?? { table: this.#byName(ref), bases: [] };
      const named = this.#scope.includes(table) ? [table] : bases;
      return named.filter((one) => this.#scope.includes(one));
    });
    return included.length > 0 ? { how: "count", tables: included, verb } : { how: "nothing" };
  }

  #byName({ schema, name }: TableRef): TableName {
    return { schema: schema === this.#defaultSchema ? null : schema, name };
  }
}

interface Form {
  readonly statement: RowStatement;
  readonly facts: RewriteFacts;
  readonly telling: RowTelling;
}

/** The columns of `*` are not those of another day: a prepared statement that gives them would fail then. */
function returnsStar({ node }: RowStatement): boolean {
  return JSON.stringify(node.returningClause ?? null).includes('"A_Star"');
}

/** What a statement does to keys that other tables may refer to. */
function effectOf(statement: RowStatement): Effect | null {
  if (statement.verb === "delete") return { kind: "delete" };
  const changed = targetsOf(statement);
  return changed.length > 0 ? { kind: "update", changed } : null;
}

/** The tables that a TRUNCATE empties. */
function truncatedTables(
  { tables, cascade }: Statement & { kind: "truncate" },
  knowledge: Knowledge,
): { tables: TableFacts[]; unknown: TableRef[] } {
  const found = new Map<string, TableFacts>();
  const unknown: TableRef[] = [];
  const follow = (ref: TableRef): void => {
    const facts = knowledge.facts(ref);
    if (facts === undefined) unknown.push(ref);
    if (!facts || found.has(facts.oid)) return;
    found.set(facts.oid, facts);
    if (cascade) for (const { child } of facts.inbound) follow(child);
  };
  for (const table of tables) follow(table);
  return { tables: [...found.values()], unknown };
}

/** True if the rows can be told without RETURNING OLD. */
function canBeTold(statement: RowStatement, facts: TableFacts, knowledge: Knowledge): boolean {
  if (statement.verb === "insert") {
    // A trigger that skips a row leaves its old image behind, where xmax cannot tell it from the next row's.
    const upsert = statement.node.onConflictClause?.action === "ONCONFLICT_UPDATE";
    return !(upsert && facts.partitioned && facts.beforeUpdate);
  }
  if (statement.verb === "delete" || scansOneTable(statement, facts.partitioned)) return true;
  // FROM and WHERE are evaluated twice: what is volatile in them would say two different things.
  const twice = statement.node.fromClause !== undefined;
  if (twice && knowledge.volatile(statement.calls) !== false && statement.calls.length > 0) return false;
  if (twice && picksRows(statement)) return false;
  return facts.lockable && facts.key.length > 0;
}

/** Which rows LIMIT, TABLESAMPLE and SKIP LOCKED take may be others each time. */
const pick = /"(?:limitCount|limitOffset|lockingClause|RangeTableSample)":/;

/** True if a second look at FROM and WHERE may find other rows. What WITH has found is kept, unless the text forbids that. */
function picksRows({ node: { fromClause, whereClause, withClause } }: RowStatement): boolean {
  const again = (withClause?.ctes ?? []).filter(
    (cte) => "CommonTableExpr" in cte && cte.CommonTableExpr.ctematerialized === "CTEMaterializeNever",
  );
  return pick.test(JSON.stringify([fromClause, whereClause, again]));
}

/** True if `old` or `new` is one of the statement's own tables, and so not what RETURNING would give by that name. */
function namesOldOrNew({ node }: RowStatement): boolean {
  let found = false;
  walk({ from: node.fromClause }, (_, fields) => {
    const { relname, alias } = fields as { relname?: string; alias?: { aliasname?: string } };
    found ||= /^(?:old|new)$/.test(alias?.aliasname ?? relname ?? "");
  });
  return found;
}

/** The columns that an UPDATE, or the UPDATE of an upsert, sets. */
function targetsOf({ node }: RowStatement): string[] {
  return (node.targetList ?? node.onConflictClause?.targetList ?? []).flatMap((target) =>
    "ResTarget" in target ? [target.ResTarget.name ?? ""] : [],
  );
}
