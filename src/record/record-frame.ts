/**
 * A record that is plain data, packed into bytes, so that another thread can redact it and write it as JSON.
 *
 * To pack a record takes less than half of the time that the native serializer takes, since nothing is escaped, nothing is
 * asked about names and values, and names are told by the number of the record's shape; the rest is the other thread's work.
 * What is no plain data within bounds is not packed: a Map, an object of a class, a number that JSON has no form for.
 *
 * @module
 */
import { LIMITS, MAX_KEY } from "./limits.js";
import { type Fields, isEmpty, isPlainObject, put } from "./plain.js";
import { ABSENT, CLOSE, OPEN, type Shape, shapes, VALUE } from "./shape.js";
import { type ShapePlace, shapeTo, ShapeTree } from "./shape-tree.js";

/** The first byte of a packed record. */
export const RECORD_FRAME = 1;
const MAX_TOKENS = 4096;
const MAX_NUMBERS = 512;
/** Most fields of a record outside of lists, with those that are `undefined`. */
const MAX_FIELDS = 1024;
const MAX_TEXT = LIMITS.total;
/** Most bytes of UTF-8 that one UTF-16 unit of a string can become. */
const UTF8_MAX = 3;

/**
 * A token is what a value is, and in the bits above its length, or a small whole number itself. Objects outside of lists, and
 * the names in them, have none: they are the shape. Of names in lists there is only the length.
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

/**
 * Where things stand in a frame, each in 4 bytes: the number of the shape, how many tokens and numbers there are, and how long the
 * text of all values is in UTF-16 units and in bytes. Then tokens, numbers, the text, and of a shape without a number its steps.
 */
export const At = { SHAPE: 1, TOKENS: 5, NUMBERS: 9, UNITS: 13, BYTES: 17, CONTENT: 21 } as const;
/** The number of a shape that has none. */
const UNNUMBERED = 0xffff_ffff;

/** Packs one record after the other. One object for all: what was packed is written before the next. */
export class RecordFrame {
  readonly #tokens = new Uint32Array(MAX_TOKENS);
  readonly #numbers = new Float64Array(MAX_NUMBERS);
  readonly #tree = new ShapeTree();
  #shape = UNNUMBERED;
  /** Of a shape without a number. */
  #steps = "";
  #count = 0;
  #fieldCount = 0;
  #numberCount = 0;
  /** V8 keeps a text that is added up as its parts until it is written: cheaper than a list and `join`. */
  #text = "";

