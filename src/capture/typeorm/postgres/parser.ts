/**
 * PostgreSQL's own parser, compiled to WebAssembly (`libpg-query`): the only thing here that reads SQL.
 *
 * A home-made scanner was measured in the study to be cheaper and wrong: it took a WHERE inside of a comment
 * for a clause. Parsing costs about 0.1 ms a new text, so callers keep what they read by text.
 *
 * @module
 */
import type { RawStmt } from "libpg-query";
import { AuditError } from "../../../errors.js";

/** One token, with its place in the UTF-8 bytes of the text. Comments are left out. */
export interface Token {
  readonly start: number;
  readonly end: number;
  /** In upper case if it is an unquoted word, as written if not. */
  readonly word: string;
}

export interface SqlParser {
  /** The statements of a text, as PostgreSQL's raw parser sees them. Throws on a syntax error. */
  parse(sql: string): readonly RawStmt[];
  tokens(sql: string): readonly Token[];
}

interface LibPgQuery {
  loadModule(): Promise<void>;
  parseSync(sql: string): { stmts?: RawStmt[] };
  scanSync(sql: string): {
    tokens: { start: number; end: number; text: string; tokenName: string }[];
  };
}

/**
 * Begins to load the parser.
 *
 * @throws {AuditError} `AUDIT_PEER_MISSING`, at once, if `libpg-query` is not installed
 */
export function loadParser(): Promise<SqlParser> {
  const library = requireLibrary();
  return library.loadModule().then(() => ({
    parse: (sql) => library.parseSync(sql).stmts ?? [],
    tokens: (sql) => tokensOf(library, sql),
  }));
}

/** @throws {AuditError} `AUDIT_PEER_MISSING` */
export function requireLibrary(): LibPgQuery {
  try {
    return require("libpg-query") as LibPgQuery;
  } catch (cause) {
    throw new AuditError("AUDIT_PEER_MISSING", ["Row capture on PostgreSQL", "libpg-query"], { cause });
  }
}

function tokensOf(library: LibPgQuery, sql: string): Token[] {
  const tokens: Token[] = [];
  for (const { start, end, text, tokenName } of library.scanSync(sql).tokens) {
    if (tokenName === "SQL_COMMENT" || tokenName === "C_COMMENT") continue;
    tokens.push({ start, end, word: /^[a-z_]+$/i.test(text) ? text.toUpperCase() : text });
  }
  return tokens;
}
