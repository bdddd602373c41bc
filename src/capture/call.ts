/**
 * What is common to captures of calls that go out: what they are told, and the time and the names of one call.
 *
 * @module
 */
import { currentContext, type AuditContext, type ExternalDetail } from "../context/context.js";
import { propagationHeaders } from "../context/trace.js";
import { fault } from "../health.js";
import type { Outcome } from "../record/types.js";
import type { Emit } from "./capture.js";
import type { CallEvent } from "./event.js";
import { outcomeOfStatus } from "./http/outcome.js";

/** How the calls of one target are captured. */
export interface CallOptions {
  /** Written as `service_name`. */
  readonly service: string;
  /** `"metadata"`: without bodies, arguments and results. */
  readonly detail: "metadata" | "full";
  /** A plain, bounded copy; never throws. */
  readonly snapshot: (value: unknown) => unknown;
  readonly newRecordId: () => string;
}

/** How much is told of a call that is made now: as is said for this call, else for its service. */
export function detailNow(detail: ExternalDetail): ExternalDetail {
  const context = currentContext();
  return context?.muted || detail === false ? false : (context?.external ?? detail);
}

/** What a capture adds to what a call knows of itself. */
export type CallFacts<Event extends CallEvent> = Omit<
  Event,
  "kind" | "context" | "at" | "service" | "recordId" | "durationMs" | "handler" | "extra"
>;

/** One call under way: told once, however often its end is seen. */
export class Call<Event extends CallEvent> {
  readonly recordId: string;
  readonly context: AuditContext | undefined = currentContext();
  readonly #emit: Emit;
  readonly #service: string;
  readonly #start = performance.now();
  #ended = false;

  constructor(emit: Emit, { service, newRecordId }: CallOptions) {
    this.#emit = emit;
    this.#service = service;
    this.recordId = newRecordId();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * What tells the service of the trace that came in, by header; empty without one: then what goes over the wire is as
   * without us.
   */
  traceHeaders(): readonly (readonly [name: string, value: string])[] {
    if (!this.context || this.context.traceId === null) return [];
    return Object.entries(propagationHeaders(this.context, this.recordId, null));
  }

  /** @param facts - asked for once, and guarded: reading a response may run code of the application's */
  end(facts: () => CallFacts<Event>): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      // Added to, and not copied: a copy of so many fields is a tenth of what a call costs us.
      const event = facts() as Record<string, unknown>;
      event["kind"] = "call";
      event["context"] = this.context;
      event["at"] = Date.now();
      event["service"] = this.#service;
      event["recordId"] = this.recordId;
      event["durationMs"] = performance.now() - this.#start;
      event["handler"] = null;
      event["extra"] = {};
      this.#emit(event as unknown as CallEvent);
    } catch (error) {
      fault("capture.call", error);
    }
  }
}

/** How a call ended for the application, when it did not throw: an answer that says no is no success. */
export function outcomeOfAnswer(status: number | null): Outcome {
  return status === null ? "failure" : outcomeOfStatus(status);
}
