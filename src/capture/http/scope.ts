/**
 * The context of one request: what all that happens inside it has in common.
 *
 * Made fresh from the request alone. Nothing is taken from the context around, which may be that of whoever
 * started the server: that would be the wrong person.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import { asActor, readActor, type ActorLike } from "../../context/actor.js";
import type { Actor, AuditContext, RequestPart, TraceState } from "../../context/context.js";
import { statedFields, traceFrom } from "../../context/run.js";
import { PARENT_BAGGAGE, parseBaggage } from "../../context/trace.js";
import { fault, guarded } from "../../health.js";
import { newRecordId } from "../../ids.js";
import type { FromRequest, RequestPolicy } from "./options.js";

/** An id that others made is taken over only in a form that cannot forge a line or flood a field. */
const requestIdForm = /^[\w.:+/=@-]{1,128}$/;
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export class RequestScope implements AuditContext {
  readonly requestId: string;
  /** `null` when the request makes no record of its own. */
  recordId: string | null;
  readonly parentId: string | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly trace: TraceState | null;
  readonly muted = false;
  /** What the application's functions are given: the framework's own request. */
  source: unknown;
  readonly request: RequestPart;
  readonly #policy: RequestPolicy;
  #seen: Actor | null = null;

  constructor(
    policy: RequestPolicy,
    headers: IncomingHttpHeaders,
    source: unknown,
    request: RequestPart,
    recorded: boolean,
  ) {
    const made = newRecordId();
    const given = policy.requestIdHeader === false ? undefined : headers[policy.requestIdHeader];
    this.requestId = typeof given === "string" && requestIdForm.test(given) ? given : made;
    this.recordId = recorded ? made : null;
    const baggage = headers["baggage"];
    this.parentId = parentFrom(baggage);
    const trace = traceFrom({
      traceparent: single(headers["traceparent"]),
      tracestate: single(headers["tracestate"]),
      baggage: single(baggage),
    });
    this.traceId = trace?.traceId ?? null;
    this.spanId = trace?.spanId ?? null;
    this.trace = trace?.trace ?? null;
    this.source = source;
    this.request = request;
    this.#policy = policy;
  }

  /**
   * Who acts, as the application says now. Once somebody was seen, a request that ends without (after a logout)
   * is still theirs.
   */
  actor(): Actor | null {
    const actor = readActor(this.#policy.actor, this.source);
    if (actor !== null) this.#seen = actor;
    return this.#seen;
  }

  get extra(): Readonly<Record<string, unknown>> {
    const { tenant, reason, onBehalfOf } = this.#policy.stated;
    if (!tenant && !reason && !onBehalfOf) return nothing;
    return statedFields({
      tenant: this.#read(tenant),
      reason: this.#read(reason),
      onBehalfOf: asActorOrNull(this.#read<ActorLike>(onBehalfOf)),
    });
  }

  #read<Value>(from: FromRequest<Value> | undefined): Value | undefined {
    return from && guarded("context.request_fields", () => from(this.source));
  }
}

const nothing: Readonly<Record<string, unknown>> = Object.freeze({});

function asActorOrNull(value: ActorLike): Actor | null {
  try {
    return asActor(value);
  } catch (error) {
    fault("context.request_fields", error);
    return null;
  }
}

function parentFrom(baggage: string | string[] | undefined): string | null {
  if (baggage === undefined) return null;
  const parent = parseBaggage(single(baggage)).get(PARENT_BAGGAGE);
  return parent !== undefined && uuidForm.test(parent) ? parent : null;
}

/** A header that came more than once is joined, as Node does for most. */
function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
