/**
 * Who acts, and what caused it: carried along the asynchronous call tree.
 *
 * Entered by `run` only. `enterWith` would rebind the caller's whole scope, and so could put one person's
 * name on another's request; see https://nodejs.org/api/async_context.html.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** The person or system that acts. `id` is required; the rest is the application's choice. */
export interface Actor {
  readonly id: string | number | null;
  readonly [info: string]: unknown;
}

/** One request, job or other unit of work, and who does it. */
export interface AuditContext {
  /** The same for all that this unit of work causes. */
  readonly requestId: string;
  /** The record that causes what happens here: the request's own record, if it has one. */
  readonly recordId: string | null;
  /** The record that caused this unit of work itself, if known. */
  readonly parentId: string | null;
  /** Read when a record is made, not before: an authentication later in the chain is seen. */
  readonly actor: () => Actor | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  /** Inside `audit.ignore()`: nothing is recorded. */
  readonly muted: boolean;
  /** The application's own fields, for every record made here. */
  readonly extra: Readonly<Record<string, unknown>>;
}

const storage = new AsyncLocalStorage<AuditContext>();

/** The context of the running code, or `undefined` outside of any. */
export function currentContext(): AuditContext | undefined {
  return storage.getStore();
}

/** Runs `work` in `context`, and everything that it starts. */
export function runInContext<T>(context: AuditContext, work: () => T): T {
  return storage.run(context, work);
}
