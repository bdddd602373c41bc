/**
 * What the name of each field asks for, remembered by the order in which names come.
 *
 * Records of one kind have the same names in the same order: the name that came after this one the last time is
 * nearly always the name that comes now, and seeing that it is takes less than looking it up.
 *
 * @module
 */
import { isIdentifier } from "./fields.js";
import type { KeyAction, KeyTable } from "./keys.js";

/** Data can bring any number of names in any order; beyond so many places all are forgotten. */
const MAX_PLACES = 4096;

/** A field, by its name and the names before it. */
export class Place {
  /** The one that came after this one the last time. */
  private next: Place | undefined;
  private others: Map<string, Place> | undefined;
  private first: Place | undefined;

  constructor(
    readonly name: string,
    readonly action: KeyAction,
    private readonly order: KeyOrder,
  ) {}

  /** The field with this name, after this field and in the same object. */
  after(name: string): Place {
    const { next } = this;
    return next !== undefined && next.name === name ? next : this.other(name);
  }

  /** Before the first field of the object that is this field's value, or of an object in its list. */
  get inside(): Place {
    this.first ??= this.order.place("");
    return this.first;
  }

  /** Whether this field of a record is one of our own identifiers. */
  get isIdentifier(): boolean {
    this.own ??= isIdentifier(this.name);
    return this.own;
  }
  private own: boolean | undefined;

  private other(name: string): Place {
    this.others ??= new Map();
    let place = this.others.get(name);
    if (place === undefined) {
      place = this.order.place(name);
      this.others.set(name, place);
    }
    this.next = place;
    return place;
  }
}

export class KeyOrder {
  /** Before the first field of a record. */
  start: Place;
  private places = 0;

  constructor(private readonly keys: KeyTable) {
    this.start = new Place("", "keep", this);
  }

  place(name: string): Place {
    this.places += 1;
    if (this.places > MAX_PLACES) {
      this.places = 0;
      this.start = new Place("", "keep", this);
    }
    return new Place(name, this.keys.actionOf(name), this);
  }
}
