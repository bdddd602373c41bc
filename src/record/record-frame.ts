/**
 * A record that is plain data, packed into bytes, so that another thread can redact it and write it as JSON.
 *
 * To pack a record takes half of the time that the native serializer alone takes, since nothing is escaped and nothing
 * is asked about names and values; that is the other thread's work. What is no plain data within bounds is
 * not packed: a Map, an object of a class, a number that JSON has no form for.
 *
 * @module
 */
import { LIMITS } from "./limits.js";
import { type Fields, isEmpty, isPlainObject, put } from "./plain.js";

/** The first byte of a packed record. */
export const RECORD_FRAME = 1;
const MAX_TOKENS = 4096;
const MAX_NUMBERS = 512;
const MAX_TEXT = LIMITS.total;
/** Most bytes of UTF-8 that one UTF-16 unit of a string can become. */
const UTF8_MAX = 3;

/**
 * A token is what a value is, and in the bits above its length, or a small whole number itself. Of names there is only the
 * length.
 */
export const Token = {
  TEXT: 0,
  NUMBER: 1,
  WHOLE: 2,
  FIELDS: 3,
  LIST: 4,
  NULL: 5,
  BOOLEAN: 6,
  UNDEFINED: 7,
  SHIFT: 3,
  KIND: 7,
} as const;
const { TEXT, NUMBER, WHOLE, FIELDS, LIST, NULL, BOOLEAN, UNDEFINED, SHIFT, KIND } = Token;
const MAX_WHOLE = 1 << 28;

/* The kind, then how many tokens and numbers there are, then both, then the text of all names and values in one. */
const COUNT_AT = 1;
const NUMBERS_AT = 5;
const TOKENS_AT = 9;
/** Tokens are copied as this machine has them. */
const IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Packs one record after the other. One object for all: what was packed is written before the next. */
export class RecordFrame {
  readonly #tokens = new Uint32Array(MAX_TOKENS);
  readonly #bytes = new Uint8Array(this.#tokens.buffer);
  readonly #numbers = new Float64Array(MAX_NUMBERS);
  #count = 0;
  #numberCount = 0;
  /** V8 keeps a text that is added up as its parts until it is written: cheaper than a list and `join`. */
  #text = "";

  /** False for a record that must be written as JSON at once. */
  pack(record: object): boolean {
    this.#count = 0;
    this.#numberCount = 0;
    this.#text = "";
    try {
      // Of names that every object has, JSON has none, and a loop over fields has all.
      return isEmpty(Object.prototype) && this.#value(record, 0) && this.#isBounded;
    } catch {
      // Code of the application's ran into us: a getter, a Proxy.
      return false;
    }
  }

