/**
 * One call as the application makes it: what was asked, each attempt at it, and how it ended.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type {
  AxiosAdapter,
  AxiosError,
  AxiosInstance,
  AxiosResponse,
  InternalAxiosRequestConfig,
} from "axios";
import type { CallFrame } from "../../context/context.js";
import { callAsPart } from "../../context/run.js";
import { guarded } from "../../health.js";
import type { Outcome } from "../../record/types.js";
import { Call, outcomeOfAnswer, type CallOptions } from "../call.js";
import type { Emit } from "../capture.js";
import type { CallAttempt, HttpCallEvent } from "../event.js";
import { Passing, type StreamEnd } from "../passing.js";
import type { UnderWay } from "../under-way.js";
import type { FindAdapter } from "./adapter.js";
import {
  answeredText,
  bodyOf,
  headersOf,
  isJsonOf,
  metBy,
  redirectedTo,
  sendOn,
  statusOf,
  bodyHeaders,
  StreamedBody,
  urlOf,
  type Message,
} from "./message.js";

/** An instance that is captured. */
export interface AxiosTarget {
  readonly instance: AxiosInstance;
  readonly emit: Emit;
  readonly options: CallOptions;
  readonly live: UnderWay<LogicalCall>;
  readonly findAdapter: FindAdapter;
}

/** One attempt at a call, as far as it has got. */
export interface Pass {
  /** As it was asked for, then as it went out. */
  config: InternalAxiosRequestConfig;
  start: number;
  end: number | null;
  response: AxiosResponse | undefined;
  error: unknown;
  carrier: CallFrame | undefined;
  sent: StreamedBody | undefined;
  received: StreamedBody | undefined;
  /** The answer as the adapter gave it, if that was a text. */
  text: string | undefined;
  /** Copied before the application's interceptors can change it; of a stream, what passed of it is told instead. */
  responseBody: unknown;
}

export class LogicalCall {
  place = -1;
  readonly #target: AxiosTarget;
  /** Whether bodies are told. */
  readonly #full: boolean;
  readonly #call: Call<HttpCallEvent>;
  readonly #frame: CallFrame = { call: this, carries: false };
  readonly #passes: Pass[] = [];

  constructor(target: AxiosTarget, detail: CallOptions["detail"]) {
    this.#target = target;
    this.#full = detail === "full";
    this.#call = new Call(target.emit, target.options);
    target.live.add(this);
  }

