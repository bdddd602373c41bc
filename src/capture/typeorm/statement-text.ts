/**
 * SQL text without what users typed into it, so that a statement can stand in a record.
 *
 * @module
 */

/**
 * How strings are written: MySQL takes backslashes in them, and double quotes round them; `mysql-plain` is MySQL
 * under NO_BACKSLASH_ESCAPES. PostgreSQL's only placeholders are `$1`, `$2` …; a `?` is an operator there.
 */
export type Quoting = "standard" | "postgres" | "mysql" | "mysql-plain";

/* Unrolled, because a choice for each character gives up its stack on a string of megabytes. */
const doubled = (quote: string): string => `${quote}[^${quote}]*(?:${quote}${quote}[^${quote}]*)*${quote}`;
const escaped = (quote: string): string =>
  String.raw`${quote}[^${quote}\\]*(?:(?:\\[\s\S]|${quote}${quote})[^${quote}\\]*)*${quote}`;

const dollars = String.raw`\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$`;
const standardStrings = String.raw`\b[eE]${escaped("'")}|${dollars}|(?:\b[xXbBnN])?${doubled("'")}`;
const mysqlPrefix = String.raw`(?:\b(?:[xXbBnN]|_\w+))?`;
const mysqlComment = String.raw`--(?=\s)[^\n]*|#[^\n]*`;

/* Quoted names are matched too, so that a quote inside of one opens no string. */
const patterns: Record<Quoting, RegExp> = {
  standard: pattern(
    String.raw`${doubled('"')}|\[[^\]]*\]|${doubled("`")}`,
    String.raw`--[^\n]*`,
    standardStrings,
    String.raw`\?\d*|(?<!:):\w+|(?<!@)@\w+|\$\w+`,
  ),
  postgres: pattern(doubled('"'), String.raw`--[^\n]*`, standardStrings, String.raw`\$\d+`),
  mysql: pattern(doubled("`"), mysqlComment, `${mysqlPrefix}${escaped("'")}|${escaped('"')}`, String.raw`\?`),
  "mysql-plain": pattern(
    doubled("`"),
    mysqlComment,
    `${mysqlPrefix}${doubled("'")}|${doubled('"')}`,
    String.raw`\?`,
  ),
};

function pattern(name: string, comment: string, string: string, placeholder: string): RegExp {
  const number = String.raw`(?<![\w$:@?])(?:0[xX][\da-fA-F]+|0[bB][01]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b`;
  return new RegExp(
    `(?<name>${name})|(?<comment>${comment}|\\/\\*[\\s\\S]*?\\*\\/)|(?<value>${string}|${number})|` +
      `(?<placeholder>${placeholder})|(?<word>[\\p{L}_][\\p{L}\\p{N}_$]*)|(?<mark>[^\\s\\p{L}_])`,
    "gu",
  );
}

/** A piece of a statement. */
export interface Place {
  readonly kind: "name" | "comment" | "value" | "placeholder" | "word" | "mark";
  readonly text: string;
}

const kinds = ["name", "comment", "value", "placeholder", "word", "mark"] as const;

/** The pieces of a statement, comments left out. */
export function placesOf(sql: string, quoting: Quoting): readonly Place[] {
  const places: Place[] = [];
  for (const { 0: text, groups } of sql.matchAll(patterns[quoting])) {
    const kind = kinds.find((one) => groups![one] !== undefined)!;
    if (kind !== "comment") places.push({ kind, text });
  }
  return places;
}

/** Longest statement text that is kept, in characters. */
const LONGEST = 4000;

/** The statement with every literal written as `?`, comments left out and white space folded. */
export function withoutValues(sql: string, quoting: Quoting = "standard"): string {
  const text = sql
    .replace(patterns[quoting], (match: string, ...rest: unknown[]) => {
      const { value, comment } = rest.at(-1) as { value?: string; comment?: string };
      if (value !== undefined) return "?";
      return comment === undefined ? match : " ";
    })
    .replace(/\s+/g, " ")
    .trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
