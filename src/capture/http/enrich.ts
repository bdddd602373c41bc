/**
 * What a handler knows of the request that it serves, told from wherever the handler runs.
 *
 * @module
 */
import { currentContext, type RequestFacts } from "../../context/context.js";
import type { RouteMetadata } from "../../decorate/metadata.js";
import { guarded } from "../../health.js";

/** Adds to the record of the request around; nothing happens outside of any request. */
export function enrichCurrentRequest(facts: RequestFacts): void {
  guarded("capture.http_enrich", () => currentContext()?.request?.enrich(facts));
}

/** Tells the request around of an error that its handler threw, or was rejected with. */
export function failCurrentRequest(error: unknown): void {
  currentContext()?.request?.failed(error);
}

/** What the decorators on a handler say, in the form in which a request takes it. */
export function factsOf(metadata: RouteMetadata, handler: string | null): RequestFacts {
  const { action, activity, extra, bodies, headers } = metadata.options;
  return {
    decorated: !metadata.skipped,
    skipped: metadata.skipped,
    handler,
    bodies,
    headers,
    ...(action !== undefined && { action }),
    ...(activity !== undefined && { activity }),
    ...(extra && { extra }),
  };
}
