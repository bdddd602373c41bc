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
  const wrapper = dressedAs(method as AnyFunction, function (this: unknown, ...args: unknown[]) {
    return active ? around(method as AnyFunction, this, args) : Reflect.apply(method, this, args);
  });
  Object.defineProperty(holder, property, {
    ...(own ?? { writable: true, enumerable: false, configurable: true }),
    value: wrapper,
  });
  return () => {
    active = false;
    if (Object.getOwnPropertyDescriptor(holder, property)?.value !== wrapper) return;
    if (own) Object.defineProperty(holder, property, own);
    else Reflect.deleteProperty(holder, property);
  };
}

/**
 * Gives a wrapper the name, the length, the own properties and the reflect-metadata of the original: frameworks
 * keep routes and guards on the function object, and a bare new function would lose them.
 */
function dressedAs(original: AnyFunction, wrapper: AnyFunction): AnyFunction {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)!;
    const present = Object.getOwnPropertyDescriptor(wrapper, key);
    if (!present || present.configurable) Object.defineProperty(wrapper, key, descriptor);
  }
  copyMetadata(original, wrapper);
  rememberOriginal(wrapper, original);
  return wrapper;
}

/** reflect-metadata adds these to the global `Reflect`; the application may not have loaded it. */
interface MetadataReflect {
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

/** Whether another library has put reflect-metadata on the function. */
export function carriesMetadata(method: object): boolean {
  return ((Reflect as MetadataReflect).getOwnMetadataKeys?.(method).length ?? 0) > 0;
}