  /**
   * Whether a request made inside this call is another attempt at it: the same method and address on the same
   * instance, once an attempt has been answered. One that asks for another page has other parameters.
   */
  takes(target: AxiosTarget, config: InternalAxiosRequestConfig): boolean {
    if (target !== this.#target || this.#call.ended) return false;
    return this.#passes.some((pass) => pass.end !== null && sameRequest(pass.config, config));
  }

  enter(config: InternalAxiosRequestConfig): Pass {
    const start = performance.now();
    const pass: Pass = {
      config,
      start,
      end: null,
      response: undefined,
      error: null,
      carrier: undefined,
      sent: undefined,
      received: undefined,
      text: undefined,
      responseBody: null,
    };
    this.#passes.push(pass);
    return pass;
  }

  /** Runs an interceptor of the application's. */
  inside(handler: (value: unknown) => unknown, self: unknown, value: unknown): unknown {
    if (this.#call.ended) return Reflect.apply(handler, self, [value]);
    return callAsPart(this.#call.recordId, this.#frame, handler, self, [value]);
  }

  going(pass: Pass, config: InternalAxiosRequestConfig): void {
    pass.config = config;
    pass.start = performance.now();
    const trace = this.#call.traceHeaders();
    if (trace.length > 0) sendOn(config, trace);
  }

  /** Runs the adapter; requests that it makes are this call, until it has answered. */
  transport(pass: Pass, adapter: AxiosAdapter, sent: InternalAxiosRequestConfig): ReturnType<AxiosAdapter> {
    pass.config = sent;
    pass.sent = guarded("capture.axios", () => this.#streamed(sent.data, sent, false));
    const frame: CallFrame = { call: this, carries: true };
    pass.carrier = frame;
    const { recordId } = this.#call;
    // Where Node tells of a request only when it has been written, that is when the stream has ended.
    if (pass.sent) pass.sent.passing.around = (tell) => callAsPart(recordId, frame, tell, undefined, []);
    const answer = callAsPart(recordId, frame, adapter, undefined, [sent]) as ReturnType<AxiosAdapter>;
    if (this.#full) answeredText(answer, (text) => (pass.text = text));
    return answer;
  }

  answered(pass: Pass, response: AxiosResponse | undefined, error: unknown): void {
    pass.end = performance.now();
    if (pass.carrier) pass.carrier.carries = false;
    pass.response = response;
    pass.error = error;
    const config = response?.config;
    // An adapter of the application's may have sent another request than it was given, or tell nothing of it.
    if (config && (config.url !== undefined || !pass.carrier)) pass.config = config;
    pass.received = this.#streamed(response?.data, response, true);
    if (!pass.received)
      pass.responseBody = isJsonOf(pass.text, response) ? pass.text : this.#body(response?.data);
  }

  settled(error: unknown, rejected: boolean): void {
    const status = this.#status;
    if (rejected) return this.#end(error, outcomeOfError(error, status));
    const streaming = this.#last?.received?.passing;
    if (!streaming || streaming.end) return this.#answeredWhole(streaming?.end ?? null);
    // The application has the stream now, and the call lasts until it has ended.
    streaming.ended = (end) => this.#answeredWhole(end);
  }

  /** The capture ends before the call does. */
  giveUp(): void {
    this.#end(null, "unknown");
    for (const { sent, received } of this.#passes) {
      sent?.passing.undo();
      received?.passing.undo();
    }
  }

  /** @param end - how the answer's stream ended; `null` if it was none */
  #answeredWhole(end: StreamEnd | null): void {
    const outcome = outcomeOfAnswer(this.#status);
    if (end === null || end.how === "whole" || outcome !== "success") this.#end(null, outcome);
    else if (end.how === "left") this.#end(null, "aborted");
    else this.#end(end.error, outcomeOfError(end.error, null));
  }

  get #status(): number | null {
    return statusOf(this.#last?.response);
  }

  /** The attempt that counts: the last that was answered, else the last. */
  get #last(): Pass | undefined {
    return this.#passes.findLast(({ end }) => end !== null) ?? this.#passes.at(-1);
  }

  #end(error: unknown, outcome: Outcome): void {
    this.#target.live.delete(this);
    this.#call.end(() => {
      const pass = this.#last;
      const { config, response } = pass ?? { config: {} as InternalAxiosRequestConfig };
      const request = response?.request ?? (error as Partial<AxiosError> | null)?.request;
      const met = metBy(request);
      const url = urlOf(this.#target.instance, config, request);
      return {
        protocol: url.startsWith("https:") ? "https" : "http",
        method: (config.method ?? "get").toUpperCase(),
        url,
        requestHeaders: headersOf(config.headers),
        requestBody: this.#bodyPassed(pass?.sent) ?? this.#body(config.data),
        status: statusOf(response) ?? met.statusCode ?? null,
        responseHeaders: headersOf(response?.headers ?? met.headers),
        responseBody: this.#bodyPassed(pass?.received) ?? pass?.responseBody ?? null,
        redirectedTo: redirectedTo(request),
        attempts: this.#passes.map(attemptOf),
        outcome,
        error,
      };
    });
  }

  #body(data: unknown): unknown {
    return this.#full ? bodyOf(data, this.#target.options.snapshot) : null;
  }

  #bodyPassed(body: StreamedBody | undefined): unknown {
    return this.#full ? body?.told() : null;
  }

  #streamed(data: unknown, message: Message | undefined, received: boolean): StreamedBody | undefined {
    if (typeof data !== "object" || data === null) return undefined;
    const passing = Passing.of(data, this.#full, received);
    return passing && new StreamedBody(passing, bodyHeaders(message));
  }
}

function sameRequest(one: InternalAxiosRequestConfig, other: InternalAxiosRequestConfig): boolean {
  return (
    one.method?.toLowerCase() === other.method?.toLowerCase() &&
    one.baseURL === other.baseURL &&
    one.url === other.url &&
    sameParams(one.params, other.params)
  );
}

/** Of any two `URLSearchParams` Node says that they are equal: what is in them is in private fields. */
function sameParams(one: unknown, other: unknown): boolean {
  if (one instanceof URLSearchParams && other instanceof URLSearchParams)
    return String(one) === String(other);
  return isDeepStrictEqual(one, other);
}

function attemptOf({ start, end, response, error }: Pass): CallAttempt {
  return {
    status: statusOf(response),
    error,
    durationMs: (end ?? performance.now()) - start,
  };
}

function outcomeOfError(error: unknown, status: number | null): Outcome {
  const code = (error as Partial<AxiosError> | null)?.code;
  if (code === "ERR_CANCELED") return "aborted";
  return status === null ? "failure" : outcomeOfAnswer(Math.max(status, 400));
}
