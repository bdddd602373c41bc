/**
 * The requests under way.
 *
 * A `Set` would do, but for the garbage collector: when V8 gives a Set that is added to and deleted from a new
 * table, the old table points to the new one. Once such a table has become old, all that a later one ever holds is
 * kept alive and copied until the next major collection, which took a third of a server's time. In an array nothing
 * points on.
 *
 * @module
 */

/** What keeps its own place among those under way. */
export interface Open {
  /** -1: it is not among them. */
  place: number;
}

export class OpenRequests<Request extends Open> {
  readonly #requests: Request[] = [];

  get size(): number {
    return this.#requests.length;
  }

  add(request: Request): void {
    request.place = this.#requests.length;
    this.#requests.push(request);
  }

  /** The last one takes the place of the one that leaves. */
  delete(request: Request): void {
    const { place } = request;
    if (place < 0) return;
    const last = this.#requests.pop()!;
    if (last !== request) {
      this.#requests[place] = last;
      last.place = place;
    }
    request.place = -1;
  }

  /** All of now: whoever goes through them may end them. */
  all(): readonly Request[] {
    return [...this.#requests];
  }
}
