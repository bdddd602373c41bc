/**
 * Wraps the methods of decorated classes: late, when every decorator has run, and only while audit runs.
 *
 * @module
 */
import type { Undo } from "../capture/capture.js";
import type { ServiceMetadata } from "../decorate/metadata.js";
import {
  decoratedMethods,
  isClient,
  isRouteClass,
  onDecorated,
  routeMetadata,
  serviceMetadata,
} from "../decorate/readers.js";
import { knownClasses, lineage } from "../decorate/store.js";
import { guarded } from "../health.js";
import { isNestRoute, patchMethod, type Around } from "./patch.js";

/** What is to be done when a decorated method is called. */
export interface ClassHooks {
  /** A method with `@AuditRoute` or `@NoAudit` is entered. Never throws. */
  handlerEntered(target: Function, property: PropertyKey, isStatic: boolean): void;
  /** Stands round the calls of a method of an `@ExternalService` class. */
  aroundService(service: ServiceMetadata, property: PropertyKey): Around;
}

/** Wraps the classes known now, and each that is decorated later once its decorators have run. */
export function wrapClasses(hooks: ClassHooks): Undo {
  const wrapped = new Map<Function, Undo[]>();
  let running = true;
  const wrap = (target: Function): void => {
    if (!running) return;
    for (const undo of wrapped.get(target)?.toReversed() ?? []) undo();
    wrapped.set(target, guarded("registry.wrap", () => [...wrapClass(target, hooks)]) ?? []);
  };
  for (const target of knownClasses()) wrap(target);
  const later = new Set<Function>();
  const unwatch = onDecorated((target) => {
    // Our decorator may be the first of several: the class is whole when its module's code has run on.
    if (later.size === 0) {
      queueMicrotask(() => {
        for (const one of later) wrap(one);
        later.clear();
      });
    }
    later.add(target);
  });
  return () => {
    running = false;
    unwatch();
    for (const undos of wrapped.values()) for (const undo of undos.toReversed()) undo();
    wrapped.clear();
  };
}

function* wrapClass(target: Function, hooks: ClassHooks): Generator<Undo> {
  for (const { property, isStatic } of handlersOf(target)) {
    const holder: object = isStatic ? target : (target.prototype as object);
    const method: unknown = Object.getOwnPropertyDescriptor(holder, property)?.value;
    // Nest's adapter knows class and method by itself.
    if (typeof method !== "function" || isNestRoute(method)) continue;
    const undo = patchMethod(holder, property, (original, self, args) => {
      guarded("registry.handler", () =>
        hooks.handlerEntered(classOf(self, target, isStatic), property, isStatic),
      );
      return Reflect.apply(original, self, args);
    });
    if (undo) yield undo;
  }
  const service = serviceMetadata(target);
  if (!service || isClient(target)) return;
  for (const property of publicMethods(target)) {
    const undo = patchMethod(target.prototype as object, property, hooks.aroundService(service, property));
    if (undo) yield undo;
  }
}

function handlersOf(target: Function): { property: PropertyKey; isStatic: boolean }[] {
  if (!isRouteClass(target)) return decoratedMethods(target);
  const own = ownMethods(target.prototype as object).map((property) => ({ property, isStatic: false }));
  return [...own, ...decoratedMethods(target).filter(({ isStatic }) => isStatic)];
}

/** A handler is named after the class that it runs in, which may be a subclass of the decorated one. */
function classOf(self: unknown, target: Function, isStatic: boolean): Function {
  if (isStatic) return typeof self === "function" ? self : target;
  const known = (self as { constructor?: unknown } | null | undefined)?.constructor;
  return typeof known === "function" && self instanceof target ? known : target;
}

/** What the language calls by itself is no call of the service. */
const implicit = new Set<PropertyKey>([
  "toJSON",
  "toString",
  "toLocaleString",
  "valueOf",
  "then",
  ...Object.values(Object.getOwnPropertyDescriptors(Symbol)).flatMap(({ value }) =>
    typeof value === "symbol" ? value : [],
  ),
  Symbol.for("nodejs.util.inspect.custom"),
]);

/**
 * A method whose name begins with an underscore is taken for private; what TypeScript calls private looks like any
 * other. `@NoAudit` leaves out a method here too.
 */
function publicMethods(target: Function): PropertyKey[] {
  const found = new Set<PropertyKey>();
  for (const one of lineage(target)) {
    if (one.prototype === Object.prototype) break;
    for (const property of ownMethods(one.prototype as object)) found.add(property);
  }
  return [...found].filter(
    (property) =>
      !implicit.has(property) &&
      !String(property).startsWith("_") &&
      routeMetadata(target, property)?.skipped !== true,
  );
}

function ownMethods(prototype: object): PropertyKey[] {
  return Reflect.ownKeys(prototype).filter(
    (property) =>
      property !== "constructor" &&
      typeof Object.getOwnPropertyDescriptor(prototype, property)?.value === "function",
  );
}
