/**
 * Tells a request which handler serves it, and what the decorators on that handler say.
 *
 * @module
 */
import type { RequestPart } from "../context/context.js";

/** `Class.method`, as it stands in a record. */
export function handlerName(target: Function, method: PropertyKey): string {
  return `${target.name}.${String(method)}`;
}

/** For frameworks that know class and method. */
export function describeMethod(target: Function, method: PropertyKey, part: RequestPart): void {
  part.enrich({ handler: handlerName(target, method) });
}

/** What a framework that stands on another makes of the route that was matched. */
export type DescribeRoute = (method: string, route: string, part: RequestPart) => void;

export const routeOnly: DescribeRoute = (_method, route, part) => part.enrich({ route });
