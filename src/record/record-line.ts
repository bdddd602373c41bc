/**
 * The line of a packed record, made of its parts without the record in between.
 *
 * `encode` says what the line is; this says the same for a record that is clean, in half of the time that it takes to
 * build objects only to write them as JSON. A doubt is always a "no", and the record is then built. A spec holds
 * both ways against each other.
 *
 * @module
 */
import type { CleanCheck } from "./clean.js";
import { IDENTIFIERS } from "./fields.js";
import { ESCAPED, quoted } from "./head-text.js";
import { hides, type KeyAction } from "./keys.js";
import { MAX_IDENTIFIER, MAX_LINE, type Limits, VALUE_COST } from "./limits.js";
import type { LineTools } from "./line-parts.js";
import { REDACTED } from "./markers.js";
import { Token, Unpacking } from "./record-frame.js";
import { MAX_PUBLIC, type Rules } from "./walk.js";
import { wellFormed } from "./well-formed.js";

/** Different names that are remembered; beyond, all are forgotten. */
const MAX_KNOWN = 4096;
const MAX_PLACES = 256;

interface Name {
  readonly key: string;
  readonly action: KeyAction;
  /** As JSON with its colon: of the first field of an object, and with the comma of those behind. */
  readonly first: string;
  readonly next: string;
  /** Of the record's own fields, those that are ours. */
  readonly identifier: boolean;
  readonly isRoute: boolean;
}

export class RecordLines {
  readonly #rules: Rules;
  readonly #limits: Limits;
  readonly #check: CleanCheck;
  readonly #names = new Map<string, Name>();
  /** A form that numbers can have is for the walk. */
  readonly #possible: boolean;
  readonly #usual: Name[] = [];
  #place = 0;
  #left = 0;
  #escapes = false;

  constructor({ rules, limits, check }: LineTools) {
    this.#rules = rules;
    this.#limits = limits;
    this.#check = check;
    this.#possible = !rules.forms.inNumbers;
  }

  /**
   * @param frame - of `RecordFrame`; bytes that nobody else changes
   * @returns undefined for a record that must be built
   */
  line(frame: Buffer): string | undefined {
    if (!this.#possible) return undefined;
    this.#check.begin();
    this.#place = 0;
    this.#left = this.#limits.total;
    const from = new Unpacking(frame);
    // Asked of all of it once, which mostly answers for each.
    this.#escapes = ESCAPED.test(from.text);
    const token = from.token();
    if ((token & Token.KIND) !== Token.FIELDS || token >>> Token.SHIFT > MAX_IDENTIFIER) return undefined;
    const line = this.#fields(from, token >>> Token.SHIFT, 0);
    return line !== undefined && line.length <= MAX_LINE ? wellFormed(line) : undefined;
  }

  #value(from: Unpacking, token: number, depth: number): string | undefined {
    const length = token >>> Token.SHIFT;
    switch (token & Token.KIND) {
      case Token.TEXT:
        return this.#text(from.slice(length));
      case Token.FIELDS:
        return this.#fields(from, length, depth);
      case Token.LIST:
        return this.#list(from, length, depth);
      default:
        return String(from.scalar(token));
    }
  }

  #text(text: string): string | undefined {
    this.#left -= text.length;
    return this.#left >= 0 && this.#check.part(text, 1) ? this.#quoted(text) : undefined;
  }

  #list(from: Unpacking, length: number, depth: number): string | undefined {
    this.#left -= length * VALUE_COST;
    if (depth >= this.#limits.depth || length > this.#limits.entries || this.#left < 0) return undefined;
    let json = "";
    for (let index = 0; index < length; index += 1) {
      const token = from.token();
      // An entry of a Map: its first item may name its second.
      if ((token & Token.KIND) === Token.LIST && token >>> Token.SHIFT === 2) return undefined;
      const value = token === Token.UNDEFINED ? "null" : this.#value(from, token, depth + 1);
      if (value === undefined) return undefined;
      json += index === 0 ? value : `,${value}`;
    }
    return `[${json}]`;
  }

  #fields(from: Unpacking, count: number, depth: number): string | undefined {
    this.#left -= count * VALUE_COST;
    if (depth >= this.#limits.depth || count > this.#limits.entries || this.#left < 0) return undefined;
    let json = "";
    for (let index = 0; index < count; index += 1) {
      const name = this.#name(from);
      const token = from.token();
      if (token === Token.UNDEFINED && (name.action === "keep" || name.identifier)) continue;
      const value = this.#field(from, name, token, depth);
      // A route says by its parameters which part of the path is a secret.
      if (value === undefined || (name.isRoute && this.#rules.keys.hidesPartOf(value))) return undefined;
      // Never a slice of what was added up: that would copy it, once for each level.
      json += (json === "" ? name.first : name.next) + value;
    }
    return `{${json}}`;
  }

  #field(from: Unpacking, { action, identifier }: Name, token: number, depth: number): string | undefined {
    const kind = token & Token.KIND;
    if (kind === Token.TEXT) {
      const text = from.slice(token >>> Token.SHIFT);
      if (depth === 0 && identifier && text.length <= MAX_IDENTIFIER) return this.#quoted(text);
      if (action === "keep" || (action === "public" && text.length > MAX_PUBLIC)) return this.#text(text);
      const clean = action === "public" || (hides(action) && (text === "" || text === REDACTED));
      return clean ? this.#quoted(text) : undefined;
    }
    if (kind === Token.UNDEFINED) return undefined;
    // Of a name that hides its value, only what says nothing may stay; in doubt it is hidden by the walk.
    const own = depth === 0 && identifier && kind !== Token.FIELDS && kind !== Token.LIST;
    if (own || action === "keep" || action === "public") return this.#value(from, token, depth + 1);
    return hides(action) && kind === Token.NULL ? "null" : undefined;
  }

  #quoted(text: string): string {
    return this.#escapes ? quoted(text) : `"${text}"`;
  }

  /** Mostly the name that stood here in the last record, and to compare is cheaper than to look up. */
  #name(from: Unpacking): Name {
    const length = from.token();
    this.#left -= length;
    const place = this.#place;
    this.#place += 1;
    const usual = this.#usual[place];
    if (usual?.key.length === length && from.skips(usual.key)) return usual;
    const key = from.slice(length);
    const name = this.#names.get(key) ?? this.#learn(key);
    if (place < MAX_PLACES) this.#usual[place] = name;
    return name;
  }

  #learn(key: string): Name {
    const name = {
      key,
      action: this.#rules.keys.actionOf(key),
      first: `${JSON.stringify(key)}:`,
      next: `,${JSON.stringify(key)}:`,
      identifier: IDENTIFIERS.has(key),
      isRoute: key === "route",
    };
    if (this.#names.size >= MAX_KNOWN) this.#names.clear();
    this.#names.set(key, name);
    return name;
  }
}
