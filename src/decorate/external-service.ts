/**
 * `@ExternalService(name)`, and how one symbol is both a decorator factory and a base class.
 *
 * @module
 */
import { checked } from "../check.js";
import { AuditError } from "../errors.js";
import type { ExternalServiceOptions } from "./metadata.js";
import { frozen, serviceOptionsSchema } from "./options.js";
import { announce, marksAt, store } from "./store.js";
import { readPlace } from "./syntax.js";
import type { ClassDecoration } from "./types.js";

/** The decorator half of `ExternalService`. */
export function externalService(name: string, options: ExternalServiceOptions = {}): ClassDecoration {
  if (typeof name !== "string" || name === "") {
    const found = name === "" ? "an empty name" : `a ${typeof name}`;
    throw new AuditError("AUDIT_DECORATOR_OPTION", ["@ExternalService", found, "the service's name"]);
  }
  checked("@ExternalService", serviceOptionsSchema, options);
  const said = Object.freeze({ name, options: frozen(options) });
  return (...args: unknown[]) => {
    const marks = marksAt(readPlace("@ExternalService", args, ["class"]));
    marks.service = said;
    announce(marks);
  };
}

/** One symbol for two uses: called, it makes a decorator; with `new` or `extends`, it is `Base`. */
export type ServiceSymbol<Base> = {
  (name: string, options?: ExternalServiceOptions): ClassDecoration;
  new (): Base;
  /** What instances inherit from. */
  readonly prototype: Base;
};

/**
 * Makes that symbol. `Base`'s own constructor runs with the real `new.target`, so private members, `instanceof` and
 * subclasses of subclasses work as with `Base` itself.
 */
export function serviceSymbol<Base extends object>(base: new () => Base, name: string): ServiceSymbol<Base> {
  const symbol = function (...args: Parameters<typeof externalService>): unknown {
    return new.target ? Reflect.construct(base, [], new.target) : externalService(...args);
  };
  Object.defineProperty(symbol, "name", { value: name });
  Object.setPrototypeOf(symbol, base);
  symbol.prototype = base.prototype;
  markClient(symbol);
  return symbol as unknown as ServiceSymbol<Base>;
}

/** Says that a base class records the calls of its subclasses itself, so that their methods are not wrapped. */
export function markClient(base: Function): void {
  store.clients.add(base);
}
