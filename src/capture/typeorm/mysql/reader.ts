/**
 * Finds its way about the tokens of one statement.
 *
 * @module
 */
import { nameOf, type Token } from "./scan.js";

/** A table as the statement names it. */
export interface TableRef {
  readonly schema: string | null;
  readonly name: string;
}

/** From the first to behind the last of its tokens. */
export interface Range {
  readonly first: number;
  readonly behind: number;
}

/** A SET list: `intro` is the token before it, `last` its last token. */
export interface Assignments {
  readonly intro: Token;
  readonly last: Token;
  readonly columns: readonly { readonly qualifier: string | null; readonly name: string }[];
}

/** The tokens of one statement, with the text they stand in. */
export interface Tokens {
  readonly sql: string;
  readonly list: readonly Token[];
}

/** Moves over the tokens of one statement; words inside of parentheses are not found. */
export class Reader {
  at = 1;
  readonly #sql: string;
  readonly #list: readonly Token[];

  constructor({ sql, list }: Tokens) {
    this.#sql = sql;
    this.#list = list;
  }

  get length(): number {
    return this.#list.length;
  }

  get last(): Token {
    return this.#list.at(-1)!;
  }

  word(at: number): string {
    const token = this.#list[at];
    return token?.kind === "word" ? token.text : "";
  }

  mark(at: number): string {
    const token = this.#list[at];
    return token?.kind === "mark" ? token.text : "";
  }

  name(at: number): string | null {
    const token = this.#list[at];
    return token?.kind === "word" || token?.kind === "name" ? nameOf(token, this.#sql) : null;
  }

  /** Savepoints are compared without case. */
  savepoint(at: number): string {
    return (this.name(at) ?? "").toLowerCase();
  }

  /** A table's name here; moves behind it. */
  table(): TableRef | null {
    const first = this.name(this.at);
    if (first === null) return null;
    if (this.mark(this.at + 1) !== ".") {
      this.at += 1;
      return { schema: null, name: first };
    }
    const second = this.name(this.at + 2);
    this.at += 3;
    return second === null ? null : { schema: first, name: second };
  }

  /** An alias here, if it ends before `behind`; moves behind it. */
  alias(behind: number): string | null {
    const from = this.word(this.at) === "AS" ? this.at + 1 : this.at;
    if (from + 1 !== behind) return null;
    const alias = this.name(from);
    if (alias !== null) this.at = behind;
    return alias;
  }

  /** Where these words stand, outside of parentheses; `length` if nowhere. */
  find(words: readonly string[], from: number): number {
    for (const at of this.#outside(from, this.length)) {
      // After a dot any word is a name.
      if (this.mark(at - 1) === ".") continue;
      if (words.every((word, index) => this.word(at + index) === word)) return at;
    }
    return this.length;
  }

  /** Where WHERE, ORDER BY, LIMIT or RETURNING begins. */
  tail(from: number): number {
    return Math.min(
      ...[["WHERE"], ["ORDER", "BY"], ["LIMIT"], ["RETURNING"]].map((words) => this.find(words, from)),
    );
  }

  /** The parenthesis that closes the one here. */
  closing(at: number): number {
    let depth = 0;
    for (let index = at; index < this.length; index += 1) {
      const mark = this.mark(index);
      if (mark === "(") depth += 1;
      else if (mark === ")" && --depth === 0) return index;
    }
    return this.length;
  }

  /** What stands between commas. */
  split(first: number, behind: number): Range[] {
    const parts: Range[] = [];
    let from = first;
    for (const at of this.#outside(first, behind)) {
      if (this.mark(at) !== ",") continue;
      parts.push({ first: from, behind: at });
      from = at + 1;
    }
    if (from < behind) parts.push({ first: from, behind });
    return parts;
  }

  /** The SET list behind the token at `intro`. */
  assignments(intro: number, behind: number): Assignments | null {
    const columns: { qualifier: string | null; name: string }[] = [];
    for (const part of this.split(intro + 1, behind)) {
      const equals = this.#equals(part);
      const name = this.name(equals - 1);
      if (equals === part.behind || name === null) return null;
      const qualified = this.mark(equals - 2) === ".";
      columns.push({ qualifier: qualified ? this.name(equals - 3) : null, name });
    }
    if (columns.length === 0) return null;
    return { intro: this.#list[intro]!, last: this.#list[behind - 1]!, columns };
  }

  /** The values of a SET list. */
  values(first: number, behind: number): Range[] {
    return this.split(first, behind).map((part) => ({ first: this.#equals(part) + 1, behind: part.behind }));
  }

  /** Whether a write stands behind the first word: a WITH … SELECT or a plain SET has none. */
  writes(): boolean {
    return ["INSERT", "UPDATE", "DELETE", "REPLACE"].some((word) => this.find([word], 1) < this.length);
  }

  /** All that may be the name of a table, for a statement that is not understood. */
  otherTables(from: number, behind: number): TableRef[] {
    const found: TableRef[] = [];
    for (let at = from; at < behind; at += 1) {
      const introduced = /^(?:UPDATE|INTO|FROM|JOIN|TABLE|CALL|USING|DELETE|IGNORE)$/.test(this.word(at));
      if (!introduced && this.mark(at) !== ",") continue;
      this.at = at + 1;
      const table = this.table();
      if (table) found.push(table);
    }
    return found;
  }

  #equals({ first, behind }: Range): number {
    for (let at = first; at < behind; at += 1) {
      if (this.mark(at) === "=") return at;
      // `SET a := 1` is not MySQL's UPDATE syntax for columns, but is accepted.
      if (this.mark(at) === ":" && this.mark(at + 1) === "=") return at;
    }
    return behind;
  }

  *#outside(from: number, behind: number): Generator<number> {
    let depth = 0;
    for (let at = from; at < behind; at += 1) {
      const mark = this.mark(at);
      if (mark === "(") depth += 1;
      else if (mark === ")") depth -= 1;
      else if (depth === 0) yield at;
    }
  }
}
