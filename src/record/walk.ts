/**
 * Goes once through plain data and copies only what must change: most records come out as they went in.
 *
 * @module
 */
import type { Hider } from "./hide.js";
import type { Hints } from "./hints.js";
import { hides, type KeyAction, type KeyTable } from "./keys.js";
import { LIMITS, MAX_KEY, UNLIMITED, VALUE_COST, type Limits } from "./limits.js";
import { SHORTEST_FORM, type SecretForms } from "./patterns.js";
import { type Fields, isPlainObject, put } from "./plain.js";
import { snapshot } from "./snapshot.js";
import { redactText, secretColumn, step, type TextContext } from "./text.js";

/** Thrown at what is not plain data within limits; whoever catches it takes a snapshot and walks that. */
export const IRREGULAR = Symbol("irregular");

/** What a policy came to: shared by all walks. */
export interface Rules {
  readonly keys: KeyTable;
  readonly hints: Hints;
  readonly forms: SecretForms;
}

/** Met by every text in which a name and its value, a URL or a statement can stand. Times of day are let by. */
export const SIGNS = /[=<'%]|(?<!\d):(?!\/\/)|:\/\/[^/]*@/;
/** The longest value of a public header that is not looked into. */
export const MAX_PUBLIC = 128;
/** In fewer characters no name has a value. */
export const SHORTEST_TEXT = 6;

/** One walk through one record. */
export class Walk implements TextContext {
  readonly keys: KeyTable;
  /** Set when a name itself has the form of a secret: names are dealt with in a sweep. */
  namesHaveForms = false;
  private left: number;
  private depth = 0;

  constructor(
    private readonly rules: Rules,
    readonly hider: Hider,
    private readonly limits: Limits,
  ) {
    this.keys = rules.keys;
    this.left = limits.total;
  }

  /** Any value that stands in no named field. */
  value(value: unknown): unknown {
    if (typeof value === "string") return value.length < SHORTEST_TEXT ? value : this.text(value);
    if (typeof value === "object") return value === null ? null : this.walk(value);
    if (typeof value === "number") return this.number(value);
    if (typeof value === "boolean" || value === undefined) return value;
    throw IRREGULAR;
  }

  walk(value: object): object {
    if (this.depth >= this.limits.depth || this.left < 0) throw IRREGULAR;
    this.depth += 1;
    const shown = Array.isArray(value) ? this.list(value) : this.fields(value as Fields);
    this.depth -= 1;
    return shown;
  }

  text(text: string): string {
    const { length } = text;
    this.left -= length;
    if (length > this.limits.string || this.left < 0) throw IRREGULAR;
    const { hints, forms } = this.rules;
    const shown = SIGNS.test(text) && hints.in(text) ? redactText(text, this) : text;
    return length >= SHORTEST_FORM && forms.mayBeIn(shown) ? this.forms(shown) : shown;
  }

  /** JSON in a text is bounded for itself: the text that it stands in is whole, whatever is in it. */
  parsed(value: object): object {
    const known = this.hider.findings.length;
    try {
      return new Walk(this.rules, this.hider, LIMITS).walk(value);
    } catch (error) {
      if (error !== IRREGULAR) throw error;
      this.hider.findings.length = known;
      return new Walk(this.rules, this.hider, UNLIMITED).walk(snapshot(value) as object);
    }
  }

  private forms(text: string): string {
    return this.rules.forms.replaceIn(text, (secret, kind) =>
      this.hider.text("redact", secret, `#${kind}`, kind),
    );
  }

  private number(value: number): unknown {
    if (value - value !== 0) throw IRREGULAR;
    if (!this.rules.forms.inNumbers || value < 1e12) return value;
    const text = String(value);
    const shown = this.forms(text);
    return shown === text ? value : shown;
  }

  /** `changed_fields`: of a field that is hidden, the values before and after are, each for itself. */
  changes(changes: Fields): Fields {
    let copy: Fields | undefined;
    for (const field of Object.keys(changes)) {
      const change = changes[field] as Fields;
      if (typeof change !== "object" || change === null) throw IRREGULAR;
      const action = this.keys.actionOf(field);
      const from = this.hider.findings.length;
      const shown = hides(action) ? this.change(action, change) : this.value(change);
      if (shown === change) continue;
      this.hider.complete(from, step(field));
      copy ??= { ...changes };
      put(copy, field, shown);
    }
    return copy ?? changes;
  }

  private change(action: KeyAction, change: Fields): Fields {
    const from = this.hidden(action, change.from, "/from");
    const to = this.hidden(action, change.to, "/to");
    return from === change.from && to === change.to ? change : { from, to };
  }

  private list(items: readonly unknown[]): readonly unknown[] {
    if (items.length > this.limits.entries || "toJSON" in items) throw IRREGULAR;
    this.left -= VALUE_COST * items.length;
    const { findings } = this.hider;
    let copy: unknown[] | undefined;
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index];
      const known = findings.length;
      const shown = Array.isArray(item) && item.length === 2 ? this.pair(item) : this.value(item);
      if (shown === item) continue;
      this.hider.complete(known, step(index));
      copy ??= [...items];
      copy[index] = shown;
    }
    return copy ?? items;
  }

  /** `["password", "x"]` in a list: an entry of a Map, a header, a field of a form. */
  private pair(pair: readonly unknown[]): object {
    const [name, value] = pair;
    const action = typeof name === "string" ? this.keys.actionOf(name) : "keep";
    if (!hides(action)) return this.walk(pair);
    const shown = this.hidden(action, value, "/1");
    return shown === value ? pair : [name, shown];
  }

  private fields(source: Fields): Fields {
    if (!isPlainObject(source)) throw IRREGULAR;
    const { findings } = this.hider;
    let copy: Fields | undefined;
    let count = 0;
    for (const key in source) {
      const value = source[key];
      count += 1;
      const known = findings.length;
      const shown = this.field(source, key, value);
      if (shown === value) continue;
      this.hider.complete(known, step(key));
      copy ??= { ...source };
      put(copy, key, shown);
    }
    if (count > this.limits.entries) throw IRREGULAR;
    return copy ?? source;
  }

  /** The value of a field, as the name of the field or its neighbour asks for it. */
  field(source: Fields, key: string, value: unknown): unknown {
    this.left -= key.length + VALUE_COST;
    const action = this.keys.actionOf(key);
    if (action === "keep") {
      if (typeof value === "string") return value.length < SHORTEST_TEXT ? value : this.text(value);
      return this.value(value);
    }
    if (action === "public" && typeof value === "string" && value.length <= MAX_PUBLIC) return value;
    return this.namedField(action, source, key, value);
  }

  private namedField(action: KeyAction, source: Fields, key: string, value: unknown): unknown {
    if (key.length > MAX_KEY) throw IRREGULAR;
    if (action === "unusual") this.namesHaveForms = true;
    return hides(action) ? this.hidden(action, value) : this.neighbour(action, source, value);
  }

  /** What goes whole may be of any shape; of what stays in part, the parts are looked at first. */
  hidden(action: KeyAction, value: unknown, path = ""): unknown {
    const plain = action === "redact" || typeof value === "string" ? value : this.value(value);
    return this.hider.value(action, plain, path);
  }

  /** Fields whose meaning is in the field beside them. */
  private neighbour(action: KeyAction, source: Fields, value: unknown): unknown {
    if (action === "value") {
      const name = source.name ?? source.key ?? source.field;
      const named = typeof name === "string" ? this.keys.actionOf(name) : "keep";
      return hides(named) ? this.hidden(named, value) : this.value(value);
    }
    if (Array.isArray(value)) {
      if (action === "pairs") return this.flatPairs(value);
      const statement = source.query ?? source.sql ?? source.text ?? source.statement;
      if (typeof statement === "string" && secretColumn(statement, this.keys) !== undefined) {
        return this.parameters(value);
      }
    }
    return this.value(value);
  }

  /** Which parameter of a statement belongs to its secret column takes a parser to know: all go. */
  private parameters(values: readonly unknown[]): readonly unknown[] {
    const shown = values.map((value, index) => this.hidden("redact", value, step(index)));
    return shown.some((value, index) => value !== values[index]) ? shown : values;
  }

  /** Name, value, name, value …, as Node has raw headers. */
  private flatPairs(list: readonly unknown[]): readonly unknown[] {
    const shown = list.map((item, index) => {
      const name = index % 2 === 1 ? list[index - 1] : undefined;
      const action = typeof name === "string" ? this.keys.actionOf(name) : "keep";
      return hides(action) ? this.hidden(action, item, step(index)) : this.value(item);
    });
    return shown.some((item, index) => item !== list[index]) ? shown : list;
  }
}
