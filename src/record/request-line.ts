/**
 * The line of a request that came in, made of pieces of text that are JSON already.
 *
 * `buildRequest` and `encode` say what the line is; this says the same for the usual request at half of the
 * cost (10 instead of 19 µs for a request of 1.6 KB on Node 20, from event to ring), since it neither parses bodies
 * nor makes objects of headers only to write both as JSON again. It gives up, and leaves the request to those two, whenever something in it is
 * unusual or might have to be hidden by more than the name of a header. A spec holds both ways against each other.
 *
 * @module
 */
import type { Actor, AuditContext } from "../context/context.js";
import { types } from "node:util";
import type { CapturedBody, RequestEvent } from "../capture/event.js";
import { bodyOf, isPlainJson, joined } from "./body.js";
import type { CleanCheck } from "./clean.js";
import { actorOf, merged, type Stamp, userOf } from "./common.js";
import { errorMessage } from "./error.js";
import { type HeadText, HeadTexts, quoted, quotedOrNull } from "./head-text.js";
import { Hider, type Pseudonym } from "./hide.js";
import { cutUrl, formFields, PLAIN_FORM } from "./http.js";
import { JsonScan } from "./json-scan.js";
import { isEmpty } from "./plain.js";
import { LIMITS, MAX_IDENTIFIER, type Limits, VALUE_COST } from "./limits.js";
import { hasEcho } from "./sweep.js";
import { formatTimestamp, seconds } from "./timestamp.js";
import type { Rules } from "./walk.js";

/** The names in a request's record under which something foreign stands. A policy may hide those too. */
const NAMES =
  "user extra error_message request_repr response_repr method path query_params headers body client_ip status_code";
/** Of `Limits.total`, for the two bodies; the rest of the line may have a fifth of the whole in characters. */
const BODIES = 2;
/** Fields of an actor that is written by hand. */
const MAX_FLAT = 32;
const REST = 5;

export class RequestLines {
  private readonly heads: HeadTexts;
  private readonly scan: JsonScan;
  /** Policies that look into numbers, or allow little, are for the walk. */
  private readonly possible: boolean;
  private readonly service = new LastText();
  private readonly route = new LastText();
  private readonly handler = new LastText();
  private left = 0;

  constructor(
    private readonly rules: Rules,
    private readonly limits: Limits,
    private readonly check: CleanCheck,
    private readonly pseudonym: Pseudonym | null,
  ) {
    this.heads = new HeadTexts(rules.keys, check);
    this.scan = new JsonScan(rules, limits);
    this.possible =
      !rules.forms.inNumbers &&
      NAMES.split(" ").every((name) => rules.keys.actionOf(name) === "keep") &&
      (Object.keys(LIMITS) as (keyof Limits)[]).every((name) => limits[name] >= LIMITS[name]);
  }

  /**
   * The line, or `undefined` for a request that must go the long way.
   *
   * @param extra - the application's fields for every record
   */
  line(event: RequestEvent, stamp: Stamp, extra: Readonly<Record<string, unknown>>): string | undefined {
    if (!this.possible) return undefined;
    try {
      return this.made(event, stamp, extra);
    } catch {
      // Code of the application's ran into us.
      return undefined;
    }
  }

  private made(
    event: RequestEvent,
    stamp: Stamp,
    extra: Readonly<Record<string, unknown>>,
  ): string | undefined {
    const { context, route } = event;
    if (route !== null && this.rules.keys.hidesPartOf(route)) return undefined;
    this.check.begin();
    this.left = this.limits.total / BODIES;

    const hider = new Hider(this.pseudonym);
    const asked = this.heads.ofList(event.requestHeaders, hider, "/request_repr/headers");
    const answered = asked && this.answerHead(event, hider);
    if (!answered) return undefined;
    const { contentType, contentEncoding } = answered;
    const { base, query } = cutUrl(event.url);
    const user = this.userJson(context);
    const own = event.action === null ? event.extra : { action: event.action, ...event.extra };
    const extraJson = this.extraJson(extra, merged(context?.extra, own));
    const error = errorMessage(event.error);
    const requestBody = this.bodyJson(event.requestBody, asked.contentType, asked.contentEncoding);
    const responseBody = this.bodyJson(event.responseBody, contentType, contentEncoding);
    const queryJson = query === "" ? "{}" : this.queryJson(query);
    if (user === undefined || extraJson === undefined || queryJson === undefined) return undefined;
    if (requestBody === undefined || responseBody === undefined) return undefined;
    if (!this.check.part(event.method, 1) || !this.check.part(base, 1)) return undefined;
    if (!this.check.part(error, 0) || !this.check.part(event.clientIp, 1)) return undefined;

    const { findings, echoes } = hider;
    const redacted =
      findings.length === 0 ? "" : `"redacted":[${findings.map(({ path }) => quoted(path)).join()}],`;
    const line =
      `{"timestamp":"${formatTimestamp(event.at)}","level":"API","name":"audit.request",` +
      `"message":"Audit Internal Request","service_name":${this.service.json(stamp.serviceName)},"user":${user},` +
      `"record_id":"${event.recordId}","schema":1,` +
      `"request_id":${identifier(context?.requestId ?? null)},"parent_id":${identifier(context?.parentId ?? null)},` +
      `"trace_id":${identifier(context?.traceId ?? null)},"span_id":${identifier(context?.spanId ?? null)},` +
      `"outcome":"${event.outcome}","extra":${extraJson},${redacted}"request_type":"internal",` +
      `"protocol":"${event.protocol}","request_repr":{"method":${quoted(event.method)},"path":${quoted(base)},` +
      `"query_params":${queryJson},"headers":${asked.json},"user":${user},"body":${requestBody},` +
      `"client_ip":${quotedOrNull(event.clientIp)}},"response_repr":{"status_code":${event.status},` +
      `"headers":${answered.json},"body":${responseBody}},"error_message":${quotedOrNull(error)},` +
      `"execution_time":${seconds(event.durationMs)},"route":${this.route.json(route)},` +
      `"handler":${this.handler.json(event.handler)}}`;
    if (line.length - requestBody.length - responseBody.length > this.limits.total / REST) return undefined;
    // What was hidden stands elsewhere in the record too.
    return echoes && hasEcho(line, echoes) ? undefined : line;
  }

