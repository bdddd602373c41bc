/**
 * SQL text without what users typed into it, so that a statement can stand in a record.
 *
 * @module
 */

/** How strings are written: MySQL takes backslashes in them, and double quotes round them. */
export type Quoting = "standard" | "mysql";

/* Quoted names are matched too, so that a quote inside of one opens no string. */
const patterns: Record<Quoting, RegExp> = {
  standard: pattern(
    String.raw`"(?:[^"]|"")*"|\[[^\]]*\]|` + "`(?:[^`]|``)*`",
    String.raw`--[^\n]*`,
    String.raw`\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$|(?:\b[xXbBnN])?'(?:[^']|'')*'`,
  ),
  mysql: pattern(
    "`(?:[^`]|``)*`",
    String.raw`--(?=\s)[^\n]*|#[^\n]*`,
    String.raw`(?:\b(?:[xXbBnN]|_\w+))?'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"\\]|""|\\[\s\S])*"`,
  ),
};

function pattern(name: string, comment: string, string: string): RegExp {
  const number = String.raw`(?<![\w$:@?])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b`;
  return new RegExp(
    `(?<name>${name})|(?<comment>${comment}|\\/\\*[\\s\\S]*?\\*\\/)|(?<value>${string}|${number})`,
    "g",
  );
}

/** Longest statement text that is kept, in characters. */
const LONGEST = 4000;

/** The statement with every literal written as `?`, comments left out and white space folded. */
export function withoutValues(sql: string, quoting: Quoting = "standard"): string {
  const text = sql
    .replace(patterns[quoting], (match: string, ...rest: unknown[]) => {
      const { name, comment } = rest.at(-1) as { name?: string; comment?: string };
      if (name !== undefined) return match;
      return comment === undefined ? "?" : " ";
    })
    .replace(/\s+/g, " ")
    .trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
