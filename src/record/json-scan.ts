/**
 * Whether bytes that say they are JSON may stand in a record as they are: valid, on one line, within the limits, and
 * with nothing in them to hide.
 *
 * To parse a body, walk through it and write it as JSON again costs five times as much as to read its bytes once
 * (measured on 200 to 500 bytes; more on larger ones). A doubt is always a "no", and the body is then parsed: names
 * are only compared by a hash, names that come twice in an object, escapes by number and numbers with an exponent
 * are left to the parser. A spec holds this against `JSON.parse` and the walk on random and on damaged bodies.
 *
 * @module
 */
import { isAscii } from "node:buffer";
import { STATEMENT } from "./hints.js";
import { normalName } from "./keys.js";
import { MAX_KEY, VALUE_COST, type Limits } from "./limits.js";
import { SHORTEST_FORM } from "./patterns.js";
import type { Rules } from "./walk.js";

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];

/** What a byte in a string asks for; most ask for nothing. */
const PLAIN = 0;
const END = 1;
const ESCAPE = 2;
const SEPARATOR = 3;
const TAG = 4;
const APOSTROPHE = 5;
const PERCENT = 6;
const AT = 7;
const CONTROL = 8;
const MEANING = new Uint8Array(256);
MEANING.fill(CONTROL, 0, 0x20);
MEANING[QUOTE] = END;
MEANING[BACKSLASH] = ESCAPE;
MEANING[COLON] = MEANING[0x3d] = SEPARATOR;
MEANING[0x3c] = TAG;
MEANING[0x27] = APOSTROPHE;
MEANING[0x25] = PERCENT;
MEANING[0x40] = AT;

/** A byte of a name, as names are compared: without case and separators. */
const SKIPPED = 0;
/** Not ASCII, or of a name with parts: the parser's. */
const DOUBTFUL = 255;
const NORMAL = new Uint8Array(256).fill(DOUBTFUL, 0x80).fill(DOUBTFUL, 0, 0x20);
for (let code = 0x20; code < 0x80; code += 1) NORMAL[code] = code;
for (let code = 0x41; code <= 0x5a; code += 1) NORMAL[code] = code + 0x20;
for (const character of " _-") NORMAL[character.charCodeAt(0)] = SKIPPED;
for (const character of '.[]:"\\') NORMAL[character.charCodeAt(0)] = DOUBTFUL;

/** What may follow a backslash. Of `\u` nobody knows what it hides, and `<\/` is a `</`. */
const ESCAPABLE = new Set(Buffer.from('"\\bfnrt'));
/** Longer ones may be infinite. */
const MAX_DIGITS = 300;
/** Names of one object that are compared with each other. */
const MAX_NAMES = 64;

export class JsonScan {
  /** By hash. */
  private readonly secretNames: ReadonlySet<number>;
  private readonly names = new Int32Array((MAX_NAMES + 1) * 128);
  private nameCount = 0;
  private bytes: Uint8Array = new Uint8Array();
  private text = "";
  private at = 0;
  private depth = 0;
  private quoted = false;
  private escaped = false;
  /** What is left of `Limits.total`. */
  left = 0;

  constructor(
    private readonly rules: Rules,
    private readonly limits: Limits,
  ) {
    // "name" hides nothing by itself; it is among them for texts like `name="pin"`.
    const names = rules.keys.names().filter((name) => name !== "name");
    this.secretNames = new Set(names.map((name) => hashOf(Buffer.from(normalName(name)))));
  }

  /**
   * The text, if it can stand in a record as it is.
   *
   * @param left - of `Limits.total`; what it costs is taken off `this.left`
   */
  read(bytes: Buffer, left: number): string | undefined {
    this.bytes = bytes;
    this.text = bytes.toString("latin1");
    this.at = 0;
    this.depth = 0;
    this.nameCount = 0;
    this.quoted = false;
    this.escaped = false;
    this.left = left;
    if (!this.value(false) || this.at !== bytes.length || this.left < 0) return undefined;
    const text = isAscii(bytes) ? this.text : bytes.toString("utf8");
    if (this.quoted && (this.escaped || STATEMENT.test(text))) return undefined;
    return text;
  }

  /** @param paired - whether a list here may be a name and its value */
  private value(paired: boolean): boolean {
    this.left -= VALUE_COST;
    switch (this.bytes[this.at]) {
      case 0x7b:
        return this.object();
      case 0x5b:
        return this.list(paired);
      case QUOTE:
        return this.string();
      case 0x74:
        return this.word(0x72, 0x75, 0x65);
      case 0x6e:
        return this.word(0x75, 0x6c, 0x6c);
      case 0x66:
        this.at += 1;
        return this.bytes[this.at] === 0x61 && this.word(0x6c, 0x73, 0x65);
      default:
        return this.number();
    }
  }

