/**
 * Plain objects, as records are made of.
 *
 * @module
 */

export type Fields = Record<string, unknown>;

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Sets a field by any name. A plain assignment to `__proto__` would change the prototype instead. */
export function put(target: Fields, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** The words of a text, for lists that are read better than they are quoted. */
export function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/u));
}
