/**
 * The line of a packed record, made of its bytes: neither the record nor a text of it comes to be on the way.
 *
 * `encode` says what the line is; this says the same for a record that is clean, in a fourth of the time that it takes to
 * build objects only to write them as JSON. A doubt is always a "no", and the record is then built. A spec holds
 * both ways against each other.
 *
 * @module
 */
import type { Bytes } from "./bytes.js";
import type { CleanCheck } from "./clean.js";
import { copyText, Has } from "./copy-text.js";
import { printable } from "./printable.js";
import { quoted } from "./head-text.js";
import { type LinePlan, nameText, planOf, Value, valueUnder } from "./line-plan.js";
import { MAX_IDENTIFIER, MAX_LINE, type Limits, VALUE_COST } from "./limits.js";
import type { LineTools } from "./line-parts.js";
import { REDACTED } from "./markers.js";
import { SHORTEST_FORM } from "./patterns.js";
import { At, numbersStart, textStart, Token } from "./record-frame.js";
import { shapes } from "./shape.js";
import { MAX_PUBLIC, type Rules, SHORTEST_TEXT } from "./walk.js";

/** Different names in lists that are remembered; beyond, all are forgotten. */
const MAX_KNOWN = 4096;
const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST_BEGIN = 0x5b;
const LIST_END = 0x5d;
const FIELDS_BEGIN = 0x7b;
const FIELDS_END = 0x7d;
/** The longest number as a text, and every other value that is no text. */
const MAX_SCALAR = 32;

interface Name {
  readonly text: Buffer;
  /** Of `Value`; undefined for a name under which only the walk knows what may stand. */
  readonly under: number | undefined;
}

export class RecordLines {
  readonly #rules: Rules;
  readonly #limits: Limits;
  readonly #check: CleanCheck;
  /** A form that numbers can have is for the walk. */
  readonly #possible: boolean;
  /** By the number of the shape; `null` for one whose records must be built. */
  readonly #plans: (LinePlan | null | undefined)[] = [];
  readonly #names = new Map<string, Name>();
  /* Where the frame that is read stands, and how far it has been read. */
  #from!: Bytes;
  #tokenAt = 0;
  #numberAt = 0;
  #textAt = 0;
  #isAscii = false;
  #left = 0;

  constructor({ rules, limits, check }: LineTools) {
    this.#rules = rules;
    this.#limits = limits;
    this.#check = check;
    this.#possible = !rules.forms.inNumbers;
  }

  /**
   * Adds the line, without its line break.
   *
   * @param start - where the frame of a record stands in `from`
   * @returns false, and leaves `into` as it was, for a record that must be built
   */
  write(from: Bytes, start: number, into: Bytes): boolean {
    const { view } = from;
    const plan = this.#possible ? this.#planOf(view.getUint32(start + At.SHAPE, true)) : null;
    if (!plan) return false;
    const units = view.getUint32(start + At.UNITS, true);
    const bytes = view.getUint32(start + At.BYTES, true);
    this.#from = from;
    this.#tokenAt = start + At.CONTENT;
    this.#numberAt = numbersStart(view, start);
    this.#textAt = textStart(view, start);
    this.#isAscii = units === bytes;
    this.#left = this.#limits.total - plan.cost;
    this.#check.begin();
    const before = into.length;
    if (this.#left >= 0 && this.#fill(plan, into) && into.length - before <= MAX_LINE) return true;
    into.length = before;
    return false;
  }

  #planOf(number: number): LinePlan | null {
    let plan = this.#plans[number];
    if (plan === undefined) {
      const shape = shapes[number];
      if (shape === undefined) return null;
      plan = planOf(shape, this.#rules, this.#limits) ?? null;
      this.#plans[number] = plan;
    }
    return plan;
  }

  #fill({ words, lengths, values }: LinePlan, into: Bytes): boolean {
    const { length } = values;
    let word = 0;
    for (let index = 0; index <= length; index += 1) {
      const bytes = lengths[index]!;
      // The last word may be filled up beyond.
      into.reserve(bytes + 4);
      const { view } = into;
      for (let at = into.length, end = at + bytes; at < end; at += 4, word += 1) {
        view.setUint32(at, words[word]!, true);
      }
      into.length += bytes;
      if (index < length && !this.#field(values[index]!, into)) return false;
    }
    return true;
  }

  /** @param value - of `Value`, and how deep the field is */
  #field(value: number, into: Bytes): boolean {
    const token = this.#token();
    const kind = token & Token.KIND;
    if (kind === Token.TEXT) return this.#text(value, token >>> Token.SHIFT, into);
    const under = value & Value.KIND;
    if (kind === Token.LIST || kind === Token.FIELDS) {
      if ((value & Value.ROUTE) !== 0 || under === Value.ONLY_OWN || under === Value.HIDDEN) return false;
      return this.#value(token, (value >> Value.DEPTH) + 1, into);
    }
    return (under !== Value.HIDDEN || kind === Token.NULL) && this.#scalar(token, into);
  }

