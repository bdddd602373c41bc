/**
 * Watches how a promise ends, for callers who must not notice.
 *
 * @module
 */
import { types } from "node:util";

/**
 * Whether watching is safe: a promise of the language itself. `then` of a lazy query builder, or of a subclass that
 * starts its work when it is awaited, would change what happens.
 */
export function isPlainPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value) && value.then === Promise.prototype.then;
}

/**
 * A promise that ends as `promise` does, once the end is told. Hand it on instead of `promise`: a rejection that nobody
 * takes is then still one that nobody takes, and the process hears of it as without us.
 */
export function watched<T>(
  promise: Promise<T>,
  fulfilled: (value: T) => void,
  rejected: (error: unknown) => void,
): Promise<T> {
  return promise.then(
    (value) => {
      fulfilled(value);
      return value;
    },
    (error: unknown) => {
      rejected(error);
      throw error;
    },
  );
}