  private object(): boolean {
    if (!this.enter()) return false;
    if (this.bytes[this.at] === 0x7d) return this.leave();
    const first = this.nameCount;
    for (let count = 1; ; count += 1) {
      if (count > MAX_NAMES || this.bytes[this.at] !== QUOTE || !this.name(first)) return false;
      if (this.bytes[this.at] !== COLON) return false;
      this.at += 1;
      if (!this.value(false)) return false;
      if (this.bytes[this.at] !== COMMA) break;
      this.at += 1;
    }
    this.nameCount = first;
    return this.bytes[this.at] === 0x7d && this.leave();
  }

  private list(paired: boolean): boolean {
    if (!this.enter()) return false;
    if (this.bytes[this.at] === 0x5d) return this.leave();
    if (paired && this.bytes[this.at] === QUOTE && this.isSecretName(this.at + 1)) return false;
    for (let count = 1; ; count += 1) {
      if (count > this.limits.entries || !this.value(true)) return false;
      if (this.bytes[this.at] !== COMMA) break;
      this.at += 1;
    }
    return this.bytes[this.at] === 0x5d && this.leave();
  }

  private enter(): boolean {
    this.at += 1;
    this.depth += 1;
    return this.depth < this.limits.depth && this.left >= 0;
  }

  private leave(): boolean {
    this.at += 1;
    this.depth -= 1;
    return true;
  }

  /** Reads a name, and holds it against those that hide their values and the others of its object. */
  private name(first: number): boolean {
    const { bytes } = this;
    const start = this.at + 1;
    let hash = 0;
    let at = start;
    for (let code = bytes[at]; code !== QUOTE; code = bytes[at]) {
      const normal = code === undefined ? DOUBTFUL : NORMAL[code]!;
      if (normal === DOUBTFUL) return false;
      if (normal !== SKIPPED) hash = (Math.imul(hash, 31) + normal) | 0;
      at += 1;
    }
    const length = at - start;
    if (length > MAX_KEY / 2 || this.secretNames.has(hash)) return false;
    for (let index = first; index < this.nameCount; index += 1) {
      if (this.names[index] === hash) return false;
    }
    if (this.nameCount >= this.names.length) return false;
    this.names[this.nameCount] = hash;
    this.nameCount += 1;
    this.left -= length;
    this.at = at + 1;
    return !this.hasForm(start, at);
  }

  private isSecretName(start: number): boolean {
    const end = this.bytes.indexOf(QUOTE, start);
    const name = this.bytes.subarray(start, end);
    return end < 0 || name.some((code) => NORMAL[code] === DOUBTFUL) || this.secretNames.has(hashOf(name));
  }

  private string(): boolean {
    const { bytes } = this;
    const start = this.at + 1;
    let linked = false;
    let addressed = false;
    for (let at = start; ; at += 1) {
      // Beyond the last byte it is `undefined`, which no other meaning is.
      const meaning = MEANING[bytes[at]!];
      if (meaning === PLAIN) continue;
      if (meaning === END) {
        this.at = at + 1;
        this.left -= at - start;
        // A URL, perhaps with a password before its host.
        if (linked && addressed) return false;
        return at - start <= this.limits.string && !this.hasForm(start, at);
      }
      if (meaning === ESCAPE) {
        at += 1;
        this.escaped = true;
        if (!ESCAPABLE.has(bytes[at]!)) return false;
      } else if (meaning === SEPARATOR) {
        if (this.rules.hints.endsName(bytes, at, start)) return false;
        if (bytes[at + 1] === 0x2f && bytes[at + 2] === 0x2f) linked = true;
      } else if (meaning === TAG) {
        if (bytes[at + 1] === 0x2f) return false;
      } else if (meaning === APOSTROPHE) {
        this.quoted = true;
      } else if (meaning === AT) {
        addressed = true;
      } else if (meaning === PERCENT) {
        // `%22`, `%3D` and the like.
        const next = bytes[at + 1]!;
        if (next === 0x32 || next === 0x33 || next === 0x35) return false;
      } else return false;
    }
  }

  private hasForm(start: number, end: number): boolean {
    return end - start >= SHORTEST_FORM && this.rules.forms.mayBeIn(this.text.slice(start, end));
  }

  /** The rest of `true`, `null` or `false`. */
  private word(second: number, third: number, fourth: number): boolean {
    const { bytes, at } = this;
    this.at = at + 4;
    return bytes[at + 1] === second && bytes[at + 2] === third && bytes[at + 3] === fourth;
  }

  private number(): boolean {
    const start = this.at;
    if (this.bytes[this.at] === 0x2d) this.at += 1;
    if (this.bytes[this.at] === 0x30) this.at += 1;
    else if (!this.digits()) return false;
    if (this.bytes[this.at] === 0x2e) {
      this.at += 1;
      if (!this.digits()) return false;
    }
    return this.at - start < MAX_DIGITS;
  }

  private digits(): boolean {
    const start = this.at;
    while (this.bytes[this.at]! >= 0x30 && this.bytes[this.at]! <= 0x39) this.at += 1;
    return this.at > start;
  }
}

function hashOf(name: Uint8Array): number {
  let hash = 0;
  for (const code of name) {
    const normal = NORMAL[code]!;
    if (normal !== SKIPPED) hash = (Math.imul(hash, 31) + normal) | 0;
  }
  return hash;
}
