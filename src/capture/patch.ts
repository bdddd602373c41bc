/**
 * Puts a method of ours on one object, and takes it off again.
 *
 * @module
 */
import type { Undo } from "./capture.js";

type Method = (...args: any[]) => any;

/**
 * Replaces `target[name]` by what `make` gives for the original. Undo puts back what was there: an own
 * property as it was, or nothing where the method was inherited. If somebody else has replaced ours since,
 * theirs stays, and ours behind it only passes calls on.
 */
export function replaceMethod<Name extends string>(
  target: { [Key in Name]: Method },
  name: Name,
  make: (original: Method) => Method,
): Undo {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name];
  const ours = make(original);
  let active = true;
  const replacement = function (this: unknown, ...args: unknown[]): unknown {
    return (active ? ours : original).apply(this, args);
  };
  Object.defineProperty(replacement, "name", { value: original.name, configurable: true });
  Object.defineProperty(replacement, "length", { value: original.length, configurable: true });
  Object.defineProperty(target, name, {
    value: replacement,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? false,
  });
  return () => {
    active = false;
    if (Object.getOwnPropertyDescriptor(target, name)?.value !== replacement) return;
    if (own) Object.defineProperty(target, name, own);
    else delete (target as Partial<Record<Name, Method>>)[name];
  };
}