  private answerHead(event: RequestEvent, hider: Hider): HeadText | undefined {
    const parent = "/response_repr/headers";
    const { responseHeaders } = event;
    if (typeof responseHeaders === "string") return this.heads.ofHead(responseHeaders, hider, parent);
    return isEmpty(responseHeaders) ? this.heads.ofList([], hider, parent) : undefined;
  }

  private userJson(context: AuditContext | undefined): string | undefined {
    const actor = actorOf(context);
    return actor === null ? "null" : (this.flatJson(actor) ?? this.checkedJson(userOf(actor), 0));
  }

  /**
   * Of an actor that is a plain object of texts and numbers, its id first. Of any other, `undefined`: nothing is
   * read but fields that are values, so no getter runs.
   */
  private flatJson(actor: Actor): string | undefined {
    if (types.isProxy(actor) || Object.getPrototypeOf(actor) !== Object.prototype) return undefined;
    const keys = Object.keys(actor);
    if (keys.length > MAX_FLAT) return undefined;
    let json = "";
    for (const key of keys) {
      const value: unknown = Object.getOwnPropertyDescriptor(actor, key)?.value;
      if (json === "" && key !== "id") return undefined;
      if (this.rules.keys.actionOf(key) !== "keep" || !this.check.part(value, 1)) return undefined;
      if (typeof value === "string") json += `,${quoted(key)}:${quoted(value)}`;
      else if (typeof value === "number") json += `,${quoted(key)}:${value}`;
      else return undefined;
    }
    return json === "" ? undefined : `{${json.slice(1)}}`;
  }

  /** As `formFields` reads it, where no name comes twice. */
  private queryJson(query: string): string | undefined {
    const pairs = PLAIN_FORM.test(query) ? query.split("&") : [];
    if (pairs.length !== 1) return this.checkedJson(formFields(query), 1);
    const equals = query.indexOf("=");
    const name = equals === -1 ? query : query.slice(0, equals);
    const value = equals === -1 ? "" : query.slice(equals + 1);
    if (this.rules.keys.actionOf(name) !== "keep" || !this.check.part(value, 2)) return undefined;
    return `{${quoted(name)}:${quoted(value)}}`;
  }

  private extraJson(every: object, own: object): string | undefined {
    if (isEmpty(every)) return isEmpty(own) ? "{}" : this.checkedJson(own, 0);
    return this.checkedJson({ ...every, ...own }, 0);
  }

  private bodyJson(
    body: CapturedBody | null,
    contentType: string,
    contentEncoding: string,
  ): string | undefined {
    if (body === null || body.bytes === 0) return "null";
    if (!body.truncated && !body.parts && contentEncoding === "" && isPlainJson(contentType)) {
      const text = this.scan.read(joined(body.chunks), this.left);
      if (text !== undefined) {
        this.left = this.scan.left;
        return text;
      }
    }
    this.left -= body.bytes + VALUE_COST;
    return this.left < 0 ? undefined : this.checkedJson(bodyOf(body, contentType, contentEncoding), 1);
  }

  /** A value as JSON, if there is nothing in it to hide. */
  private checkedJson(value: unknown, depth: number): string | undefined {
    return this.check.part(value, depth) ? JSON.stringify(value) : undefined;
  }
}

/** A text that is nearly always the one before. */
class LastText {
  private text: string | null = null;
  private last = "null";

  json(text: string | null): string {
    if (text !== this.text) {
      this.last = identifier(text);
      this.text = text;
    }
    return this.last;
  }
}

/** One of our own identifiers; longer ones are none. */
function identifier(text: string | null): string {
  if (text !== null && text.length > MAX_IDENTIFIER) throw new RangeError("too long");
  return quotedOrNull(text);
}
