/**
 * The store of decorations: one for the process, on `globalThis`, keyed by class and function identity.
 *
 * Two copies of this package (a bundler's and the application's) share it, so its shape may only change
 * together with the number in its key. It holds classes weakly, so that a decorated class that nobody else
 * holds is collected.
 *
 * @module
 */
import type { AuditEntityOptions, AuditRouteOptions, ExternalServiceOptions } from "./metadata.js";
import type { Place } from "./syntax.js";

/** What stands on a method, or on a class for all of its methods. */
export interface RouteMarks {
  route: AuditRouteOptions | undefined;
  skipped: boolean;
}

/** All that was put on one class and its own members, nothing inherited. */
export interface ClassMarks extends RouteMarks {
  /** Unknown at first for standard member decorators. */
  target: Function | undefined;
  entity: AuditEntityOptions | undefined;
  service: { readonly name: string; readonly options: ExternalServiceOptions } | undefined;
  readonly fields: Map<string, "ignore" | "mask">;
  readonly methods: Map<PropertyKey, RouteMarks>;
  readonly statics: Map<PropertyKey, RouteMarks>;
}

/** Which method a function was when it was decorated. */
export interface HandlerPlace {
  readonly marks: ClassMarks;
  readonly property: PropertyKey;
  readonly static: boolean;
}

interface Store {
  /** Keyed by class, and by the metadata object of standard decorators: the same marks under both. */
  readonly marks: WeakMap<object, ClassMarks>;
  readonly classes: Set<WeakRef<Function>>;
  readonly handlers: WeakMap<Function, HandlerPlace>;
  /** From a wrapper of ours to the function that it stands for. */
  readonly originals: WeakMap<Function, Function>;
  /** Base classes that record the calls of their subclasses themselves. */
  readonly clients: WeakSet<Function>;
  readonly listeners: Set<(target: Function) => void>;
  /** Goes up with every decoration, for caches. */
  version: number;
}

const key = Symbol.for("activity-audit@1");
const shared = globalThis as { [key]?: Store };
if (!shared[key]) {
  const empty: Store = {
    marks: new WeakMap(),
    classes: new Set(),
    handlers: new WeakMap(),
    originals: new WeakMap(),
    clients: new WeakSet(),
    listeners: new Set(),
    version: 0,
  };
  Object.defineProperty(shared, key, { value: empty });
}

/** The store of this process. */
export const store: Store = shared[key]!;

/** The marks of the class that the place belongs to; made if there are none. Call `announce` after a change. */
export function marksAt(place: Place): ClassMarks {
  const known = place.target ? ownMarks(place.target) : undefined;
  const marks =
    known ?? (place.metadata ? store.marks.get(place.metadata) : undefined) ?? emptyMarks(place.target);
  if (place.metadata) store.marks.set(place.metadata, marks);
  if (place.target) learnClass(marks, place.target);
  // A standard class decorator above ours may replace the class; the initializer runs with the one that stays.
  if (place.kind === "class") {
    place.addInitializer?.(function (this: unknown) {
      learnClass(marks, this as Function);
    });
  }
  return marks;
}

/** The marks of this very class, or `undefined`. */
export function ownMarks(target: Function): ClassMarks | undefined {
  const known = store.marks.get(target);
  if (known) return known;
  const metadata = Object.getOwnPropertyDescriptor(target, Symbol.metadata)?.value as object | undefined;
  const marks = metadata ? store.marks.get(metadata) : undefined;
  if (marks) learnClass(marks, target);
  return marks;
}

/** Tells what the class of these marks is. The last one counts: a class decorator may replace the class. */
export function learnClass(marks: ClassMarks, target: Function): void {
  if (marks.target === target && store.marks.get(target) === marks) return;
  marks.target = target;
  store.marks.set(target, marks);
  store.classes.add(new WeakRef(target));
  announce(marks);
}

/** Makes a change of the marks seen. */
export function announce(marks: ClassMarks): void {
  store.version += 1;
  const { target } = marks;
  if (target) for (const listener of store.listeners) listener(target);
}

/** All classes that carry a decoration of ours, in the order in which they became known. */
export function* knownClasses(): Generator<Function> {
  for (const reference of store.classes) {
    const target = reference.deref();
    if (!target) store.classes.delete(reference);
    else if (store.marks.get(target)?.target === target) yield target;
  }
}

/** The class, and what it extends, from the nearest on. */
export function* lineage(target: Function): Generator<Function> {
  let at: unknown = target;
  while (typeof at === "function" && at !== Function.prototype) {
    yield at;
    at = Object.getPrototypeOf(at);
  }
}

function emptyMarks(target: Function | undefined): ClassMarks {
  return {
    target,
    entity: undefined,
    service: undefined,
    route: undefined,
    skipped: false,
    fields: new Map(),
    methods: new Map(),
    statics: new Map(),
  };
}
