/**
 * The question that most records are answered by: is there nothing at all to hide in it?
 *
 * The walk that hides has to remember where it is and what it has found; asking only whether it would find
 * anything needs neither, and takes two thirds of its time. A "no" costs one more look, by the walk itself, so a
 * doubt is always a "no": a spec holds both against each other on random records.
 *
 * @module
 */
import { hasSecret } from "./changes.js";
import { canBeIdentifier, IDENTIFIERS, isRequest } from "./fields.js";
import { hides, type KeyAction } from "./keys.js";
import { MAX_IDENTIFIER, MAX_KEY, VALUE_COST, type Limits } from "./limits.js";
import { REDACTED } from "./markers.js";
import { SHORTEST_FORM } from "./patterns.js";
import { type Fields, isPlainObject } from "./plain.js";
import { MAX_PUBLIC, type Rules, SHORTEST_TEXT, SIGNS } from "./walk.js";

export class CleanCheck {
  private left = 0;
  /** A form that numbers can have is not looked for here. */
  private readonly possible: boolean;

  constructor(
    private readonly rules: Rules,
    private readonly limits: Limits,
  ) {
    this.possible = !rules.forms.inNumbers;
  }

  /** True only for plain data within the limits, of which the walk would hide and change nothing. */
  record(record: object): boolean {
    if (!this.possible || !isPlainObject(record)) return false;
    this.left = this.limits.total;
    const { route } = record;
    if (typeof route === "string" && this.rules.keys.hidesPartOf(route)) return false;
    return isRequest(record)
      ? this.field(record, "user") &&
          this.field(record, "extra") &&
          this.field(record, "request_repr") &&
          this.field(record, "response_repr") &&
          this.field(record, "error_message")
      : this.others(record);
  }

  /** Before the first part of a record. */
  begin(): void {
    this.left = this.limits.total;
  }

  /**
   * The same of a value in a record that is made in parts.
   *
   * @param depth - of the record's own fields: 0
   */
  part(value: unknown, depth: number): boolean {
    return this.value(value, depth);
  }

  private others(record: Fields): boolean {
    let count = 0;
    for (const key in record) {
      count += 1;
      if (!(IDENTIFIERS.has(key) && canBeIdentifier(record[key])) && !this.field(record, key)) return false;
    }
    return count <= MAX_IDENTIFIER;
  }

  private field(record: Fields, key: string): boolean {
    const action = this.rules.keys.actionOf(key);
    const value = record[key];
    return action === "keep" ? this.value(value, 0) : this.named(action, record, key, value, 0);
  }

  private value(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case "string":
        return value.length < SHORTEST_TEXT || this.text(value);
      case "object":
        if (value === null) return true;
        return Array.isArray(value) ? this.list(value, depth) : this.fields(value as Fields, depth);
      case "number":
        // Neither NaN nor infinite.
        return value - value === 0;
      default:
        return typeof value === "boolean" || value === undefined;
    }
  }

  private text(text: string): boolean {
    const { length } = text;
    this.left -= length;
    if (length > this.limits.string || this.left < 0) return false;
    const { forms, hints } = this.rules;
    if (length >= SHORTEST_FORM && forms.mayBeIn(text)) return false;
    return !SIGNS.test(text) || !hints.in(text);
  }

  private list(items: readonly unknown[], depth: number): boolean {
    if (depth >= this.limits.depth || this.left < 0) return false;
    if (items.length > this.limits.entries || "toJSON" in items) return false;
    this.left -= items.length * VALUE_COST;
    for (const item of items) {
      // An entry of a Map: its first item may name its second.
      if (Array.isArray(item) && item.length === 2 && this.isSecretName(item[0])) return false;
      if (!this.value(item, depth + 1)) return false;
    }
    return true;
  }

  private fields(source: Fields, depth: number): boolean {
    if (depth >= this.limits.depth || this.left < 0 || !isPlainObject(source)) return false;
    const { keys } = this.rules;
    let count = 0;
    for (const key in source) {
      const value = source[key];
      const action = keys.actionOf(key);
      count += 1;
      this.left -= key.length + VALUE_COST;
      if (action === "keep") {
        if (typeof value === "string") {
          if (value.length >= SHORTEST_TEXT && !this.text(value)) return false;
        } else if (!this.value(value, depth + 1)) return false;
      } else if (!this.named(action, source, key, value, depth + 1)) return false;
    }
    return count <= this.limits.entries;
  }

  /** A field whose name, or whose neighbour's, says something of its value. */
  private named(action: KeyAction, source: Fields, key: string, value: unknown, depth: number): boolean {
    if (key.length > MAX_KEY) return false;
    if (action === "public") {
      return (typeof value === "string" && value.length <= MAX_PUBLIC) || this.value(value, depth);
    }
    if (hides(action)) return value === REDACTED || (!hasSecret(value) && this.value(value, depth));
    if (action !== "value") return false;
    return !this.isSecretName(source.name ?? source.key ?? source.field) && this.value(value, depth);
  }

  private isSecretName(name: unknown): boolean {
    return typeof name === "string" && hides(this.rules.keys.actionOf(name));
  }
}
