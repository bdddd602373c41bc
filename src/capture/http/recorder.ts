/**
 * One request from its first to its last moment: takes what passes, what handlers tell, and how it ended, and
 * makes one event of it.
 *
 * @module
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { RequestFacts, RequestPart } from "../../context/context.js";
import { fault, guarded } from "../../health.js";
import type { Outcome } from "../../record/types.js";
import type { CapturedBody, RequestEvent } from "../event.js";
import { activityLine, type RequestValues } from "./activity.js";
import { BodyTee } from "./body.js";
import { isNoise, pathOf } from "./choice.js";
import { clientAddress, peerOf, plainAddress } from "./client-address.js";
import { merged, noFacts, sameClass } from "./facts.js";
import { receivedHeaders, sentHead, sentHeaders, sentStatus } from "./headers.js";
import { MultipartReader, multipartBoundary } from "./multipart.js";
import type { Detail, RequestPolicy } from "./options.js";
import { outcomeOfStatus } from "./outcome.js";
import { RequestScope } from "./scope.js";

/** What a framework knows better than the bare request; one object a framework. `source` is its own request. */
export interface Edge {
  /** The client's address as the framework's own proxy settings have it; asked where a proxy told one. */
  readonly clientIp?: (source: any) => string | undefined;
  /** Likewise. */
  readonly protocol?: (source: any) => string | undefined;
  /** For the activity line. Default: `params`, `query` and `body` of `source`. */
  readonly values?: (source: any) => RequestValues;
  /** Called when the request has ended: tells the matched route. */
  readonly describe?: (source: any, request: RequestPart) => void;
}

/** Who hears how a request ended; `null` instead of an event when it makes no record. */
export type Ended = (recorder: RequestRecorder, event: RequestEvent | null) => void;

export class RequestRecorder implements RequestPart {
  readonly context: RequestScope;
  /** True where `tee` had to watch the very object, and not its prototype. */
  ownMessage = false;
  /** Among the requests under way. */
  place = -1;
  ownResponse = false;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly #policy: RequestPolicy;
  readonly #headers: IncomingHttpHeaders;
  readonly #ended: Ended;
  readonly #path: string;
  readonly #url: string;
  readonly #began = performance.now();
  readonly #detail: Detail | null;
  #requestBody: BodyTee | null;
  #responseBody: BodyTee | null;
  readonly #encrypted: boolean;
  readonly #peer: string | null;
  #edge: Edge;
  #facts: RequestFacts = noFacts;
  #activity: string | null = null;
  #error: unknown = null;
  #answerEnded = false;
  #sent = false;
  #timeout: Error | null = null;
  #refusal: { readonly error: Error; readonly status: number | null } | null = null;
  #over = false;

