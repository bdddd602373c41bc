/**
 * Where the clauses of one statement stand in its text.
 *
 * Only keywords outside of all parentheses count, which no expression can hold, except as a name behind a dot
 * or behind AS. What is found here is never trusted: the rewritten text is parsed again and compared.
 *
 * @module
 */
import type { RawStmt } from "libpg-query";
import type { Token } from "./parser.js";

export class Clauses {
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[], raw: RawStmt) {
    const start = raw.stmt_location ?? 0;
    const end = raw.stmt_len ? start + raw.stmt_len : Infinity;
    this.#tokens = tokens.filter((token) => token.start >= start && token.end <= end && token.word !== ";");
  }

  /** The byte behind the last token. */
  get end(): number {
    return this.#tokens.at(-1)?.end ?? 0;
  }

  /** The index of the first keyword `word` outside of parentheses, or -1. */
  find(word: string, from = 0): number {
    let depth = 0;
    for (let index = from; index < this.#tokens.length; index += 1) {
      const token = this.#tokens[index]!;
      if (token.word === "(" || token.word === "[") depth += 1;
      else if (token.word === ")" || token.word === "]") depth -= 1;
      else if (depth === 0 && token.word === word && !this.#isName(index)) return index;
    }
    return -1;
  }

  /** The index of the token that begins at a byte. */
  indexAt(place: number): number {
    return this.#tokens.findIndex((token) => token.start >= place);
  }

  /** The byte where a token begins. */
  startOf(index: number): number {
    return this.#tokens[index]?.start ?? this.end;
  }

  /** The byte behind a token. */
  endOf(index: number): number {
    return this.#tokens[index]?.end ?? this.end;
  }

  /** The byte behind the token in front of this one; of the last token for -1. */
  endBefore(index: number): number {
    return index < 0 ? this.end : this.endOf(index - 1);
  }

  /** A column label may be any keyword: `t.where`, `x AS returning`. And DISTINCT FROM is an operator. */
  #isName(index: number): boolean {
    const before = this.#tokens[index - 1]?.word;
    return before === "." || before === "AS" || before === "DISTINCT";
  }
}