  get #isBounded(): boolean {
    return this.#text.length <= MAX_TEXT && this.#count <= MAX_TOKENS;
  }

  #value(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case "string":
        this.#token(TEXT, value.length);
        this.#text += value;
        return true;
      case "number":
        return this.#number(value);
      case "boolean":
        this.#token(BOOLEAN, value ? 1 : 0);
        return true;
      case "undefined":
        this.#token(UNDEFINED, 0);
        return true;
      case "object":
        if (value === null) {
          this.#token(NULL, 0);
          return true;
        }
        if (depth >= LIMITS.depth || !this.#isBounded) return false;
        return Array.isArray(value) ? this.#list(value, depth) : this.#fields(value as Fields, depth);
      default:
        return false;
    }
  }

  #number(value: number): boolean {
    if (value >= 0 && value < MAX_WHOLE && Math.trunc(value) === value) {
      this.#token(WHOLE, value);
      return true;
    }
    if (!Number.isFinite(value) || this.#numberCount === MAX_NUMBERS) return false;
    this.#token(NUMBER, 0);
    this.#numbers[this.#numberCount] = value;
    this.#numberCount += 1;
    return true;
  }

  #list(items: readonly unknown[], depth: number): boolean {
    if ("toJSON" in items || this.#count + items.length > MAX_TOKENS) return false;
    this.#token(LIST, items.length);
    for (const item of items) if (!this.#value(item, depth + 1)) return false;
    return true;
  }

  #fields(source: Fields, depth: number): boolean {
    if (!isPlainObject(source)) return false;
    const at = this.#count;
    this.#count += 1;
    let count = 0;
    for (const key in source) {
      const value = source[key];
      this.#tokens[this.#count] = key.length;
      this.#count += 1;
      if (typeof value === "string") {
        // The usual value, here and not in a call.
        this.#token(TEXT, value.length);
        this.#text += key + value;
      } else {
        this.#text += key;
        if (!this.#value(value, depth + 1)) return false;
      }
      count += 1;
      if (this.#count > MAX_TOKENS) return false;
    }
    this.#tokens[at] = (count << SHIFT) | FIELDS;
    return true;
  }

  #token(kind: number, length: number): void {
    this.#tokens[this.#count] = (length << SHIFT) | kind;
    this.#count += 1;
  }

  /** The most that `writeTo` may need. */
  get maxBytes(): number {
    return TOKENS_AT + this.#count * 4 + this.#numberCount * 8 + this.#text.length * UTF8_MAX;
  }

  /**
   * Writes what was packed.
   *
   * @param view - of the same bytes as `into`
   * @returns where it ends
   */
  writeTo(into: Buffer, view: DataView, start: number): number {
    into[start] = RECORD_FRAME;
    view.setUint32(start + COUNT_AT, this.#count, true);
    view.setUint32(start + NUMBERS_AT, this.#numberCount, true);
    let at = start + TOKENS_AT;
    into.set(this.#bytes.subarray(0, this.#count * 4), at);
    at += this.#count * 4;
    for (let index = 0; index < this.#numberCount; index += 1, at += 8) {
      view.setFloat64(at, this.#numbers[index]!, true);
    }
    at += into.write(this.#text, at);
    // A large one would live until the next record.
    this.#text = "";
    return at;
  }
}

/**
 * The record as it was packed.
 *
 * @param frame - bytes that nobody else changes
 * @throws if they are no frame
 */
export function unpackRecord(frame: Buffer): object {
  return new Unpacking(frame).value() as object;
}

/** Reads a packed record from its beginning to its end. */
export class Unpacking {
  readonly #view: DataView;
  /** Of all names and values, one after the other. */
  readonly text: string;
  #at = TOKENS_AT;
  #numberAt: number;
  #textAt = 0;

  constructor(frame: Buffer) {
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#numberAt = TOKENS_AT + this.#view.getUint32(COUNT_AT, true) * 4;
    this.text = frame.toString("utf8", this.#numberAt + this.#view.getUint32(NUMBERS_AT, true) * 8);
  }

  token(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, IS_LITTLE);
  }

  /** The next so many units of the text. */
  slice(length: number): string {
    this.#textAt += length;
    return this.text.slice(this.#textAt - length, this.#textAt);
  }

  /** Passes `text`, if that comes next. */
  skips(text: string): boolean {
    if (!this.text.startsWith(text, this.#textAt)) return false;
    this.#textAt += text.length;
    return true;
  }

  /** Of a value that is neither text, fields nor list. JSON has no word for `undefined`. */
  scalar(token: number): number | boolean | null | undefined {
    switch (token & KIND) {
      case NUMBER:
        this.#numberAt += 8;
        return this.#view.getFloat64(this.#numberAt - 8, true);
      case WHOLE:
        return token >>> SHIFT;
      case NULL:
        return null;
      case BOOLEAN:
        return token >>> SHIFT === 1;
      default:
        return undefined;
    }
  }

  value(): unknown {
    const token = this.token();
    const length = token >>> SHIFT;
    switch (token & KIND) {
      case TEXT:
        return this.slice(length);
      case FIELDS:
        return this.#fields(length);
      case LIST:
        return Array.from({ length }, () => this.value());
      default:
        return this.scalar(token);
    }
  }

  #fields(count: number): Fields {
    const fields: Fields = {};
    for (let index = 0; index < count; index += 1) put(fields, this.slice(this.token()), this.value());
    return fields;
  }
}
