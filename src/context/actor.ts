/**
 * Reads the actor that an application's function gives: whatever it returns or throws, the result is an
 * actor or `null`, never a guess.
 *
 * @module
 */
import { fault } from "../health.js";
import type { Actor } from "./context.js";

/** What an `actor` function may return: an actor, a bare id, or nothing. */
export type ActorLike = object | string | number | null | undefined;

/** The actor that `read` gives now. A throw, a promise or another wrong value is counted, and is `null`. */
export function readActor<Args extends unknown[]>(
  read: (...args: Args) => ActorLike,
  ...args: Args
): Actor | null {
  try {
    return asActor(read(...args));
  } catch (error) {
    fault("context.actor", error);
    return null;
  }
}

/** An actor from what an application gave; an `id` that is not there is `null`, and the rest stays. */
export function asActor(value: unknown): Actor | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number") return { id: value };
  if (typeof value !== "object")
    throw new TypeError(`The actor is a ${typeof value}; expected an object or an id.`);
  if (typeof (value as PromiseLike<unknown>).then === "function") {
    // The record is made now; a promise would be too late. Its rejection is not ours to leave unhandled.
    void (value as PromiseLike<unknown>).then(undefined, () => {});
    throw new TypeError("The actor is a promise; read it before, and give the value.");
  }
  return value as Actor;
}
