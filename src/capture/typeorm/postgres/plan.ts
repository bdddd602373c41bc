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
import type { TableFacts } from "./catalog.js";
import type { SqlParser } from "./parser.js";
import { readStatements, type RowStatement, type Statement, type TableRef, type Verb } from "./read.js";
import { rewrite, type RewriteFacts } from "./rewrite.js";
import type { Insertion } from "./splice.js";

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
}

export interface Plan {
  readonly given: string;
  /** What is sent; the given text if nothing could be, or need be, rewritten. */
  readonly text: string;
  readonly insertions: readonly Insertion[];
  readonly tellings: readonly Telling[];
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
    if (!statements) return this.#asItIs(sql, [{ how: "count", tables: [], verb: null }]);
    const missing = missingFor(statements, knowledge);
    if (missing.tables.length > 0 || missing.calls.length > 0) return missing;
    const mixed = statements.some(({ kind }) => kind === "definition" || kind === "session");
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
    return { ...this.#asItIs(sql, tellings), ...rewritten };
  }

  /** Run unchanged, told by the server's answers only. */
  planAsItIs(sql: string, knowledge: Knowledge): Plan {
    const statements = readStatements(this.#parser, sql);
    if (!statements) return this.#asItIs(sql, [{ how: "count", tables: [], verb: null }]);
    return this.#asItIs(
      sql,
      statements.map((statement) => this.#untold(statement, knowledge)),
    );
  }

  #asItIs(sql: string, tellings: readonly Telling[]): Plan {
    return { given: sql, text: sql, insertions: [], tellings, statement: withoutValues(sql) };
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
    const returnsOld = knowledge.version >= RETURNING_OLD_VERSION;
    if (!returnsOld && !canBeJoined(statement, facts, knowledge)) return null;
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
      case "opaque":
        return statement.tables.length === 0
          ? { how: "count", tables: [], verb: null }
          : this.#count(statement.tables, null, knowledge);
      default:
        return { how: "nothing" };
    }
  }

  #count(tables: readonly TableRef[], verb: Verb | null, knowledge: Knowledge): Telling {
    const named = tables.map((ref) => knowledge.facts(ref)?.table ?? this.#byName(ref));
    const included = named.filter((table) => this.#scope.includes(table));
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

function missingFor(statements: readonly Statement[], knowledge: Knowledge): Missing {
  const tables: TableRef[] = [];
  const calls: string[] = [];
  for (const statement of statements) {
    const named =
      statement.kind === "rows" ? [statement.table] : "tables" in statement ? statement.tables : [];
    if (knowledge.version < FIRST_VERSION) continue;
    for (const table of named) if (knowledge.facts(table) === undefined) tables.push(table);
    if (statement.kind !== "rows" || !statement.node.fromClause || statement.calls.length === 0) continue;
    if (knowledge.volatile(statement.calls) === undefined) calls.push(...statement.calls);
  }
  return { tables, calls };
}

/** True if the rows can be told without RETURNING OLD. */
function canBeJoined(statement: RowStatement, facts: TableFacts, knowledge: Knowledge): boolean {
  if (statement.verb === "insert") {
    // A trigger that skips a row leaves its old image behind, where xmax cannot tell it from the next row's.
    const upsert = statement.node.onConflictClause?.action === "ONCONFLICT_UPDATE";
    return !(upsert && facts.partitioned && facts.beforeUpdate);
  }
  if (statement.verb === "delete") return true;
  // FROM and WHERE are evaluated twice: what is volatile in them would say two different things.
  const twice = statement.node.fromClause !== undefined;
  if (twice && knowledge.volatile(statement.calls) !== false && statement.calls.length > 0) return false;
  return facts.lockable && facts.key.length > 0;
}

function targetsOf({ node }: RowStatement): string[] {
  return (node.targetList ?? []).flatMap((target) =>
    "ResTarget" in target ? [target.ResTarget.name ?? ""] : [],
  );
}