  /** False for a record that must be written as JSON at once. */
  pack(record: object): boolean {
    this.#count = 0;
    this.#fieldCount = 0;
    this.#numberCount = 0;
    this.#text = "";
    try {
      // Of names that every object has, JSON has none, and a loop over fields has all.
      if (!isEmpty(Object.prototype)) return false;
      const end = this.#shaped(record as Fields, this.#tree.start, 0);
      if (end === undefined || !this.#isBounded) return false;
      const number = end.sighted();
      this.#shape = number < 0 ? UNNUMBERED : number;
      this.#steps = number < 0 ? JSON.stringify(shapeTo(end)) : "";
      return true;
    } catch {
      // Code of the application's ran into us: a getter, a Proxy.
      return false;
    }
  }

  /** The fields of an object outside of lists; gives the last step. */
  #shaped(source: Fields, before: ShapePlace, depth: number): ShapePlace | undefined {
    if (depth >= LIMITS.depth || !this.#isBounded || !isPlainObject(source)) return undefined;
    let place = before;
    for (const key in source) {
      // What is remembered of names is bounded.
      if (key.length > MAX_KEY) return undefined;
      const value = source[key];
      if (typeof value === "string") {
        // The usual value, here and not in a call.
        place = place.after(VALUE, key);
        this.#token(TEXT, value.length);
        this.#text += value;
      } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        const end = this.#shaped(value as Fields, place.after(OPEN, key), depth + 1);
        if (end === undefined) return undefined;
        place = end.after(CLOSE, "");
      } else if (value === undefined) {
        place = place.after(ABSENT, key);
      } else {
        place = place.after(VALUE, key);
        if (!this.#value(value, depth + 1)) return undefined;
      }
      this.#fieldCount += 1;
      if (this.#fieldCount > MAX_FIELDS || this.#count > MAX_TOKENS) return undefined;
    }
    return place;
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
    const text = this.#text.length + this.#steps.length;
    return At.CONTENT + this.#count * 4 + this.#numberCount * 8 + text * UTF8_MAX;
  }

  /**
   * Writes what was packed.
   *
   * @param view - of the same bytes as `into`
   * @returns where it ends
   */
  writeTo(into: Buffer, view: DataView, start: number): number {
    into[start] = RECORD_FRAME;
    view.setUint32(start + At.SHAPE, this.#shape, true);
    view.setUint32(start + At.TOKENS, this.#count, true);
    view.setUint32(start + At.NUMBERS, this.#numberCount, true);
    view.setUint32(start + At.UNITS, this.#text.length, true);
    let at = start + At.CONTENT;
    for (let index = 0; index < this.#count; index += 1, at += 4) {
      view.setUint32(at, this.#tokens[index]!, true);
    }
    for (let index = 0; index < this.#numberCount; index += 1, at += 8) {
      view.setFloat64(at, this.#numbers[index]!, true);
    }
    const bytes = into.write(this.#text, at);
    view.setUint32(start + At.BYTES, bytes, true);
    at += bytes;
    if (this.#shape === UNNUMBERED) at += into.write(this.#steps, at);
    // A large one would live until the next record.
    this.#text = "";
    this.#steps = "";
    return at;
  }
}

/**
 * The shape of a frame.
 *
 * @param from - the frame, and perhaps more behind it
 * @returns undefined for a number that this thread has not been told of
 */
export function shapeOf(from: Buffer, view: DataView, start: number, end: number): Shape | undefined {
  const number = view.getUint32(start + At.SHAPE, true);
  if (number !== UNNUMBERED) return shapes[number];
  return JSON.parse(from.toString("utf8", contentEnd(view, start), end)) as Shape;
}

/** Where tokens, numbers and text end. */
function contentEnd(view: DataView, start: number): number {
  return textStart(view, start) + view.getUint32(start + At.BYTES, true);
}

export function textStart(view: DataView, start: number): number {
  return numbersStart(view, start) + view.getUint32(start + At.NUMBERS, true) * 8;
}

export function numbersStart(view: DataView, start: number): number {
  return start + At.CONTENT + view.getUint32(start + At.TOKENS, true) * 4;
}

/**
 * The record as it was packed.
 *
 * @param from - bytes that nobody else changes
 * @param view - of the same bytes
 * @param start - where the frame begins
 * @throws if they are no frame
 */
export function unpackRecord(from: Buffer, view: DataView, start: number, shape: Shape): object {
  return new Unpacking(from, view, start).record(shape);
}

/** Reads a packed record from its beginning to its end. */
class Unpacking {
  /** Of all values, and of names in lists, one after the other. */
  readonly #text: string;
  readonly #view: DataView;
  #at: number;
  #numberAt: number;
  #textAt = 0;

  constructor(from: Buffer, view: DataView, start: number) {
    this.#view = view;
    this.#at = start + At.CONTENT;
    this.#numberAt = numbersStart(view, start);
    this.#text = from.toString("utf8", textStart(view, start), contentEnd(view, start));
  }

  record(shape: Shape): Fields {
    const record: Fields = {};
    const outer: Fields[] = [];
    let fields = record;
    for (const step of shape) {
      const name = step.slice(1);
      switch (step[0]) {
        case VALUE:
          put(fields, name, this.#value());
          break;
        case ABSENT:
          put(fields, name, undefined);
          break;
        case OPEN: {
          const inner: Fields = {};
          put(fields, name, inner);
          outer.push(fields);
          fields = inner;
          break;
        }
        default:
          fields = outer.pop()!;
      }
    }
    return record;
  }

  #token(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  /** The next so many units of the text. */
  #slice(length: number): string {
    this.#textAt += length;
    return this.#text.slice(this.#textAt - length, this.#textAt);
  }

  #value(): unknown {
    const token = this.#token();
    const length = token >>> SHIFT;
    switch (token & KIND) {
      case TEXT:
        return this.#slice(length);
      case NUMBER:
        this.#numberAt += 8;
        return this.#view.getFloat64(this.#numberAt - 8, true);
      case WHOLE:
        return length;
      case FIELDS:
        return this.#fields(length);
      case LIST:
        return Array.from({ length }, () => this.#value());
      case NULL:
        return null;
      case BOOLEAN:
        return length === 1;
      default:
        return undefined;
    }
  }

  #fields(count: number): Fields {
    const fields: Fields = {};
    for (let index = 0; index < count; index += 1) put(fields, this.#slice(this.#token()), this.#value());
    return fields;
  }
}
