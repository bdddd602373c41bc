/**
 * One request that goes out, from what is heard of it.
 *
 * @module
 */
import type { Outcome } from "../../record/types.js";
import { Call, outcomeOfAnswer, type CallOptions } from "../call.js";
import type { Emit } from "../capture.js";
import type { HttpCallEvent, SeenHeaders } from "../event.js";
import { BodyTee } from "../http/body.js";
import { contentTypeOf } from "../http/headers.js";
import { MultipartReader, multipartBoundary } from "../http/multipart.js";
import type { LiveCalls } from "./live-calls.js";

/** Begins a call of `request`, which goes to `path` at `origin`; none where it is not to be recorded. */
export type Begin = (request: object, origin: string, path: string) => OutboundCall | undefined;

/** What the calls to one service have in common. */
export interface OutboundKind {
  readonly live: LiveCalls<OutboundCall>;
  readonly emit: Emit;
  readonly options: CallOptions;
  /** How much is kept of each body, in bytes; `null`: bodies are not told. */
  readonly limit: number | null;
}

export class OutboundCall {
  place = -1;
  readonly #call: Call<HttpCallEvent>;
  readonly #request: object;
  readonly #url: string;
  readonly #kind: OutboundKind;
  #sent: BodyTee | null = null;
  #received: BodyTee | null = null;
  /** Whether the trace that came in is sent on with it. */
  propagates = false;
  method = "GET";
  requestHeaders: SeenHeaders = [];
  status: number | null = null;
  responseHeaders: SeenHeaders = [];

  /** @param request - as Node or undici know it; it is forgotten when the call has been told */
  constructor(request: object, url: string, kind: OutboundKind) {
    this.#call = new Call(kind.emit, kind.options);
    this.#request = request;
    this.#url = url;
    this.#kind = kind;
  }

  /** What is to be sent besides what the application sends; asked for while headers can still be added. */
  traceHeaders(): readonly (readonly [name: string, value: string])[] {
    return this.propagates ? this.#call.traceHeaders() : [];
  }

  sent(chunk: unknown): void {
    this.#sent ??= this.#tee(this.requestHeaders);
    this.#sent?.add(chunk);
  }

  received(chunk: unknown): void {
    this.#received ??= this.#tee(this.responseHeaders);
    this.#received?.add(chunk);
  }

  /** The answer has come, whole or not. */
  answered(whole: boolean): void {
    this.#end(whole ? outcomeOfAnswer(this.status) : "failure", null, whole);
  }

  failed(error: unknown, outcome: Outcome): void {
    this.#end(outcome, error, false);
  }

  giveUp(): void {
    this.#end("unknown", null, false);
  }

  #end(outcome: Outcome, error: unknown, whole: boolean): void {
    this.#kind.live.delete(this.#request, this);
    this.#call.end(() => ({
      protocol: this.#url.startsWith("https:") ? "https" : "http",
      method: this.method,
      url: this.#url,
      requestHeaders: this.requestHeaders,
      requestBody: this.#sent?.taken(whole) ?? null,
      status: this.status,
      responseHeaders: this.responseHeaders,
      responseBody: this.#received?.taken(whole) ?? null,
      redirectedTo: null,
      attempts: [],
      outcome,
      error,
    }));
  }

  #tee(headers: SeenHeaders): BodyTee | null {
    const { limit } = this.#kind;
    if (limit === null) return null;
    const tee = new BodyTee(limit);
    const boundary = multipartBoundary(contentTypeOf(headers));
    if (boundary !== null) tee.multipart = new MultipartReader(boundary, limit);
    return tee;
  }
}
