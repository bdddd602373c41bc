/**
 * The requests, or the calls, under way.
 *
 * A `Set` or a `Map` would do, but for the garbage collector: when V8 gives one that is added to and deleted from a new
 * table, the old table points to the new one. Once such a table has become old, all that a later one ever holds is
 * kept alive and copied until the next major collection, which took a third of a server's time. In an array nothing
 * points on.
 *
 * @module
 */

/** What keeps its own place among those under way. */
export interface Placed {
  /** -1: it is not among them. */
  place: number;
}

export class UnderWay<Item extends Placed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** The last one takes the place of the one that leaves. */
  delete(item: Item): void {
    const { place } = item;
    if (place < 0) return;
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#items[place] = last;
      last.place = place;
    }
    item.place = -1;
  }

  /** All of now: whoever goes through them may end them. */
  all(): readonly Item[] {
    return [...this.#items];
  }
}
