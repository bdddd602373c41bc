/**
 * The calls under way, each found by its request as Node or undici know it.
 *
 * The way leads over a property of the request: a `Map` would keep garbage alive (see `under-way.ts`), and what is in a
 * `WeakMap` until the next major collection each minor one looks at again.
 *
 * @module
 */
import { type Placed, UnderWay } from "../under-way.js";

type Known<Call> = Record<symbol, Call | null | undefined>;

export class LiveCalls<Call extends Placed> {
  /** Of one's own, since another capture may have begun and ended before. */
  readonly #call = Symbol("activity-audit call");
  readonly #underWay = new UnderWay<Call>();

  /** Whether the request was noted, though its call may be over, or not recorded. */
  knows(request: object): boolean {
    return (request as Known<Call>)[this.#call] !== undefined;
  }

  of(request: object): Call | undefined {
    return (request as Known<Call>)[this.#call] ?? undefined;
  }

  /** To be called before its call is added, or where none will be. */
  note(request: object): void {
    // Hidden from who goes through the properties of a request.
    Object.defineProperty(request, this.#call, { value: null, writable: true });
  }

  add(request: object, call: Call): void {
    (request as Known<Call>)[this.#call] = call;
    this.#underWay.add(call);
  }

  /** The request may be kept for long: it is not to keep the call. */
  delete(request: object, call: Call): void {
    (request as Known<Call>)[this.#call] = null;
    this.#underWay.delete(call);
  }

  all(): readonly Call[] {
    return this.#underWay.all();
  }
}
