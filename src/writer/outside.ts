/**
 * Leaves the request that happens to be under way, with all that is carried along it: the writer thread is started by
 * what is logged first, and what comes of its news hours later is no part of that.
 *
 * @module
 */
import { AsyncResource } from "node:async_hooks";

/* Made when nothing is under way. */
const nothing = new AsyncResource("activity-audit");

export function outside<T>(work: () => T): T {
  return nothing.runInAsyncScope(work);
}
