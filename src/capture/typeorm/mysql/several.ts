/**
 * A string of several statements: taken apart, and their answers put together as mysql2 gives them.
 *
 * @module
 */
import type { Tokens } from "./statement.js";
import { MORE_RESULTS, type Answer } from "./wire.js";

/** One statement of the string, as if it stood alone. */
export function partOf(sql: string, list: Tokens["list"]): Tokens {
  const from = list[0]!.start;
  const text = sql.slice(from, list.at(-1)!.end);
  return {
    sql: text,
    list: list.map((token) => ({ ...token, start: token.start - from, end: token.end - from })),
  };
}

/** A body of several statements, as of a procedure, has semicolons of its own. */
export const isCompound = (list: Tokens["list"]): boolean =>
  /^(?:IF|LOOP|WHILE|REPEAT|FOR|CASE|DECLARE|END)$/.test(list[0]!.text) ||
  (list[0]!.text === "BEGIN" && list.length > 1 && list[1]!.text !== "WORK") ||
  (list[0]!.text === "CREATE" &&
    list.some(({ text: word }) => /^(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)$/.test(word)));

/** The answers to several statements, as mysql2 gives them for one string. */
export function together(answers: readonly Answer[]): Answer {
  const last = answers.at(-1)!;
  for (const { headers } of answers.slice(0, -1)) {
    for (const header of headers) header.serverStatus |= MORE_RESULTS;
  }
  return {
    ...last,
    rows: answers.map(({ rows }) => rows),
    fields: answers.map(({ fields }) => fields),
    headers: answers.flatMap(({ headers }) => headers),
  };
}
