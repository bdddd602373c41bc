/**
 * Secrets inside texts: JSON, forms, query strings, URLs, header lines, XML, SQL, messages of errors.
 *
 * Nothing is known of such a text but that somewhere `name = value` or `name: value` may stand in it with a
 * name that hides its value. It is read once from left to right; time is linear in its length.
 *
 * @module
 */
import { pointerPart } from "./changes.js";
import type { Hider } from "./hide.js";
import { STATEMENT } from "./hints.js";
import { hides, type KeyAction, type KeyTable } from "./keys.js";
import { REDACTED } from "./markers.js";
import { wellFormed } from "./well-formed.js";

/** What reading a text needs from the walk it is part of. */
export interface TextContext {
  readonly keys: KeyTable;
  readonly hider: Hider;
  /** Redacts a value that was found as JSON in a text. */
  parsed(value: object): object;
}

/** A text in a text in a text is read; deeper is not. */
const MAX_NESTING = 3;

export function redactText(text: string, context: TextContext, nesting = 0): string {
  const asJson = redactJson(text, context);
  if (asJson !== undefined) return asJson;
  let shown = text;
  if (shown.includes("%")) shown = redactEncoded(shown, context, nesting);
  if (shown.includes("</")) shown = redactXml(shown, context);
  if (shown.includes('name="')) shown = redactMultipart(shown, context);
  if (shown.includes("'")) shown = redactSql(shown, context);
  if (shown.includes("://") && shown.includes("@")) shown = redactUserinfo(shown, context);
  return redactAssignments(shown, context);
}

/** `undefined` if the text is no JSON object or array. */
function redactJson(text: string, context: TextContext): string | undefined {
  if (!/^\s{0,100}[[{]/u.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const known = context.hider.findings.length;
  const shown = context.parsed(value as object);
  if (shown === value && namesIn(text) === namesOf(value)) return text;
  context.hider.complete(known, "#");
  // A half of a pair that stood in the text as such would become an escape, which nothing makes whole again later.
  return wellFormed(JSON.stringify(shown));
}

/** Of two values under one name the parser keeps the last; the text has both. */
function namesIn(text: string): number {
  let count = 0;
  for (const [, colon] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/gsu))
    if (colon !== undefined) count += 1;
  return count;
}

function namesOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const parts = Object.values(value);
  const own = Array.isArray(value) ? 0 : parts.length;
  return parts.reduce<number>((sum, part) => sum + namesOf(part), own);
}

/** `=`, `:`, `<` and `"`. */
const ENCODED_SIGN = /%(?:3[dDaAcC]|22)/u;

/** Pieces that are percent-encoded once more: a URL in a query, a form in a form. */
function redactEncoded(text: string, context: TextContext, nesting: number): string {
  if (nesting >= MAX_NESTING || !ENCODED_SIGN.test(text)) return text;
  // Whole pieces: an expression that looks for the sign itself begins again at each character of one that has none.
  return text.replaceAll(/[^\s&=?"<>#]+/gu, (piece) => {
    if (!ENCODED_SIGN.test(piece)) return piece;
    let plain: string;
    try {
      plain = decodeURIComponent(piece.replaceAll("+", "%20"));
    } catch {
      return piece;
    }
    const shown = redactText(plain, context, nesting + 1);
    return shown === plain ? piece : encodeURIComponent(shown.toWellFormed());
  });
}

const ELEMENT = /(<([\w:.-]{1,64})(?:\s[^<>]{0,512})?>)([^<>]+)(?=<\/)/gu;
const QUOTED_ELEMENT =
  /(<([\w:.-]{1,64})(?:\s[^<>]{0,512})?>\s*<!\[CDATA\[)([\s\S]{0,4096}?)(?=\]\]>\s*<\/)/gu;
/** XML as a text in XML. */
const ESCAPED_ELEMENT =
  /(&lt;([\w:.-]{1,64})(?:\s[^<>]{0,512}?)?&gt;)((?:[^<>&]|&(?!lt;)){1,4096})(?=&lt;\/)/gu;

function redactXml(text: string, { keys, hider }: TextContext): string {
  // One after the other: what stands within an element that is let be is looked at too.
  return [ELEMENT, QUOTED_ELEMENT, ESCAPED_ELEMENT].reduce(
    (shown, element) =>
      shown.replaceAll(element, (all, tag, name, value) => {
        const action = keys.actionOf(name);
        return hides(action) ? tag + hider.text(action, value, place(name)) : all;
      }),
    text,
  );
}

function redactMultipart(text: string, { keys, hider }: TextContext): string {
  // The head is bounded, or each name in a page of HTML would be followed to the page's end.
  const part =
    /name="([^"\r\n]{1,64})"([^\r\n]{0,512}(?:\r?\n[^\r\n]{1,512}){0,8}\r?\n\r?\n)([\s\S]*?)(?=\r?\n--|$)/gu;
  return text.replaceAll(part, (all, name, head, value) => {
    const action = keys.actionOf(name);
    return hides(action) ? `name="${name}"${head}${hider.text(action, value, place(name))}` : all;
  });
}

