/**
 * Plain objects, as records are made of.
 *
 * @module
 */

export type Fields = Record<string, unknown>;

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Whether all that it holds is in its own fields. */
export function isPlainObject(value: object): value is Fields {
  // The first question answers nearly always, and costs less than asking for the prototype.
  if ((value as Fields).constructor === Object) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
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

export function isEmpty(fields: object): boolean {
  for (const _ in fields) return false;
  return true;
}
