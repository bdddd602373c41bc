/**
 * The only reader of decorator arguments: legacy (`experimentalDecorators`) and standard (TC39) alike.
 *
 * Both compilers call a decorator with what they know at that moment. Legacy knows the class at once; a
 * standard member decorator never sees its class, so its place carries `context.metadata`, the object that
 * the class gets as `Symbol.metadata`, and a way to hear of the class once it exists.
 *
 * @see https://github.com/tc39/proposal-decorators
 * @see https://github.com/tc39/proposal-decorator-metadata
 *
 * @module
 */
import { AuditError } from "../errors.js";

// No Node has it yet. Compilers read it when a class is evaluated, so that importing us first is enough.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for("Symbol.metadata");

/** What a decorator was put on. */
export type PlaceKind = "class" | "method" | "field" | "accessor" | "getter" | "setter" | "parameter";

/** Where a decorator stands, in either syntax. */
export interface Place {
  readonly kind: PlaceKind;
  /** The member's name; the class's name for a class. */
  readonly name: string | symbol;
  readonly static: boolean;
  /** Only standard decorators can stand on a `#name`. */
  readonly private: boolean;
  /** The class, where it is known: always in legacy syntax, only for class decorators in the standard one. */
  readonly target: Function | undefined;
  /** `context.metadata`; standard syntax only. */
  readonly metadata: object | undefined;
  /** The function of a method. */
  readonly method: Function | undefined;
  /** Standard syntax: runs with the class (class, static member) or an instance as `this`. */
  readonly addInitializer: ((initializer: (this: unknown) => void) => void) | undefined;
}

interface StandardContext {
  readonly kind: PlaceKind;
  readonly name: string | symbol | undefined;
  readonly static?: boolean;
  readonly private?: boolean;
  readonly metadata?: object;
  addInitializer(initializer: (this: unknown) => void): void;
}

/**
 * Where the decorator stands.
 *
 * @param decorator - its name as users write it, for the message: `@AuditRoute`
 * @param allowed - the kinds of place that it may stand on
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`: on another kind of place, or on a `#private` member;
 * `AUDIT_DECORATOR_METADATA`: the compiler gives no `context.metadata`
 */
export function readPlace(decorator: string, args: readonly unknown[], allowed: readonly PlaceKind[]): Place {
  const place = isStandardContext(args[1]) ? standardPlace(args[0], args[1]) : legacyPlace(args);
  if (!place || place.private || !allowed.includes(place.kind)) {
    throw misplaced(decorator, place, allowed);
  }
  if (!place.target && !place.metadata) {
    throw new AuditError("AUDIT_DECORATOR_METADATA", [decorator, found(place)]);
  }
  return place;
}

/** The error for a decorator that stands where it says nothing. */
export function misplaced(
  decorator: string,
  place: Place | undefined,
  allowed: readonly PlaceKind[],
): AuditError {
  return new AuditError("AUDIT_DECORATOR_MISPLACED", [decorator, found(place), allowed.join(", ")]);
}

function isStandardContext(value: unknown): value is StandardContext {
  return typeof value === "object" && value !== null && typeof (value as StandardContext).kind === "string";
}

function standardPlace(value: unknown, context: StandardContext): Place {
  const isClass = context.kind === "class";
  return {
    kind: context.kind,
    name: context.name ?? "",
    static: context.static ?? false,
    private: context.private ?? false,
    target: isClass ? (value as Function) : undefined,
    metadata: context.metadata,
    method: context.kind === "method" ? (value as Function) : undefined,
    addInitializer: (initializer) => context.addInitializer(initializer),
  };
}

/** Legacy: `(class)`, `(prototype or class, name, descriptor?)`, `(prototype or class, name, index)`. */
function legacyPlace([target, name, slot]: readonly unknown[]): Place | undefined {
  const isFunction = typeof target === "function";
  if (!isFunction && (typeof target !== "object" || target === null)) return undefined;
  const owner: unknown = isFunction ? target : target.constructor;
  if (typeof owner !== "function") return undefined;
  const kind = legacyKind(name, slot);
  if (kind === "class" && !isFunction) return undefined;
  const descriptor = typeof slot === "object" && slot !== null ? (slot as PropertyDescriptor) : undefined;
  return {
    kind,
    name: kind === "class" ? owner.name : (name as string | symbol),
    static: isFunction && kind !== "class",
    private: false,
    target: owner,
    metadata: undefined,
    method: kind === "method" ? (descriptor?.value as Function) : undefined,
    addInitializer: undefined,
  };
}

function legacyKind(name: unknown, slot: unknown): PlaceKind {
  if (typeof slot === "number") return "parameter";
  if (name === undefined) return "class";
  if (typeof slot !== "object" || slot === null) return "field";
  const descriptor = slot as PropertyDescriptor;
  if (typeof descriptor.value === "function") return "method";
  if (descriptor.get && descriptor.set) return "accessor";
  if (descriptor.get) return "getter";
  // Babel and SWC give fields a descriptor too, with an `initializer`.
  return descriptor.set ? "setter" : "field";
}

function found(place: Place | undefined): string {
  if (!place) return "a value that is no class";
  const name = typeof place.name === "symbol" ? `[${String(place.name)}]` : place.name;
  if (place.kind === "class") return `class ${name || "(anonymous)"}`;
  const owner = place.target?.name ? `${place.target.name}.` : "";
  const words = [place.static && "static", place.private && "private", place.kind].filter(Boolean);
  return `the ${words.join(" ")} ${owner}${name}`;
}
