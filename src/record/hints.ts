/**
 * Whether a text can hold anything that is hidden by a name: asked of every string of every record, so it
 * has to cost next to nothing, and most texts of a record end here.
 *
 * @module
 */

/** What a character can be the sign of. */
const SEPARATOR = 1;
const TAG = 2;
const QUOTE = 3;
const PERCENT = 4;
const AT = 5;

const SIGNS = new Uint8Array(128);
for (const [characters, sign] of [
  ["=:", SEPARATOR],
  ["<", TAG],
  ["'", QUOTE],
  ["%", PERCENT],
  ["@", AT],
] as const) {
  for (const character of characters) SIGNS[character.charCodeAt(0)] = sign;
}

/** Characters that may stand between a name and its separator: quotes, brackets, blanks. */
const BETWEEN = new Uint8Array(128);
for (const character of " \t\r\n\"'`\\)]") BETWEEN[character.charCodeAt(0)] = 1;
const BACKSLASH = 0x5c;
/** `token[0]=`: how the name ends stands before the other bracket. */
const BRACKET = 0x5d;
/** Characters that do not count in a name. */
const IGNORED = new Uint8Array(128);
for (const character of " _-.") IGNORED[character.charCodeAt(0)] = 1;

/** Statements whose literals are looked at. The gap is bounded, or a text of nothing but `select` takes forever. */
export const STATEMENT =
  /\b(?:insert\s+into|replace\s+into|update\s+\S{1,200}\s+set|delete\s+from|select\s[\s\S]{0,500}?\sfrom|(?:alter|create)\s+(?:user|role)|identified\s+by|duplicate\s+entry)\b/iu;

/** Knows the endings of the names that hide their values: three letters tell nearly all other texts apart. */
export class Hints {
  /** By the last three characters, five bits of each: enough for letters of either case. */
  private readonly endings = new Uint8Array(1 << 15);

  /** @param names - normal names: lower case, without separators */
  constructor(names: Iterable<string>) {
    for (const name of names) this.add(name);
  }

  /** Never `false` for a text that holds a name and its value. */
  in(text: string): boolean {
    let quoted = false;
    let addressed = false;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      const sign = code < 128 ? SIGNS[code] : 0;
      if (sign === 0) continue;
      if (sign === SEPARATOR) {
        if (this.isAfterName(text, index)) return true;
      } else if (sign === TAG) {
        if (text.charCodeAt(index + 1) === 0x2f) return true;
      } else if (sign === PERCENT) {
        if (isEncodedSign(text, index)) return true;
      } else if (sign === QUOTE) quoted = true;
      else addressed = true;
    }
    return (addressed && text.includes("://")) || (quoted && STATEMENT.test(text));
  }

  /**
   * The same of one separator in the bytes of a JSON string: whether a name may end before it. Escapes are not
   * undone, so one that is met is taken for a name.
   *
   * @param start - where the string begins
   */
  endsName(bytes: Uint8Array, separator: number, start: number): boolean {
    if (bytes[separator - 1] === BRACKET) return true;
    let index = separator - 1;
    while (index >= start && BETWEEN[bytes[index]!] === 1 && bytes[index] !== BACKSLASH) index -= 1;
    let key = 0;
    let shift = 0;
    for (; index >= start && shift < 15; index -= 1) {
      const code = bytes[index]!;
      if (code === BACKSLASH) return true;
      if (IGNORED[code] === 1) continue;
      key |= (code & 31) << shift;
      shift += 5;
    }
    return this.endings[key] === 1 || (index >= start && bytes[index] === BACKSLASH);
  }

  private add(name: string): void {
    const codes = Array.from(name.slice(-3), (character) => character.charCodeAt(0) & 31);
    // A name of fewer letters may have any before it.
    const free = 3 - codes.length;
    for (let before = 0; before < 1 << (5 * free); before += 1) {
      this.endings[codes.reduce((key, code) => (key << 5) | code, before)] = 1;
    }
  }

  private isAfterName(text: string, separator: number): boolean {
    if (text.charCodeAt(separator - 1) === BRACKET) return true;
    let index = separator - 1;
    while (index >= 0 && BETWEEN[text.charCodeAt(index)] === 1) index -= 1;
    let key = 0;
    let shift = 0;
    for (; index >= 0 && shift < 15; index -= 1) {
      const code = text.charCodeAt(index);
      if (IGNORED[code] === 1) continue;
      key |= (code & 31) << shift;
      shift += 5;
    }
    return this.endings[key] === 1 || endsEncoded(text, separator);
  }
}

/** `user%5Bpassword%5D`, whose bracket hides how the name ends. */
function endsEncoded(text: string, end: number): boolean {
  return text.charCodeAt(end - 3) === 0x25 && text.charCodeAt(end - 2) === 0x35;
}

/** `%3D`, `%3A`, `%3C` or `%22`: a text within the text. */
function isEncodedSign(text: string, index: number): boolean {
  const first = text.charCodeAt(index + 1);
  const second = text.charCodeAt(index + 2) | 0x20;
  if (first === 0x33) return second === 0x64 || second === 0x61 || second === 0x63;
  return first === 0x32 && second === 0x32;
}