  #value(token: number, depth: number, into: Bytes): boolean {
    const length = token >>> Token.SHIFT;
    switch (token & Token.KIND) {
      case Token.TEXT:
        return this.#text(Value.CLEAN, length, into);
      case Token.FIELDS:
        return this.#fields(length, depth, into);
      case Token.LIST:
        return this.#list(length, depth, into);
      default:
        return this.#scalar(token, into);
    }
  }

  #list(length: number, depth: number, into: Bytes): boolean {
    this.#left -= length * VALUE_COST;
    if (depth >= this.#limits.depth || length > this.#limits.entries || this.#left < 0) return false;
    into.addByte(LIST_BEGIN);
    for (let index = 0; index < length; index += 1) {
      const token = this.#token();
      // An entry of a Map: its first item may name its second.
      if ((token & Token.KIND) === Token.LIST && token >>> Token.SHIFT === 2) return false;
      if (index > 0) into.addByte(COMMA);
      if (!this.#value(token, depth + 1, into)) return false;
    }
    into.addByte(LIST_END);
    return true;
  }

  /** An object in a list, which has its names with it. */
  #fields(count: number, depth: number, into: Bytes): boolean {
    this.#left -= count * VALUE_COST;
    if (depth >= this.#limits.depth || count > this.#limits.entries || this.#left < 0) return false;
    into.addByte(FIELDS_BEGIN);
    const first = into.length;
    for (let index = 0; index < count; index += 1) {
      const name = this.#name();
      if (name?.under === undefined) return false;
      if (this.#isNext(Token.UNDEFINED)) {
        if (name.under !== Value.CLEAN) return false;
        this.#token();
        continue;
      }
      if (into.length > first) into.addByte(COMMA);
      into.add(name.text);
      if (!this.#field(name.under | (depth << Value.DEPTH), into)) return false;
    }
    into.addByte(FIELDS_END);
    return true;
  }

  #name(): Name | undefined {
    const units = this.#token();
    this.#left -= units;
    const bytes = this.#take(units);
    if (bytes < 0) return undefined;
    const key = this.#from.buffer.toString("utf8", this.#textAt - bytes, this.#textAt);
    return this.#names.get(key) ?? this.#learn(key);
  }

  #learn(key: string): Name {
    const under = valueUnder(this.#rules.keys.actionOf(key), false);
    const name = {
      text: Buffer.from(`${nameText(key)}:`),
      under: key === "route" && under !== undefined ? under | Value.ROUTE : under,
    };
    if (this.#names.size >= MAX_KNOWN) this.#names.clear();
    this.#names.set(key, name);
    return name;
  }

  #text(value: number, units: number, into: Bytes): boolean {
    const bytes = this.#take(units);
    if (bytes < 0) return false;
    const end = this.#textAt;
    const under = value & Value.KIND;
    if (under === Value.HIDDEN && units > 0 && !this.#isRedacted(end - bytes, end)) return false;
    if (under === Value.ONLY_OWN && units > MAX_IDENTIFIER) return false;
    const free = under === Value.PUBLIC ? MAX_PUBLIC : under === Value.CLEAN ? -1 : MAX_IDENTIFIER;
    into.reserve(bytes + 2);
    into.view.setUint8(into.length, QUOTE);
    const bits = copyText(this.#from.view, end - bytes, end, into.view, into.length + 1);
    if (units > free && !this.#isClean(bits, units, end - bytes, end)) return false;
    if ((value & Value.ROUTE) !== 0 && this.#rules.keys.hidesPartOf(this.#slice(end - bytes, end)))
      return false;
    if ((bits & Has.ESCAPED) !== 0) {
      into.addText(printable(quoted(this.#slice(end - bytes, end))));
    } else {
      into.length += bytes + 2;
      into.view.setUint8(into.length - 1, QUOTE);
    }
    return true;
  }

  #isClean(bits: number, units: number, start: number, end: number): boolean {
    this.#left -= units;
    if (this.#left < 0 || units > this.#limits.string) return false;
    const isUsual = units < SHORTEST_TEXT || ((bits & Has.SIGN) === 0 && units < SHORTEST_FORM);
    return isUsual || this.#check.part(this.#slice(start, end), 1);
  }

  #isRedacted(start: number, end: number): boolean {
    return end - start === REDACTED.length && this.#slice(start, end) === REDACTED;
  }

  #slice(start: number, end: number): string {
    return this.#from.buffer.toString(this.#isAscii ? "latin1" : "utf8", start, end);
  }

  #scalar(token: number, into: Bytes): boolean {
    into.reserve(MAX_SCALAR);
    const text = this.#scalarText(token);
    const { view, length } = into;
    for (let index = 0; index < text.length; index += 1)
      view.setUint8(length + index, text.charCodeAt(index));
    into.length += text.length;
    return true;
  }

  #scalarText(token: number): string {
    switch (token & Token.KIND) {
      case Token.NUMBER:
        this.#numberAt += 8;
        return String(this.#from.view.getFloat64(this.#numberAt - 8, true));
      case Token.WHOLE:
        return String(token >>> Token.SHIFT);
      case Token.BOOLEAN:
        return token >>> Token.SHIFT === 1 ? "true" : "false";
      default:
        // In a list, what is `undefined` too.
        return "null";
    }
  }

  #token(): number {
    this.#tokenAt += 4;
    return this.#from.view.getUint32(this.#tokenAt - 4, true);
  }

  #isNext(kind: number): boolean {
    return (this.#from.view.getUint32(this.#tokenAt, true) & Token.KIND) === kind;
  }

  /**
   * Passes the next so many units of the text.
   *
   * @returns how many bytes; -1 where half a surrogate pair ends one text and the other half begins the next
   */
  #take(units: number): number {
    const start = this.#textAt;
    if (this.#isAscii) {
      this.#textAt += units;
      return units;
    }
    const { buffer } = this.#from;
    let at = start;
    let left = units;
    while (left > 0) {
      const byte = buffer[at]!;
      at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
      left -= byte < 0xf0 ? 1 : 2;
    }
    this.#textAt = at;
    return left < 0 ? -1 : at - start;
  }
}
