/**
 * Swaps one method of an object for a wrapper, and gives it back.
 *
 * @module
 */
import type { Undo } from "../capture/capture.js";
import { rememberOriginal } from "../decorate/readers.js";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Stands round a call: it must return what `method` returns and throw what it throws. */
export type Around = (method: AnyFunction, self: unknown, args: unknown[]) => unknown;

/**
 * Puts `around` round the method `property` of `holder`, its own or inherited.
 *
 * @returns how to give it back. If someone else has wrapped it after us, theirs stays, and ours lets every call
 *   through from then on
 */
export function patchMethod(holder: object, property: PropertyKey, around: Around): Undo | undefined {
  const own = Object.getOwnPropertyDescriptor(holder, property);
  const method: unknown = own ? own.value : Reflect.get(holder, property);
  if (typeof method !== "function" || (own && !own.configurable)) return undefined;
  let active = true;
  // A method of an object literal cannot be called with `new`, as no method can.
  const { wrapper } = {
    wrapper(this: unknown, ...args: unknown[]): unknown {
      return active ? around(method as AnyFunction, this, args) : Reflect.apply(method, this, args);
    },
  };
  dress(wrapper, method as AnyFunction);
  Object.defineProperty(holder, property, {
    ...(own ?? { writable: true, enumerable: false, configurable: true }),
    value: wrapper,
  });
  return () => {
    active = false;
    if (Object.getOwnPropertyDescriptor(holder, property)?.value !== wrapper) return;
    // What others have put on the method while it was ours is the method's.
    copyProperties(wrapper, method);
    copyMetadata(wrapper, method);
    if (own) Object.defineProperty(holder, property, own);
    else Reflect.deleteProperty(holder, property);
  };
}

/**
 * Gives a wrapper the kind, the name, the length, the own properties and the reflect-metadata of the original:
 * frameworks keep routes and guards on the function object, libraries tell async functions by their prototype.
 */
function dress(wrapper: AnyFunction, original: AnyFunction): void {
  Object.setPrototypeOf(wrapper, Object.getPrototypeOf(original) as object);
  copyProperties(original, wrapper);
  copyMetadata(original, wrapper);
  rememberOriginal(wrapper, original);
}

function copyProperties(from: object, to: object): void {
  for (const key of Reflect.ownKeys(from)) {
    const present = Object.getOwnPropertyDescriptor(to, key);
    if (present && !present.configurable) continue;
    Object.defineProperty(to, key, Object.getOwnPropertyDescriptor(from, key)!);
  }
}

/** reflect-metadata adds these to the global `Reflect`; the application may not have loaded it. */
interface MetadataReflect {
  hasOwnMetadata?(key: unknown, target: object): boolean;
  getOwnMetadataKeys?(target: object): unknown[];
  getOwnMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
}

function copyMetadata(from: object, to: object): void {
  const reflect = Reflect as MetadataReflect;
  for (const key of reflect.getOwnMetadataKeys?.(from) ?? []) {
    reflect.defineMetadata?.(key, reflect.getOwnMetadata?.(key, from), to);
  }
}

/** Whether Nest has made the method a route: it keeps that on the function itself. */
export function isNestRoute(method: object): boolean {
  const { hasOwnMetadata } = Reflect as MetadataReflect;
  return hasOwnMetadata?.("path", method) === true && hasOwnMetadata("method", method);
}
