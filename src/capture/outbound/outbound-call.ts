/**
 * One request that goes out, from what is heard of it.
 *
 * @module
 */
import type { Outcome } from "../../record/types.js";
import { Call, outcomeOfAnswer, type CallOptions } from "../call.js";
import type { Emit } from "../capture.js";
import type { HttpCallEvent } from "../event.js";
import { BodyTee } from "../http/body.js";
import { MultipartReader, multipartBoundary } from "../http/multipart.js";

export type Headers = Readonly<Record<string, unknown>>;

export class OutboundCall {
  readonly #call: Call<HttpCallEvent>;
  readonly #url: string;
  readonly #limit: number | null;
  readonly #forget: () => void;
  #sent: BodyTee | null = null;
  #received: BodyTee | null = null;
  method = "GET";
  /** Lower-case name → value. */
  requestHeaders: Headers = {};
  status: number | null = null;
  responseHeaders: Headers = {};

  /**
   * @param limit - how much is kept of each body, in bytes; `null`: bodies are not told
   * @param forget - called when the call has been told
   */
  constructor(url: string, emit: Emit, options: CallOptions, limit: number | null, forget: () => void) {
    this.#call = new Call(emit, options);
    this.#url = url;
    this.#limit = limit;
    this.#forget = forget;
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
    this.#forget();
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

  #tee(headers: Headers): BodyTee | null {
    if (this.#limit === null) return null;
    const tee = new BodyTee(this.#limit);
    const type = headers["content-type"];
    const boundary = multipartBoundary(typeof type === "string" ? type : undefined);
    if (boundary !== null) tee.multipart = new MultipartReader(boundary, this.#limit);
    return tee;
  }
}
