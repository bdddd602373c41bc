/**
 * What decorators said, for the stages that act on it: own before inherited, merged and frozen.
 *
 * @module
 */
import type { AuditEntityOptions, EntityMetadata, RouteMetadata, ServiceMetadata } from "./metadata.js";
import { united } from "./options.js";
import { knownClasses, lineage, ownMarks, store, type ClassMarks, type RouteMarks } from "./store.js";

/** The entity that the class is decorated as, itself or through a class that it extends. */
export function entityMetadata(target: Function): EntityMetadata | undefined {
  const marks = inherited(target);
  const options = marks
    .flatMap(({ entity }) => entity ?? [])
    .reduceRight<AuditEntityOptions | undefined>((far, near) => united(near, far), undefined);
  if (!options) return undefined;
  // The nearest class that says something of a property is believed.
  const fields = new Map(marks.toReversed().flatMap((one) => [...one.fields]));
  const marked = (kind: "ignore" | "mask") =>
    new Set([...fields].filter(([, mark]) => mark === kind).map(([property]) => property));
  return Object.freeze({ target, options, ignored: marked("ignore"), masked: marked("mask") });
}

/**
 * What holds for requests that `target`'s method serves; `undefined` if no decorator says anything. A method that
 * overrides a decorated one is another method: only what stands on itself, or on a class, holds for it.
 */
export function routeMetadata(
  target: Function,
  property: PropertyKey,
  isStatic = false,
): RouteMetadata | undefined {
  return merged(
    marksOfMethod(target, property, isStatic),
    inherited(target).find(({ route, skipped }) => route !== undefined || skipped),
  );
}

/** Whether `@AuditRoute` or `@NoAudit` stands on the method itself, and not only on its class. */
export function isDecoratedMethod(target: Function, property: PropertyKey, isStatic: boolean): boolean {
  return marksOfMethod(target, property, isStatic) !== undefined;
}

function marksOfMethod(target: Function, property: PropertyKey, isStatic: boolean): RouteMarks | undefined {
  const declaring = [...lineage(target)].find((one) =>
    Object.hasOwn(isStatic ? one : ((one.prototype as object | undefined) ?? {}), property),
  );
  const marks = declaring && ownMarks(declaring);
  return (isStatic ? marks?.statics : marks?.methods)?.get(property);
}

/** The same, for a handler that is only known as a function; a wrapper of ours counts as what it wraps. */
export function routeOfHandler(
  handler: Function,
): (RouteMetadata & { readonly target: Function | undefined; readonly property: PropertyKey }) | undefined {
  const place = store.handlers.get(originalOf(handler));
  if (!place) return undefined;
  const { marks, property } = place;
  const own = (place.static ? marks.statics : marks.methods).get(property);
  const metadata = marks.target ? routeMetadata(marks.target, property, place.static) : merged(own, marks);
  return metadata && { ...metadata, target: marks.target, property };
}

/** The service that the class is decorated as, itself or through a class that it extends. */
export function serviceMetadata(target: Function): ServiceMetadata | undefined {
  const service = inherited(target).find((marks) => marks.service)?.service;
  return service && Object.freeze({ target, ...service });
}

/** Whether a base class of it records its calls itself. */
export function isClient(target: Function): boolean {
  for (const one of lineage(target)) if (store.clients.has(one)) return true;
  return false;
}

/** The classes with `@AuditEntity` of their own. */
export function decoratedEntities(): Function[] {
  return [...knownClasses()].filter((target) => ownMarks(target)?.entity);
}

/** The classes with `@ExternalService` of their own. */
export function decoratedServices(): ServiceMetadata[] {
  return [...knownClasses()]
    .filter((target) => ownMarks(target)?.service)
    .map((target) => serviceMetadata(target)!);
}

/** The methods of the class itself that `@AuditRoute` or `@NoAudit` stands on. */
export function decoratedMethods(target: Function): { property: PropertyKey; isStatic: boolean }[] {
  const marks = ownMarks(target);
  if (!marks) return [];
  return [
    ...[...marks.methods.keys()].map((property) => ({ property, isStatic: false })),
    ...[...marks.statics.keys()].map((property) => ({ property, isStatic: true })),
  ];
}

/** Whether `@AuditRoute` or `@NoAudit` stands on the class itself. */
export function isRouteClass(target: Function): boolean {
  const marks = ownMarks(target);
  return marks !== undefined && (marks.route !== undefined || marks.skipped);
}

/** The function that a wrapper of ours stands for; any other function is its own. */
export function originalOf(method: Function): Function {
  return store.originals.get(method) ?? method;
}

/** Remembers what a wrapper of ours stands for. */
export function rememberOriginal(wrapper: Function, original: Function): void {
  store.originals.set(wrapper, originalOf(original));
}

/** Calls `listener` with each class whose decorations change from now on. */
export function onDecorated(listener: (target: Function) => void): () => void {
  store.listeners.add(listener);
  return () => store.listeners.delete(listener);
}

function inherited(target: Function): ClassMarks[] {
  return [...lineage(target)].flatMap((one) => ownMarks(one) ?? []);
}

function merged(own: RouteMarks | undefined, ofClass: RouteMarks | undefined): RouteMetadata | undefined {
  const said = own?.route ?? own?.skipped ?? ofClass?.route ?? ofClass?.skipped;
  if (said === undefined || said === false) return undefined;
  const extra = { ...ofClass?.route?.extra, ...own?.route?.extra };
  const options = { ...ofClass?.route, ...own?.route };
  return Object.freeze({
    options: Object.freeze(Object.keys(extra).length > 0 ? { ...options, extra } : options),
    // A route with options of its own is recorded, also in a class that is not.
    skipped: own?.skipped === true || (ofClass?.skipped === true && own?.route === undefined),
  });
}
