/**
 * Puts text of ours into a statement, and proves that nothing else of it changed.
 *
 * @module
 */
import { scan, type Dialect, type Token } from "./scan.js";

/** Text to put right behind a token. */
export interface Insertion {
  readonly after: Token;
  readonly text: string;
}

/**
 * The statement with the insertions (in order) in it. `null` unless scanning it again gives exactly the
 * statement's own tokens and, between them, exactly the tokens of what was put in: a statement whose meaning
 * is in doubt is run as it is.
 */
export function splice(
  sql: string,
  tokens: readonly Token[],
  insertions: readonly Insertion[],
  dialect: Dialect,
): string | null {
  const expected: string[] = [];
  let text = "";
  let from = 0;
  let position = 0;
  for (const insertion of insertions) {
    const upTo = tokens.indexOf(insertion.after, position) + 1;
    const added = scan(insertion.text, dialect);
    if (upTo === 0 || !added) return null;
    expected.push(...tokens.slice(position, upTo).map(identity), ...added.map(identity));
    text += `${separated(sql.slice(from, insertion.after.end), from)} ${insertion.text}`;
    from = insertion.after.end;
    position = upTo;
  }
  expected.push(...tokens.slice(position).map(identity));
  text += separated(sql.slice(from), from);
  const proof = scan(text, dialect)?.map(identity);
  return proof?.length === expected.length && proof.every((one, index) => one === expected[index])
    ? text
    : null;
}

/** What follows must not grow together with what was put in. */
const separated = (rest: string, from: number): string =>
  from === 0 || rest === "" || /^\s/.test(rest) ? rest : ` ${rest}`;

const identity = ({ kind, text }: Token): string => `${kind} ${text}`;
