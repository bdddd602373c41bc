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
import { canBeIdentifier, isRequest } from "./fields.js";
import { KeyOrder, type Place } from "./key-order.js";
import { hides } from "./keys.js";
import { MAX_IDENTIFIER, MAX_KEY, VALUE_COST, type Limits } from "./limits.js";
import { REDACTED } from "./markers.js";
import { SHORTEST_FORM } from "./patterns.js";
import { type Fields, isPlainObject } from "./plain.js";
import { MAX_PUBLIC, type Rules, SHORTEST_TEXT, SIGNS } from "./walk.js";

export class CleanCheck {
  private left = 0;
  /** A form that numbers can have is not looked for here. */
  private readonly possible: boolean;
  private readonly order: KeyOrder;

  constructor(
    private readonly rules: Rules,
    private readonly limits: Limits,
  ) {
    this.possible = !rules.forms.inNumbers;
    this.order = new KeyOrder(rules.keys);
  }

  /** True only for plain data within the limits, of which the walk would hide and change nothing. */
  record(record: object): boolean {
    if (!this.possible || !isPlainObject(record)) return false;
    this.left = this.limits.total;
    const { route } = record;
    if (typeof route === "string" && this.rules.keys.hidesPartOf(route)) return false;
    return isRequest(record) ? this.request(record) : this.others(record);
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
    return this.value(value, depth, this.order.start);
  }

  private request(record: Fields): boolean {
    const user = this.order.start.after("user");
    const extra = user.after("extra");
    const asked = extra.after("request_repr");
    const answered = asked.after("response_repr");
    return (
      this.field(record, user, record.user, 0) &&
      this.field(record, extra, record.extra, 0) &&
      this.field(record, asked, record.request_repr, 0) &&
      this.field(record, answered, record.response_repr, 0) &&
      this.field(record, answered.after("error_message"), record.error_message, 0)
    );
  }

  private others(record: Fields): boolean {
    let place = this.order.start;
    let count = 0;
    for (const key in record) {
      const value = record[key];
      place = place.after(key);
      count += 1;
      if (!(place.isIdentifier && canBeIdentifier(value)) && !this.field(record, place, value, 0))
        return false;
    }
    return count <= MAX_IDENTIFIER;
  }

  private field(source: Fields, place: Place, value: unknown, depth: number): boolean {
    return place.action === "keep"
      ? this.value(value, depth, place)
      : this.named(place, source, value, depth);
  }

  // Not a `switch` on `typeof`, which V8 asks for as a text.
  private value(value: unknown, depth: number, place: Place): boolean {
    if (typeof value === "string") return value.length < SHORTEST_TEXT || this.text(value);
    if (typeof value === "object") {
      if (value === null) return true;
      return Array.isArray(value)
        ? this.list(value, depth, place)
        : this.fields(value as Fields, depth, place.inside);
    }
    // Neither NaN nor infinite.
    if (typeof value === "number") return value - value === 0;
    return typeof value === "boolean" || value === undefined;
  }

  private text(text: string): boolean {
    const { length } = text;
    this.left -= length;
    if (length > this.limits.string || this.left < 0) return false;
    const { forms, hints } = this.rules;
    if (length >= SHORTEST_FORM && forms.mayBeIn(text)) return false;
    return !SIGNS.test(text) || !hints.in(text);
  }

  private list(items: readonly unknown[], depth: number, place: Place): boolean {
    if (depth >= this.limits.depth || this.left < 0) return false;
    if (items.length > this.limits.entries || "toJSON" in items) return false;
    this.left -= items.length * VALUE_COST;
    for (const item of items) {
      // An entry of a Map: its first item may name its second.
      if (Array.isArray(item) && item.length === 2 && this.isSecretName(item[0])) return false;
      if (!this.value(item, depth + 1, place)) return false;
    }
    return true;
  }

  /** @param before - the place before the first field */
  private fields(source: Fields, depth: number, before: Place): boolean {
    if (depth >= this.limits.depth || this.left < 0 || !isPlainObject(source)) return false;
    let place = before;
    let count = 0;
    for (const key in source) {
      const value = source[key];
      place = place.after(key);
      count += 1;
      this.left -= key.length + VALUE_COST;
      if (!this.field(source, place, value, depth + 1)) return false;
    }
    return count <= this.limits.entries;
  }

  /** A field whose name, or whose neighbour's, says something of its value. */
  private named(place: Place, source: Fields, value: unknown, depth: number): boolean {
    const { name, action } = place;
    if (name.length > MAX_KEY) return false;
    if (action === "public") {
      return (typeof value === "string" && value.length <= MAX_PUBLIC) || this.value(value, depth, place);
    }
    if (hides(action)) return value === REDACTED || (!hasSecret(value) && this.value(value, depth, place));
    if (action !== "value") return false;
    return !this.isSecretName(source.name ?? source.key ?? source.field) && this.value(value, depth, place);
  }

  private isSecretName(name: unknown): boolean {
    return typeof name === "string" && hides(this.rules.keys.actionOf(name));
  }
}
