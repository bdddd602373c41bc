/**
 * What a piece of SQL text does to a SQLite connection, as far as capture must know before and after it runs.
 *
 * Only a first reading: whether a transaction really began or ended is asked of the database.
 *
 * @module
 */
export type StatementKind =
  | "read"
  | "write"
  | "schema"
  | "begin"
  | "commit"
  | "rollback"
  | "rollbackTo"
  | "savepoint"
  | "release"
  /** Several statements in one text. */
  | "many";

export interface Statement {
  readonly kind: StatementKind;
  readonly sql: string;
  /** It may alter a table: triggers on it stand in the way. */
  readonly alters: boolean;
  /** Which, by their names in lower case; `null`: it cannot be said. */
  readonly altered: readonly string[] | null;
  /** It may delete rows by `OR REPLACE`, which fires no delete trigger. */
  readonly replaces: boolean;
  /** It may switch recursive triggers. */
  readonly recursion: boolean;
  /** It may move what is temporary, which takes all of it away. */
  readonly storage: boolean;
}

const CACHED = 1000;
const cache = new Map<string, Statement>();

/** Reads the text; remembered for the last texts seen. */
export function readStatement(sql: string): Statement {
  const known = cache.get(sql);
  if (known) return known;
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  const bare = withoutStrings(sql);
  const kind = kindOf(bare);
  const alters = /\balter\b/i.test(bare);
  const statement: Statement = {
    kind,
    sql,
    alters,
    altered: alters ? alteredBy(withoutComments(sql), bare) : null,
    replaces: /\breplace\b/i.test(bare),
    recursion: /\brecursive_triggers\b/i.test(bare),
    storage: /\btemp_store\b/i.test(bare),
  };
  cache.set(sql, statement);
  return statement;
}

const quotedName = String.raw`"(?:[^"]|"")*"|\x60(?:[^\x60]|\x60\x60)*\x60|\[[^\]]*\]|'(?:[^']|'')*'|[\w$\u0080-\uffff]+`;
const alteredTable = new RegExp(
  String.raw`\balter\s+table\s+(?:(?:${quotedName})\s*\.\s*)?(${quotedName})`,
  "gi",
);

function alteredBy(sql: string, bare: string): string[] | null {
  const found = [...sql.matchAll(alteredTable)].map(([, name]) => nameOf(name!).toLowerCase());
  // As many as there are outside of strings and comments: else one of them is written in another way.
  return found.length === (bare.match(/\balter\b/gi)?.length ?? 0) ? found : null;
}

function nameOf(text: string): string {
  const quote = text[0]!;
  if (!/["'`[]/.test(quote)) return text;
  return quote === "[" ? text.slice(1, -1) : text.slice(1, -1).replaceAll(quote + quote, quote);
}

/* A quote that is doubled ends one string and begins the next, which comes to the same here. A choice for each character
   would give up its stack on a string of megabytes, and the application's statement with it. */
const quotedOrComment = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
const isComment = (text: string): boolean => /^(?:--|\/\*)/.test(text);

/** Comments are gone, and quoted words are empty, so that no keyword or semicolon in them is seen. */
const withoutStrings = (sql: string): string =>
  sql.replace(quotedOrComment, (match) => (isComment(match) ? " " : "''"));

const withoutComments = (sql: string): string =>
  sql.replace(quotedOrComment, (match) => (isComment(match) ? " " : match));

function kindOf(bare: string): StatementKind {
  const text = bare.replace(/^[\s;]+/, "");
  if (/;\s*[^\s;]/.test(text)) return "many";
  const word = /^\w+/.exec(text)?.[0].toLowerCase() ?? "";
  switch (word) {
    case "select":
    case "values":
    case "explain":
    case "pragma":
    case "analyze":
    case "":
      return "read";
    case "with":
      return /\b(?:insert|update|delete|replace)\b/i.test(text) ? "write" : "read";
    case "begin":
    case "savepoint":
    case "release":
      return word;
    case "commit":
    case "end":
      return "commit";
    case "rollback":
      return /^rollback(?:\s+transaction)?\s+to\b/i.test(text) ? "rollbackTo" : "rollback";
    case "insert":
    case "update":
    case "delete":
    case "replace":
      return "write";
    default:
      return "schema";
  }
}
