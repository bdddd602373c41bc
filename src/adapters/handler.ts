/**
 * Tells a request which handler serves it, and what the decorators on that handler say.
 *
 * @module
 */
import { factsOf } from "../capture/http/enrich.js";
import type { RequestFacts, RequestPart } from "../context/context.js";
import {
  isClient,
  isDecoratedMethod,
  routeMetadata,
  routeOfHandler,
  serviceMetadata,
} from "../decorate/readers.js";
import { store } from "../decorate/store.js";

/** `Class.method`, as it stands in a record. */
export function handlerName(target: Function, method: PropertyKey): string {
  return `${target.name}.${String(method)}`;
}

/** For frameworks that know class and method. */
export function describeMethod(target: Function, method: PropertyKey, part: RequestPart): void {
  part.enrich(methodFacts(target, method) ?? { handler: handlerName(target, method) });
}

/** For frameworks that only know the function; one that nobody decorated tells nothing. */
export function describeHandler(handler: unknown, part: RequestPart): void {
  const facts = typeof handler === "function" ? handlerFacts(handler) : null;
  if (facts) part.enrich(facts);
}

/** What the decorators on a method, or on its class, say; `null` if they say nothing. */
export function methodFacts(target: Function, method: PropertyKey, isStatic = false): RequestFacts | null {
  const cache = cacheOf(isStatic ? statics : methods, target);
  let facts = cache.get(method);
  if (facts === undefined) {
    const metadata = routeMetadata(target, method, isStatic);
    // Of a service `@NoAudit` says that its calls make no record, and nothing of the request in which they are made.
    const ofCalls = metadata?.skipped === true && isService(target);
    facts =
      metadata && !ofCalls
        ? {
            ...factsOf(metadata, handlerName(target, method)),
            ofClass: !isDecoratedMethod(target, method, isStatic),
          }
        : null;
    cache.set(method, facts);
  }
  return facts;
}

function isService(target: Function): boolean {
  return serviceMetadata(target) !== undefined || isClient(target);
}

function handlerFacts(handler: Function): RequestFacts | null {
  const cache = cacheOf(functions, handler);
  let facts = cache.get("");
  if (facts === undefined) {
    const route = routeOfHandler(handler);
    facts = route
      ? factsOf(route, route.target ? handlerName(route.target, route.property) : String(route.property))
      : null;
    cache.set("", facts);
  }
  return facts;
}

/** Read once and not with every request; a decoration that comes later makes all of it stale. */
type Cache = Map<PropertyKey, RequestFacts | null>;
let methods = new WeakMap<Function, Cache>();
let statics = new WeakMap<Function, Cache>();
let functions = new WeakMap<Function, Cache>();
let version = store.version;

function cacheOf(caches: WeakMap<Function, Cache>, of: Function): Cache {
  if (version !== store.version) {
    version = store.version;
    methods = new WeakMap();
    statics = new WeakMap();
    functions = new WeakMap();
    return new Map();
  }
  let cache = caches.get(of);
  if (!cache) caches.set(of, (cache = new Map()));
  return cache;
}

/** What a framework that stands on another makes of the route that was matched. */
export type DescribeRoute = (method: string, route: string, part: RequestPart) => void;

export const routeOnly: DescribeRoute = (_method, route, part) => part.enrich({ route });
