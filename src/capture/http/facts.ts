/**
 * Puts together what a framework, a decorator and a handler tell of one request.
 *
 * @module
 */
import type { RequestFacts } from "../../context/context.js";

export const noFacts: RequestFacts = Object.freeze({});

/** Both together; a field that is `undefined` or `null` says nothing. */
export function merged(known: RequestFacts, more: RequestFacts): RequestFacts {
  if (known === noFacts) return more;
  return {
    route: more.route ?? known.route ?? null,
    handler: more.handler ?? known.handler ?? null,
    action: more.action ?? known.action ?? null,
    decorated: more.decorated ?? known.decorated ?? false,
    skipped: more.skipped ?? known.skipped ?? false,
    bodies: more.bodies ?? known.bodies,
    headers: more.headers ?? known.headers,
    ...((more.extra || known.extra) && { extra: { ...known.extra, ...more.extra } }),
  };
}

/** Whether both are of one class: the first of its methods that a request enters is the handler, and calls the others. */
export function sameClass(one: RequestFacts, other: RequestFacts): boolean {
  const target = classOf(one);
  return target !== undefined && target === classOf(other);
}

function classOf({ handler }: RequestFacts): string | undefined {
  return handler?.slice(0, handler.indexOf("."));
}
