/**
 * Units of work beside requests: jobs, queue consumers, command lines; and parts of a request that are done
 * in another's name, or are not to be recorded.
 *
 * @module
 */
import type { EventEmitter } from "node:events";
import { newRecordId, newSpanId } from "../ids.js";
import { readActor, type ActorLike } from "./actor.js";
import {
  callInContext,
  callOutside,
  currentContext,
  runInContext,
  type Actor,
  type AuditContext,
  type CallFrame,
  type ExternalDetail,
  type TraceState,
} from "./context.js";
import { activeSpan } from "./otel.js";
import { PARENT_BAGGAGE, parseBaggage, parseTraceParent } from "./trace.js";

/**
 * What `audit.run` says of the work. Everything left out is taken from the context around, if there is one.
 *
 * @example
 * const { requestId, parentId, traceparent } = message.headers;
 * await audit.run({ actor: { id: "worker" }, requestId, parentId, traceparent }, () => handle(message));
 */
export interface RunOptions {
  /**
   * Who does it: a value, or a function that is called whenever a record is made. `null` says nobody is known.
   * Default: who acts around; else nobody.
   */
  readonly actor?: ActorLike | (() => ActorLike);
  /** Why, for people: `nightly`, a ticket's number. Stands in `extra.reason`. Default: as around. */
  readonly reason?: string;
  /** Whose data it is. Stands in `extra.tenant`. Default: as around. */
  readonly tenant?: string | number;
  /** For whom the actor acts, as in an impersonation. Stands in `extra.on_behalf_of`. Default: as around. */
  readonly onBehalfOf?: ActorLike;
  /** The application's own fields for every record of this work, added to those around. Default none. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** The id of the request that caused it, as it came with a queue's message. Default: the one around, or a new one. */
  readonly requestId?: string;
  /**
   * The record that caused it, as it came with a queue's message. Default: the one around, or the one in
   * `baggage`.
   */
  readonly parentId?: string;
  /**
   * The trace that it belongs to, as it came with a queue's message: the header `traceparent` of W3C Trace
   * Context. Default: the trace around; outside of any context, the active OpenTelemetry span.
   */
  readonly traceparent?: string;
  /** The header `tracestate` beside it; sent on as it is. Default: as around. */
  readonly tracestate?: string;
  /**
   * The header `baggage` (W3C Baggage); sent on as it is. It brings `parentId` when another of our services
   * sent it. Default: as around.
   */
  readonly baggage?: string;
}

/**
 * Runs `work`, and everything that it starts, as a unit of work: all its records bear one `request_id`,
 * the given actor, and what else `options` says.
 *
 * @returns what `work` returns; what it throws is thrown
 * @example
 * await runAs({ actor: { id: "cron" }, reason: "nightly" }, () => expireSessions());
 */
export function runAs<T>(options: RunOptions, work: () => T): T {
  return runInContext(deriveContext(options, currentContext()), work);
}

/** Runs `work`, and everything that it starts, without making records. */
export function runIgnored<T>(work: () => T): T {
  const outer = currentContext() ?? deriveContext({}, undefined);
  return runInContext(new DerivedContext(outer, { muted: true }), work);
}

/** Runs `work`, and everything that it starts, with so much written of its calls to other services. */
export function runWithExternal<T>(external: ExternalDetail, work: () => T): T {
  const outer = currentContext() ?? deriveContext({}, undefined);
  return runInContext(new DerivedContext(outer, { external }), work);
}

/** Runs `work` with the record `recordId` as the cause of what happens inside; as it is outside of any context. */
export function runAsCause<T>(recordId: string, work: () => T): T {
  const outer = currentContext();
  return outer ? runInContext(new DerivedContext(outer, { recordId }), work) : work();
}

/** Calls `method` on `self` as a part of a call that goes out, whose record is the cause of what happens inside. */
export function callAsPart(
  recordId: string,
  frame: CallFrame,
  method: (...args: any[]) => unknown,
  self: unknown,
  args: ArrayLike<unknown>,
): any {
  const outer = currentContext();
  return outer
    ? callInContext(new DerivedContext(outer, { recordId, frame }), method, self, args)
    : callOutside(frame, method, self, args);
}

/**
 * Ties `work` to the context of now, for callbacks that a library calls from elsewhere: pools, queues, old drivers.
 *
 * @param work - called later, by somebody else
 * @returns a function that does the same in that context, whoever calls it; `work` itself outside of any context
 * @example
 * pool.acquire(bindToContext((connection) => use(connection)));
 */
export function bindToContext<Work extends (...args: any[]) => unknown>(work: Work): Work {
  const context = currentContext();
  if (context === undefined) return work;
  const bound = function (this: unknown, ...args: unknown[]): unknown {
    return callInContext(context, work, this, args);
  };
  return Object.defineProperty(bound, "length", { value: work.length }) as unknown as Work;
}

/**
 * Ties all listeners of `emitter`, present and later ones, to the context of now.
 *
 * @param emitter - its `emit` is replaced, for good
 * @returns the same emitter
 * @example
 * bindEmitterToContext(subscription).on("message", (message) => handle(message));
 */
export function bindEmitterToContext<Emitter extends EventEmitter>(emitter: Emitter): Emitter {
  emitter.emit = bindToContext(emitter.emit);
  return emitter;
}