  /** @param source - what the application's functions (`actor`, `tenant` …) are given */
  constructor(
    policy: RequestPolicy,
    message: IncomingMessage,
    response: ServerResponse,
    edge: Edge,
    source: unknown,
    ended: Ended,
  ) {
    this.#policy = policy;
    this.message = message;
    this.response = response;
    this.#edge = edge;
    this.#ended = ended;
    // Routers change `url` while they hand a request on; Express keeps the first one.
    this.#url = (message as { originalUrl?: string }).originalUrl ?? message.url ?? "/";
    this.#path = pathOf(this.#url);
    // A socket forgets its peer when it closes, and the request is recorded after that.
    const { headers, socket } = message;
    this.#headers = headers;
    this.#peer = peerOf(socket);
    this.#encrypted = (socket as { encrypted?: boolean } | null)?.encrypted === true;
    const recorded = policy.captures(this.#path, message);
    this.#detail = recorded ? policy.detail(this.#path, message) : null;
    this.#requestBody = this.#detail?.requestBody ? requestTee(headers, this.#detail.bodyLimit) : null;
    this.#responseBody = this.#detail?.responseBody ? new BodyTee(this.#detail.bodyLimit) : null;
    this.context = new RequestScope(policy, headers, source, this, recorded);
  }

  /** A framework found a request that its server has shown before. */
  adopt(edge: Edge, source: unknown): void {
    this.#edge = edge;
    this.context.source = source;
  }

  received(chunk: unknown, encoding: unknown): void {
    keep(this.#requestBody, chunk, encoding);
  }

  answered(chunk: unknown, encoding: unknown): void {
    if (!this.#answerEnded) keep(this.#responseBody, chunk, encoding);
  }

  /** With the last chunk, if there is one. What is written later is not sent; or it is this chunk, handed on. */
  answeredLast(chunk: unknown, encoding: unknown): void {
    this.answered(chunk, encoding);
    this.#answerEnded = true;
  }

  /** `end` threw, for a value that is no body: what is written next is the answer. */
  answersOn(): void {
    this.#answerEnded = false;
  }

  enrich(facts: RequestFacts): void {
    if (facts.ofClass && sameClass(facts, this.#facts)) return;
    this.#facts = merged(this.#facts, facts);
    if (facts.skipped) this.context.recordId = null;
    // The handler may log the person out: look before.
    if (facts.decorated) this.context.actor();
    // Filled in when the handler is entered: routers put `params` back when it has answered.
    if (facts.activity && !this.#activity) this.#activity = activityLine(facts.activity, this.#values());
  }

  failed(error: unknown): void {
    this.#error = error;
  }

  /** Nothing has passed for as long as the server allows; Node closes the connection, or the application decides. */
  timedOut(): void {
    this.#timeout = new Error("The server's timeout passed");
  }

  /** Node does not go on reading it, and answers in the application's place, if nothing was answered. */
  refused(error: Error, status: number | null): void {
    this.#refusal = { error, status };
  }

  /** All of the answer was handed to the operating system. */
  sent(): void {
    this.#sent = true;
  }

  /** The exchange is over, one way or the other. Later calls do nothing. */
  closed(): void {
    if (!this.#over) this.#tell(null);
  }

  /**
   * The request is done with. Where that is because its connection is gone, the response tells so itself, unless it was
   * waiting for an earlier one to be answered.
   */
  left(): void {
    if (!this.#sent && this.message.socket?.destroyed && !this.response.socket) this.closed();
  }

  /** The capture stops while the request is under way. */
  abandoned(): void {
    if (!this.#over) this.#tell("unknown");
  }

  /** @param outcome - `null`: as the exchange has ended */
  #tell(outcome: Outcome | null): void {
    this.#over = true;
    let event: RequestEvent | null = null;
    try {
      event = this.#event(outcome ?? this.#outcome());
    } catch (error) {
      fault("capture.http", error);
    }
    // What the request has started and leaves behind (a timer, a connection) keeps its context, and so all of this.
    this.#requestBody = null;
    this.#responseBody = null;
    try {
      this.#ended(this, event);
    } catch (error) {
      fault("capture.http", error);
    }
  }

  #outcome(): Outcome {
    if (this.#sent && !(this.ownResponse && brokenOff(this.response)))
      return outcomeOfStatus(sentStatus(this.response));
    const failed = this.#refusal !== null || this.#cutOff() || this.#brokenOffBy() !== null;
    return failed ? "failure" : "aborted";
  }

  /** The error by which the application broke its answer off. */
  #brokenOffBy(): Error | null {
    const errored = this.response.errored as NodeJS.ErrnoException | null | undefined;
    if (errored === undefined) return streamError(this.response);
    // Newer Nodes put this error on answers that were waiting for an earlier one when the client went.
    return errored?.code === "ECONNRESET" && !this.response.socket ? null : errored;
  }

  /** True when a timeout ended it on our side: a client that left said so, or its connection broke. */
  #cutOff(): boolean {
    const { socket } = this.message;
    return this.#timeout !== null && !socket.readableEnded && !socket.errored;
  }

  #event(outcome: Outcome): RequestEvent | null {
    if (this.#detail === null) return null;
    guarded("capture.http", () => this.#edge.describe?.(this.context.source, this));
    const facts = this.#facts;
    const { recordId } = this.context;
    const method = this.message.method ?? "GET";
    if (facts.skipped || recordId === null) return null;
    if (this.#policy.only === "decorated" && !facts.decorated) return null;
    if (outcome === "success" && isNoise(this.#policy.skip, method, this.#path)) return null;
    const bodies = facts.bodies !== false;
    const headers = facts.headers ?? this.#detail.headers;
    const refusal = this.#refusal;
    // What the application writes after Node has answered goes nowhere.
    const answered = refusal?.status == null && this.response.headersSent;
    const status = answered ? sentStatus(this.response) : (refusal?.status ?? null);
    return {
      kind: "request",
      context: this.context,
      at: Date.now(),
      recordId,
      method,
      url: this.#url,
      protocol: this.#protocol(),
      clientIp: this.#clientIp(),
      requestHeaders: headers ? this.#receivedHeaders() : bodyHeaders(this.#headers).flat(),
      requestBody: (bodies && this.#requestBody?.taken(this.#arrivedWhole())) || null,
      status,
      responseHeaders: this.#answeredHeaders(answered, headers),
      responseBody: (bodies && answered && this.#takenAnswer(method, status)) || null,
      outcome,
      error:
        refusal?.error ??
        this.#error ??
        this.#brokenOffBy() ??
        (outcome === "failure" && !this.#sent ? this.#timeout : null),
      durationMs: performance.now() - this.#began,
      route: facts.route ?? null,
      handler: facts.handler ?? null,
      action: facts.action ?? null,
      extra: this.#extra(outcome),
    };
  }

  #extra(outcome: Outcome): Readonly<Record<string, unknown>> {
    // A line that says what was done would be untrue of a request that failed.
    const done = this.#activity !== null && outcome === "success";
    const { extra } = this.#facts;
    if (!done && extra === undefined) return this.context.extra;
    return { ...this.context.extra, ...extra, ...(done && { activity: this.#activity }) };
  }

  /** Those of HTTP/2 are the only ones that differ, and its requests do not inherit what is watched. */
  #receivedHeaders(): readonly string[] {
    return this.ownMessage ? receivedHeaders(this.message) : this.message.rawHeaders;
  }

  #answeredHeaders(answered: boolean, all: boolean): RequestEvent["responseHeaders"] {
    if (!answered) return {};
    const head = all ? sentHead(this.response) : undefined;
    if (head !== undefined) return head;
    const headers = sentHeaders(this.response);
    return all ? headers : Object.fromEntries(bodyHeaders(headers));
  }

  #arrivedWhole(): boolean {
    const announced = this.#headers["content-length"];
    // Where the handler answered at once, Node has yet to say that the request is complete.
    if (announced !== undefined) return (this.#requestBody?.bytes ?? 0) >= Number(announced);
    // HTTP/2 calls complete what its client took back, too.
    const { message } = this;
    return message.complete && !(message.httpVersionMajor >= 2 && message.aborted);
  }

  /** Node drops what is written to an answer that has no body. */
  #takenAnswer(method: string, status: number | null): CapturedBody | null {
    if (this.#responseBody === null) return null;
    if (method === "HEAD" || status === 204 || status === 304) return noBody;
    return this.#responseBody.taken(true);
  }

  #protocol(): "http" | "https" {
    const told =
      "x-forwarded-proto" in this.#headers
        ? guarded("capture.http", () => this.#edge.protocol?.(this.context.source))
        : undefined;
    return this.#encrypted || told === "https" ? "https" : "http";
  }

  #clientIp(): string | null {
    const forwarded = this.#headers["x-forwarded-for"];
    if (forwarded === undefined) return this.#peer && plainAddress(this.#peer);
    const { trust } = this.#policy;
    if (trust) return clientAddress(this.#peer, String(forwarded), trust);
    // The application's own function of whom to trust may throw for what a client sends there.
    const told = guarded("capture.http", () => this.#edge.clientIp?.(this.context.source));
    // Koa says "" where nobody is known.
    const address = told || this.#peer;
    return address && plainAddress(address);
  }

  #values(): RequestValues {
    const { source } = this.context;
    const values = this.#edge.values?.(source) ?? (source as RequestValues);
    return { params: values.params, query: values.query, body: values.body, user: this.context.actor() };
  }
}

/** HTTP/2, whose answers do not inherit what is watched, says `finish` of every answer whose stream is gone, also where the client took it back. */
function brokenOff(response: ServerResponse): boolean {
  const { stream } = response as { stream?: { readonly rstCode?: number; readonly aborted?: boolean } };
  return stream !== undefined && (stream.aborted === true || (stream.rstCode ?? 0) !== 0);
}

/** What a stream of HTTP/2 was destroyed with; not what Node itself says when the client took it back, or is gone. */
function streamError(response: ServerResponse): Error | null {
  const { stream } = response as { stream?: { readonly errored?: NodeJS.ErrnoException | null } };
  const errored = stream?.errored ?? null;
  return errored !== null && !/^(?:ERR_HTTP2_|ECONNRESET$)/.test(errored.code ?? "") ? errored : null;
}

const noBody: CapturedBody = Object.freeze({ chunks: [], bytes: 0, truncated: false });

function requestTee(headers: IncomingHttpHeaders, limit: number): BodyTee {
  const tee = new BodyTee(limit);
  const boundary = multipartBoundary(headers["content-type"]);
  if (boundary !== null) tee.multipart = new MultipartReader(boundary, limit);
  return tee;
}

/** Without these two a body cannot be read; they are kept where headers are not. */
function bodyHeaders(headers: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(headers).filter(
    (header): header is [string, string] => bodyHeaderNames.has(header[0]) && typeof header[1] === "string",
  );
}

const bodyHeaderNames = new Set(["content-type", "content-encoding"]);

function keep(tee: BodyTee | null, chunk: unknown, encoding: unknown): void {
  try {
    tee?.add(chunk, encoding);
  } catch (error) {
    fault("capture.http_body", error);
  }
}
