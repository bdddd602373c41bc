/**
 * A record that is made in the form in which it is asked for: a line for appenders of ours, an object for others.
 *
 * @module
 */
import type { HttpCallEvent, RequestEvent } from "../capture/event.js";
import { buildCall } from "./call.js";
import { CallFrame } from "./call-frame.js";
import type { Stamp } from "./common.js";
import { encodeLine } from "./encode.js";
import type { PartsFrame } from "./parts-frame.js";
import { RecordFrame } from "./record-frame.js";
import { RequestFrame } from "./request-frame.js";
import type { Redactor } from "./redactor.js";
import { buildRequest } from "./request.js";
import type { AuditRecord } from "./types.js";

/** One of each frame for all: what is packed is written at once. */
export class Packer {
  readonly request = new RequestFrame();
  readonly call = new CallFrame();
  readonly record = new RecordFrame();
}

/** To be asked at once: it reads the context, and what it holds belongs to the capture. */
export abstract class Draft<Event extends RequestEvent | HttpCallEvent = RequestEvent | HttpCallEvent> {
  readonly level = "API";
  readonly name = "audit.request";
  #line: string | undefined;
  #record: AuditRecord | undefined;

  /** @param extra - the application's fields for every record */
  constructor(
    protected readonly event: Event,
    protected readonly stamp: Stamp,
    protected readonly extra: Readonly<Record<string, unknown>>,
  ) {}

  /** As `encodeLine` gives it for the record; by the short way, where there is one. */
  line(redactor: Redactor): string {
    return (this.#line ??= this.shortLine(redactor) ?? encodeLine(this.record(), redactor));
  }

  /** What the line is made of, packed; `undefined` if it must be made at once, or is there already. */
  packed(packer: Packer): PartsFrame | RecordFrame | undefined {
    return this.#line === undefined ? this.packedBy(packer) : undefined;
  }

  record(): AuditRecord {
    if (this.#record === undefined) {
      this.#record = this.built();
      this.#record.extra = { ...this.extra, ...this.#record.extra };
    }
    return this.#record;
  }

  protected abstract shortLine(redactor: Redactor): string | undefined;
  protected abstract packedBy(packer: Packer): PartsFrame | RecordFrame | undefined;
  protected abstract built(): AuditRecord;
}

/** A request that came in. */
export class RequestDraft extends Draft<RequestEvent> {
  protected shortLine(redactor: Redactor): string | undefined {
    return redactor.requests.line(this.event, this.stamp, this.extra);
  }

  protected packedBy({ request }: Packer): RequestFrame | undefined {
    return request.pack(this.event, this.stamp.serviceName, this.extra) ? request : undefined;
  }

  protected built(): AuditRecord {
    return buildRequest(this.event, this.stamp);
  }
}

/** A call that went out by HTTP. */
export class CallDraft extends Draft<HttpCallEvent> {
  protected shortLine(redactor: Redactor): string | undefined {
    return redactor.calls.line(this.event, this.stamp, this.extra);
  }

  /* Where its parts are unusual, its record, which is made sooner than its line. */
  protected packedBy({ call, record }: Packer): PartsFrame | RecordFrame | undefined {
    if (call.pack(this.event, this.stamp.serviceName, this.extra)) return call;
    return record.pack(this.record()) ? record : undefined;
  }

  protected built(): AuditRecord {
    return buildCall(this.event, this.stamp);
  }
}
