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
  /** Written as `user.id`; `null` where there is none. */
  readonly id: string | number | null;
  readonly [info: string]: unknown;
}

/** How much is written of calls to other services: nothing, all but bodies and arguments, or all. */
export type ExternalDetail = false | "metadata" | "full";

/** One request, job or other unit of work, and who does it. */
export interface AuditContext {
  /** The same for all that this unit of work causes. */
  readonly requestId: string;
  /** The record that causes what happens here: the request's own record, if it has one. */
  readonly recordId: string | null;
  /** The record that caused this unit of work itself, if known. */
  readonly parentId: string | null;
  /** Read when a record is made, not before: an authentication later in the chain is seen. Never throws. */
  readonly actor: () => Actor | null;
  /** W3C Trace Context: 32 lower-case hex digits; `null` outside of any trace. */
  readonly traceId: string | null;
  /** The span within it: 16 lower-case hex digits. */
  readonly spanId: string | null;
  /** Inside `audit.ignore()`: nothing is recorded. */
  readonly muted: boolean;
  /** Inside `audit.logExternal()`: how much is written of calls made here, whatever is said of their service. */
  readonly external?: ExternalDetail | undefined;
  /** The application's own fields, for every record made here; `tenant`, `reason` and `on_behalf_of` are among them. */
  readonly extra: Readonly<Record<string, unknown>>;
  /**
   * The trace's flags, tracestate and baggage as they came in, to be sent on.
   *
   * @internal
   */
  readonly trace?: TraceState | null;
  /**
   * The call that this work is a part of.
   *
   * @internal
   */
  readonly frame?: CallFrame | undefined;
  /**
   * The request that this work belongs to, for what its handler knows of it.
   *
   * @internal
   */
  readonly request?: RequestPart | null;
}

/** What came in with a trace and is sent on as it is. */
export interface TraceState {
  /** The two hex digits at the end of `traceparent`. */
  readonly flags: string;
  readonly tracestate: string | null;
  readonly baggage: string | null;
}

/** What a handler tells of the request that it serves. */
export interface RequestFacts {
  /** The route's pattern, for example `/patients/:id`. */
  readonly route?: string | null;
  /** `Class.method`. */
  readonly handler?: string | null;
  /** `@AuditRoute({ action })`. */
  readonly action?: string | null;
  /** `@AuditRoute({ activity })`, with its placeholders. */
  readonly activity?: string | null;
  /** Added to what is there already. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** True when a decorator says it, and not only the framework. */
  readonly decorated?: boolean;
  /** `@NoAudit()`: the request makes no record. */
  readonly skipped?: boolean;
  /** Only its class is decorated, so that it may be no handler, but a helper of one that is known. */
  readonly ofClass?: boolean;
  /** Whether the record has the bodies, the headers; `undefined` leaves it to the options. */
  readonly bodies?: boolean | undefined;
  readonly headers?: boolean | undefined;
}

/** A request under way. */
export interface RequestPart {
  /** Adds what is known now; the last one that says a thing is believed. */
  enrich(facts: RequestFacts): void;
  /** What the handler threw, or was rejected with. */
  failed(error: unknown): void;
}

/** A call that goes out, round the code that runs for it: its interceptors, or what carries it. */
export interface CallFrame {
  readonly call: object;
  /** True while that which runs is what carries the call: requests that it makes are the call itself. */
  carries: boolean;
}

/** Outside of any context there may still be a call. */
class Outside {
  constructor(readonly frame: CallFrame) {}
}

/** One for all: each storage that is in use costs every promise of the process on Node 20 and 22. */
const storage = new AsyncLocalStorage<AuditContext | Outside>();

/** The context of the running code, or `undefined` outside of any. */
export function currentContext(): AuditContext | undefined {
  const store = storage.getStore();
  return store instanceof Outside ? undefined : store;
}

/** The call that the running code is a part of. */
export function currentFrame(): CallFrame | undefined {
  return storage.getStore()?.frame;
}

/** Calls `method` on `self` as a part of a call that was made outside of any context. */
export function callOutside(
  frame: CallFrame,
  method: (...args: any[]) => unknown,
  self: unknown,
  args: ArrayLike<unknown>,
): any {
  return storage.run(new Outside(frame), Reflect.apply, method, self, args);
}

/** Runs `work` in `context`, and everything that it starts. */
export function runInContext<T>(context: AuditContext, work: () => T): T {
  return storage.run(context, work);
}

/**
 * Calls `method` on `self` in `context`; for hot paths, where a closure a call would be felt.
 */
export function callInContext(
  context: AuditContext,
  method: (...args: any[]) => unknown,
  self: unknown,
  args: ArrayLike<unknown>,
): any {
  return storage.run(context, Reflect.apply, method, self, args);
}
