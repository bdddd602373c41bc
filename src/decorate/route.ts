/**
 * `@AuditRoute` and `@NoAudit`: what the record of a request says of its handler.
 *
 * @module
 */
import { checked } from "../check.js";
import type { AuditRouteOptions } from "./metadata.js";
import { frozen, routeOptionsSchema } from "./options.js";
import { announce, learnClass, lineage, marksAt, store, type ClassMarks, type RouteMarks } from "./store.js";
import { readPlace, type Place } from "./syntax.js";
import type { RouteDecoration } from "./types.js";

/**
 * Enriches the record of each request that reaches the decorated method: its handler, action, activity and extra
 * fields. On a class it holds for all of its methods; a method's own options win over the class's.
 *
 * It attaches metadata only, so it can stand in any order with the decorators of a framework.
 *
 * @param options - all optional; see `AuditRouteOptions` for defaults
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID`
 * @example
 * ```ts
 * class Patients {
 *   @AuditRoute({ action: "patient.admit", activity: "admitted patient {params.id}" })
 *   async admit(request: express.Request, response: express.Response) {}
 * }
 * ```
 */
export function AuditRoute(options: AuditRouteOptions = {}): RouteDecoration {
  checked("@AuditRoute", routeOptionsSchema, options);
  const said = frozen(options);
  return routeDecorator("@AuditRoute", (marks) => {
    marks.route = said;
  });
}

/**
 * Makes no record of the requests that reach the decorated method, or any method of the decorated class.
 *
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`
 * @example
 * ```ts
 * class Health {
 *   @NoAudit()
 *   alive(request: express.Request, response: express.Response) {}
 * }
 * ```
 */
export function NoAudit(): RouteDecoration {
  return routeDecorator("@NoAudit", (marks) => {
    marks.skipped = true;
  });
}

function routeDecorator(name: string, mark: (marks: RouteMarks) => void): RouteDecoration {
  return (...args: unknown[]) => {
    const place = readPlace(name, args, ["method", "class"]);
    const marks = marksAt(place);
    mark(place.kind === "class" ? marks : methodMarks(marks, place));
    announce(marks);
  };
}

function methodMarks(marks: ClassMarks, place: Place): RouteMarks {
  const methods = place.static ? marks.statics : marks.methods;
  let own = methods.get(place.name);
  if (!own) methods.set(place.name, (own = { route: undefined, skipped: false }));
  if (place.method) {
    store.handlers.set(place.method, { marks, property: place.name, static: place.static });
  }
  // A standard method decorator never sees its class: it is learned from the first instance, or, for a static
  // method, when the class is evaluated.
  place.addInitializer?.(function (this: unknown) {
    if (marks.target) return;
    const known = place.static ? (this as Function) : (this as object).constructor;
    for (const target of lineage(known)) {
      if (Object.getOwnPropertyDescriptor(target, Symbol.metadata)?.value === place.metadata) {
        learnClass(marks, target);
        return;
      }
    }
  });
  return own;
}