/** The context for `options` inside `outer`. */
export function deriveContext(options: RunOptions, outer: AuditContext | undefined): AuditContext {
  const baggage = parseBaggage(options.baggage);
  const parentId = options.parentId ?? baggage.get(PARENT_BAGGAGE) ?? null;
  return new DerivedContext(outer ?? unrelated(), {
    ...traceOf(options, outer),
    ...(options.requestId !== undefined && { requestId: options.requestId }),
    // What happens inside is caused by the message's record; the work has no record of its own.
    ...(parentId !== null && { recordId: parentId, parentId }),
    ...(options.actor !== undefined && { actor: actorOf(options.actor) }),
    extra: { ...statedFields(options), ...options.extra },
  });
}

/** `outer`, but for what is said anew. What may still change in `outer` (its actor, its fields) is read when asked. */
class DerivedContext implements AuditContext {
  readonly #outer: AuditContext;
  readonly #own: Partial<AuditContext>;

  constructor(outer: AuditContext, own: Partial<AuditContext>) {
    // Not one upon the other: of work that starts itself again, from a timer for example, each would hold all before it.
    const derived = outer instanceof DerivedContext;
    this.#outer = derived ? outer.#outer : outer;
    this.#own = derived ? overlaid(outer.#own, own) : own;
  }

  get requestId(): string {
    return this.#own.requestId ?? this.#outer.requestId;
  }
  get recordId(): string | null {
    return this.#own.recordId ?? this.#outer.recordId;
  }
  get parentId(): string | null {
    return this.#own.parentId ?? this.#outer.parentId;
  }
  get traceId(): string | null {
    return this.#own.traceId ?? this.#outer.traceId;
  }
  get spanId(): string | null {
    return this.#own.spanId ?? this.#outer.spanId;
  }
  get muted(): boolean {
    return this.#own.muted ?? this.#outer.muted;
  }
  get external(): ExternalDetail | undefined {
    return this.#own.external ?? this.#outer.external;
  }
  get extra(): Readonly<Record<string, unknown>> {
    return { ...this.#outer.extra, ...this.#own.extra };
  }
  get trace(): TraceState | null {
    return this.#own.trace ?? this.#outer.trace ?? null;
  }
  get frame(): CallFrame | undefined {
    return this.#own.frame ?? this.#outer.frame;
  }
  get request(): AuditContext["request"] {
    return this.#outer.request;
  }
  readonly actor = (): Actor | null => (this.#own.actor ? this.#own.actor() : this.#outer.actor());
}

/** Both together; a field that is `undefined` or `null` says nothing. */
function overlaid(known: Partial<AuditContext>, more: Partial<AuditContext>): Partial<AuditContext> {
  const said = Object.entries(more).filter(([, value]) => value !== undefined && value !== null);
  return { ...known, ...Object.fromEntries(said), extra: { ...known.extra, ...more.extra } };
}

function unrelated(): AuditContext {
  return {
    requestId: newRecordId(),
    recordId: null,
    parentId: null,
    actor: () => null,
    traceId: null,
    spanId: null,
    muted: false,
    extra: {},
  };
}

/** The fields of a context that say which trace its work belongs to. */
export type TraceFields = Pick<AuditContext, "traceId" | "spanId" | "trace">;

/**
 * The trace that work belongs to: the active OpenTelemetry span, else the trace that came in, as a span of its
 * own; `undefined` when there is neither.
 */
export function traceFrom(incoming: {
  traceparent?: string | undefined;
  tracestate?: string | undefined;
  baggage?: string | undefined;
}): TraceFields | undefined {
  const { tracestate = null, baggage = null } = incoming;
  const span = activeSpan();
  if (span) {
    return { traceId: span.traceId, spanId: span.spanId, trace: { flags: span.flags, tracestate, baggage } };
  }
  const parent = parseTraceParent(incoming.traceparent);
  if (parent) {
    // A tracestate without a valid traceparent must be ignored; baggage stands on its own.
    const trace = { flags: parent.flags, tracestate, baggage };
    return { traceId: parent.traceId, spanId: newSpanId(), trace };
  }
  if (baggage === null) return undefined;
  return { traceId: null, spanId: null, trace: { flags: "00", tracestate: null, baggage } };
}

function traceOf(options: RunOptions, outer: AuditContext | undefined): Partial<TraceFields> | undefined {
  const said = options.traceparent !== undefined || options.baggage !== undefined;
  return said || outer === undefined ? traceFrom(options) : undefined;
}

function actorOf(actor: ActorLike | (() => ActorLike)): () => Actor | null {
  if (typeof actor === "function") return () => readActor(actor as () => ActorLike);
  const fixed = readActor(() => actor);
  return () => fixed;
}

/** How `tenant`, `reason` and `onBehalfOf` stand in a record's `extra`. */
export function statedFields(stated: {
  tenant?: unknown;
  reason?: unknown;
  onBehalfOf?: unknown;
}): Record<string, unknown> {
  return {
    ...(stated.tenant != null && { tenant: stated.tenant }),
    ...(stated.reason != null && { reason: stated.reason }),
    ...(stated.onBehalfOf != null && { on_behalf_of: stated.onBehalfOf }),
  };
}
