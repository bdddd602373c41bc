/**
 * A record that is made in the form in which it is asked for: a line for appenders of ours, an object for others.
 *
 * @module
 */
import type { RequestEvent } from "../capture/event.js";
import type { Stamp } from "./common.js";
import { encodeLine } from "./encode.js";
import type { RequestFrame } from "./frame.js";
import type { Redactor } from "./redactor.js";
import { buildRequest } from "./request.js";
import type { InternalRequestRecord } from "./types.js";

/** A request that came in. To be asked at once: it reads the context, and what it holds belongs to the capture. */
export class RequestDraft {
  readonly level = "API";
  readonly name = "audit.request";
  #line: string | undefined;
  #record: InternalRequestRecord | undefined;

  /** @param extra - the application's fields for every record */
  constructor(
    private readonly event: RequestEvent,
    private readonly stamp: Stamp,
    private readonly extra: Readonly<Record<string, unknown>>,
  ) {}

  /** As `encodeLine` gives it for the record; by the short way, where there is one. */
  line(redactor: Redactor): string {
    this.#line ??=
      redactor.requests.line(this.event, this.stamp, this.extra) ?? encodeLine(this.record(), redactor);
    return this.#line;
  }

  /** Packs what the line is made of; false if it must be made at once, or is there already. */
  pack(frame: RequestFrame): boolean {
    if (this.#line !== undefined) return false;
    return frame.pack(this.event, this.stamp.serviceName, this.extra);
  }

  record(): InternalRequestRecord {
    if (this.#record === undefined) {
      this.#record = buildRequest(this.event, this.stamp);
      this.#record.extra = { ...this.extra, ...this.#record.extra };
    }
    return this.#record;
  }
}