/** In a statement that names a secret column, which literal is its value takes a parser to know: all go. */
function redactSql(text: string, { keys, hider }: TextContext): string {
  // Of a unique key that is violated, MySQL tells the value first and the key's name after.
  const told = text.replaceAll(
    /(Duplicate entry ')(.{0,4096}?)(' for key '([^']{1,200})')/gsu,
    (all, head, value, tail, key) =>
      hides(keys.actionOf(key)) ? `${head}${hider.text("redact", value, place(key))}${tail}` : all,
  );
  const secret = secretColumn(told, keys);
  if (secret === undefined) return told;
  return told.replaceAll(
    /'((?:[^']|'')+)'/gu,
    (_, value) => `'${hider.text("redact", value, place(secret))}'`,
  );
}

/** The first name in an SQL statement that hides its value. */
export function secretColumn(text: string, keys: KeyTable): string | undefined {
  if (!STATEMENT.test(text)) return undefined;
  return text.match(/[A-Za-z_]\w{1,63}/gu)?.find((name) => hides(keys.actionOf(name)));
}

/** `scheme://user:password@host`, and a token in the user's place. */
function redactUserinfo(text: string, { hider }: TextContext): string {
  return text.replaceAll(
    // A password may hold what it should have encoded. What begins with a port is the rest of a URL.
    /(:\/\/)([^\s/?#@:"'<>[]*)(?::([^\s/?#"'<>]*|(?!\d{1,5}\b)[^\s@"'<>]{1,256}))?@/gu,
    (all, slashes, user, password) => {
      if (password) return `${slashes}${user}:${hider.text("redact", password, "#userinfo")}@`;
      return user.length >= 20 ? `${slashes}${hider.text("redact", user, "#userinfo")}@` : all;
    },
  );
}

/** `name=value`, `name: value`, `"name": "value"`, `name => value`, `(name)=(value)`. */
function redactAssignments(text: string, { keys, hider }: TextContext): string {
  const separator = /[=:]/gu;
  let shown = "";
  let copied = 0;
  for (let match = separator.exec(text); match !== null; match = separator.exec(text)) {
    const name = nameBefore(text, match.index, copied, keys);
    if (name === undefined) continue;
    const span = valueAfter(text, match.index, name);
    if (span === undefined) continue;
    const [start, end] = span;
    shown += text.slice(copied, start) + hider.text(name.action, text.slice(start, end), place(name.text));
    copied = end;
    separator.lastIndex = end;
  }
  return copied === 0 ? text : shown + text.slice(copied);
}

interface Name {
  readonly text: string;
  readonly action: KeyAction;
  readonly start: number;
}

/** The name that ends before `end`, if it hides its value. Nothing before `from` is looked at. */
function nameBefore(text: string, end: number, from: number, keys: KeyTable): Name | undefined {
  const lowest = Math.max(from, end - 80);
  let last = end;
  while (last > lowest && /[\s"'`\\)]/u.test(text[last - 1]!)) last -= 1;
  let first = last;
  while (first > lowest && /[\w$.\-[\]%]/u.test(text[first - 1]!)) first -= 1;
  if (first === last) return undefined;
  const name = decodedName(text.slice(first, last));
  const action = keys.actionOf(name);
  if (hides(action)) return { text: name, action, start: first };
  // `\nX-Api-Key: …`: a line break that is written as such.
  if (text[first - 1] === "\\" && /^[nrt]/u.test(name)) {
    const behind = keys.actionOf(name.slice(1));
    return hides(behind) ? { text: name.slice(1), action: behind, start: first + 1 } : undefined;
  }
  // Of two words, as people write them: "Api Key: …".
  const pair =
    first > lowest && text[first - 1] === " " ? /[A-Za-z]{1,20} $/u.exec(text.slice(lowest, first)) : null;
  if (!pair) return undefined;
  const whole = pair[0] + name;
  const pairAction = keys.actionOf(whole);
  return hides(pairAction) ? { text: whole, action: pairAction, start: first - pair[0].length } : undefined;
}

function decodedName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Stands for a value without being one. */
const NO_VALUE =
  /^(?:\$\d+|\?|:\w+|%[sdjo]|null|undefined|true|false|none|\*+|\[REDACTED\]|psn_[\w-]{22})$/iu;
const SCHEME = /^(?:Basic|Bearer|Digest|Negotiate|ApiKey|Token)$/iu;

/** Where the value after a separator stands; `undefined` if there is none, or only a word of prose. */
function valueAfter(text: string, separator: number, name: Name): readonly [number, number] | undefined {
  const lead = /^(?:[=:]{1,3}>?)[ \t]{0,8}/u.exec(text.slice(separator, separator + 12));
  const start = separator + (lead?.[0].length ?? 1);
  const quote = /^(\\*["'`]|\()/u.exec(text.slice(start, start + 9))?.[0];
  if (quote !== undefined) return quotedValue(text, start + quote.length, quote === "(" ? ")" : quote);
  if (text.startsWith(REDACTED, start)) return undefined;
  // An object or a list that is not whole, or it would have been read as JSON: nothing after it can be trusted.
  if (/[[{]/u.test(text[start] ?? "")) return [start, text.length];

  const colon = text[separator] === ":" && text[separator + 1] !== "=";
  if (colon && (name.action === "authorization" || name.action === "cookie")) {
    return spanOf(text, start, /[\r\n]/u);
  }
  const span = spanOf(text, start, colon ? /[\s,;&"'<>}\])]/u : /[\s&"'<>`]/u);
  if (span === undefined) return undefined;
  const value = text.slice(...span);
  if (SCHEME.test(value) && text[span[1]] === " ") return spanOf(text, span[1] + 1, /[\s,;&"'<>}\])]/u);
  if (NO_VALUE.test(value)) return undefined;
  if (colon) return isProse(text, name.start, span) ? undefined : span;
  return beforeNextAssignment(text, span);
}

function quotedValue(text: string, start: number, quote: string): readonly [number, number] | undefined {
  const end = closingQuote(text, start, quote);
  return end === start || NO_VALUE.test(text.slice(start, end)) ? undefined : [start, end];
}

/** A quote with more backslashes before it than the opening one belongs to the value. */
function closingQuote(text: string, start: number, quote: string): number {
  for (let end = text.indexOf(quote, start); end !== -1; end = text.indexOf(quote, end + quote.length)) {
    if (quote === ")" || !isEscaped(text, start, end)) return end;
  }
  return text.length;
}

function isEscaped(text: string, start: number, quote: number): boolean {
  let backslashes = 0;
  while (quote - backslashes > start && text[quote - backslashes - 1] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}

function spanOf(text: string, start: number, end: RegExp): readonly [number, number] | undefined {
  const length = text.slice(start).search(end);
  const stop = length === -1 ? text.length : start + length;
  return stop === start ? undefined : [start, stop];
}

/** `Server=db;Password=x;Timeout=5`: a semicolon ends the value if another name follows, or nothing. */
function beforeNextAssignment(
  text: string,
  [start, end]: readonly [number, number],
): readonly [number, number] {
  const length = text.slice(start, end).search(/;(?:[A-Za-z][\w -]{0,40}=|$)/u);
  return length <= 0 ? [start, end] : [start, start + length];
}

/**
 * "Password: must be longer" says nothing secret, "password: hunter2" does. Without quotes a colon is followed
 * by prose as often as by a value: taken for a value is what stands alone on its line, or is no plain word.
 */
function isProse(text: string, nameStart: number, [start, end]: readonly [number, number]): boolean {
  const value = text.slice(start, end);
  if (value.length >= 16 || !/^[A-Za-z][a-z]*[.!?]?$|^[A-Z]+$/u.test(value)) return false;
  const alone = /^[ \t]*(?:\r?\n|$)/u.test(text.slice(end, end + 80));
  return !(alone && /(?:^|\n)[ \t>-]*$/u.test(text.slice(Math.max(0, nameStart - 80), nameStart)));
}

function place(name: string): string {
  return `#${name.slice(0, 64)}`;
}

/** The pointer step to a field. */
export function step(key: string | number): string {
  return typeof key === "number" ? `/${key}` : `/${pointerPart(key.length > 128 ? key.slice(0, 128) : key)}`;
}
