/**
 * SQL text → tokens, as the server's own lexer cuts it.
 *
 * No parser: capture needs a statement's verb, its table, and the two or three places where text may be put
 * in. A comment is no token, so text that is put right behind a token can never end up inside of one.
 *
 * @module
 */

/** What the session's `sql_mode` changes about quotes. */
export interface Dialect {
  /** `ANSI_QUOTES`: double quotes are round names, not strings. */
  readonly ansiQuotes: boolean;
  /** `NO_BACKSLASH_ESCAPES`: a backslash is a character as any other. */
  readonly plainBackslash: boolean;
}

/** A word is a keyword, a bare name or a number; a name is a quoted one. */
export type TokenKind = "word" | "name" | "string" | "variable" | "mark";

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  /** The first character behind it. */
  readonly end: number;
  /** As it stands in the statement; a word in upper case. */
  readonly text: string;
}

/** `null` from `scan`: a quote or comment that does not end, or code in a comment (`/*! … *\/`). */
export type Scan = readonly Token[] | null;

/* What the server takes for a space; others, such as a no-break space, are part of names. */
const space = /[\t-\r ]+/y;
const word = /[0-9A-Za-z_$\u0080-\uffff]+/y;
/* Two dashes make a comment only before a space or control character. */
const lineComment = /(?:#|--(?![!-~\u0080-\uffff]))[^\n]*/y;
const variableName = /@@?(?:[0-9A-Za-z_$.\u0080-\uffff]+)?/y;

/** Reads a statement, or several. */
export function scan(sql: string, dialect: Dialect): Scan {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const gap = match(space, sql, at) || lineCommentAt(sql, at);
    // A NUL ends comments, and perhaps the statement: not worth an opinion.
    if (gap < 0 || sql[at] === "\0") return null;
    if (gap > 0) {
      at += gap;
      continue;
    }
    if (sql.startsWith("/*", at)) {
      // What stands in /*! … */ and /*M! … */ is run, on some servers and not on others.
      if (/^\/\*M?!/.test(sql.slice(at, at + 4))) return null;
      const end = sql.indexOf("*/", at + 2);
      if (end < 0) return null;
      at = end + 2;
      continue;
    }
    const found = next(sql, at, dialect);
    if (found === null) return null;
    tokens.push(found);
    at = found.end;
  }
  return tokens;
}

/** Its length; negative if it cannot be said where it ends. */
function lineCommentAt(sql: string, at: number): number {
  const length = match(lineComment, sql, at);
  return sql.slice(at, at + length).includes("\0") ? -1 : length;
}

function next(sql: string, at: number, dialect: Dialect): Token | null {
  const first = sql[at]!;
  const plain = match(word, sql, at);
  if (plain > 0) return token("word", sql, at, plain);
  if (first === "@") return variable(sql, at);
  if (first === "`" || (first === '"' && dialect.ansiQuotes)) return quoted("name", sql, at, false);
  if (first === "'" || first === '"') return quoted("string", sql, at, !dialect.plainBackslash);
  return token("mark", sql, at, 1);
}

function variable(sql: string, at: number): Token | null {
  const length = match(variableName, sql, at);
  const following = sql[at + length];
  if (length > 1 || !following || !"`'\"".includes(following)) return token("variable", sql, at, length);
  const inQuotes = quoted("name", sql, at + 1, false);
  return inQuotes && token("variable", sql, at, inQuotes.end - at);
}

/* A loop, not a pattern: a pattern gives up its stack on a string of megabytes, and backtracks to a shorter
   string where the quote is never closed. */
function quoted(kind: TokenKind, sql: string, at: number, escapes: boolean): Token | null {
  const quote = sql[at]!;
  for (let end = at + 1; end < sql.length; end += 1) {
    const character = sql[end];
    if (escapes && character === "\\") end += 1;
    else if (character === quote) {
      if (sql[end + 1] !== quote) return token(kind, sql, at, end + 1 - at);
      end += 1;
    }
  }
  return null;
}

function token(kind: TokenKind, sql: string, start: number, length: number): Token {
  const text = sql.slice(start, start + length);
  return { kind, start, end: start + length, text: kind === "word" ? text.toUpperCase() : text };
}

/** How many characters match right here; 0 if none. */
function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex - at : 0;
}

/** The tokens of each statement, where several stand in one string. Empty ones are left out. */
export function splitStatements(tokens: readonly Token[]): (readonly Token[])[] {
  const statements: Token[][] = [[]];
  for (const one of tokens) {
    if (one.kind === "mark" && one.text === ";") statements.push([]);
    else statements.at(-1)!.push(one);
  }
  return statements.filter((statement) => statement.length > 0);
}

/** A name as the database knows it: bare, or without its quotes. */
export function nameOf(one: Token, sql: string): string {
  if (one.kind !== "name") return sql.slice(one.start, one.end);
  const quote = one.text[0]!;
  return one.text.slice(1, -1).replaceAll(quote + quote, quote);
}
