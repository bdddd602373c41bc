/**
 * The line of an HTTP call that went out, made of pieces of text that are JSON already, as `request-line.ts` makes those
 * of requests that came in: `buildCall` and `encode` say what it is, and what is unusual is left to them.
 *
 * @module
 */
import type { CapturedBody, HttpCallEvent } from "../capture/event.js";
import { isCapturedBody } from "./body.js";
import { merged, type Stamp } from "./common.js";
import { errorMessage } from "./error.js";
import { type HeadText, HeadTexts, quoted, quotedOrNull } from "./head-text.js";
import { cutUrl } from "./http.js";
import { LastText, LineParts, type LineTools } from "./line-parts.js";
import { seconds } from "./timestamp.js";

const NAMES =
  "user extra error_message request_repr response_repr method endpoint query_params headers body status_code";

export class CallLines {
  private readonly parts: LineParts;
  /* Each remembers the order of the headers that it saw last. */
  private readonly askedHeads: HeadTexts;
  private readonly answeredHeads: HeadTexts;
  private readonly service = new LastText();
  private readonly handler = new LastText();

  constructor(tools: LineTools) {
    this.parts = new LineParts(tools, NAMES);
    this.askedHeads = new HeadTexts(tools.rules.keys, tools.check);
    this.answeredHeads = new HeadTexts(tools.rules.keys, tools.check);
  }

  /**
   * The line, or `undefined` for a call that must go the long way.
   *
   * @param extra - the application's fields for every record
   */
  line(event: HttpCallEvent, stamp: Stamp, extra: Readonly<Record<string, unknown>>): string | undefined {
    if (!this.parts.possible || event.redirectedTo !== null || event.attempts.length > 1) return undefined;
    try {
      return this.made(event, stamp, extra);
    } catch {
      // Code of the application's ran into us.
      return undefined;
    }
  }

  private made(
    event: HttpCallEvent,
    stamp: Stamp,
    extra: Readonly<Record<string, unknown>>,
  ): string | undefined {
    const { context } = event;
    const { parts } = this;
    const hider = parts.begin();
    const asked = this.askedHeads.of(event.requestHeaders, hider, "/request_repr/headers");
    const answered = asked && this.answeredHeads.of(event.responseHeaders, hider, "/response_repr/headers");
    if (!answered) return undefined;
    const { base, query } = cutUrl(event.url);
    const user = parts.user(context);
    const extraJson = parts.extra(extra, merged(context?.extra, event.extra));
    const error = errorMessage(event.error);
    const requestBody = this.body(event.requestBody, asked);
    const responseBody = this.body(event.responseBody, answered);
    const queryJson = parts.query(query);
    if (user === undefined || extraJson === undefined || queryJson === undefined) return undefined;
    if (requestBody === undefined || responseBody === undefined) return undefined;
    if (!parts.isClean(event.method, 1) || !parts.isClean(base, 1) || !parts.isClean(error, 0)) {
      return undefined;
    }

    const beginning = parts.beginning(
      {
        at: event.at,
        message: "Audit External Service",
        service: this.service.json(event.service || stamp.serviceName),
        user,
        recordId: event.recordId,
        parentId: context?.recordId ?? context?.parentId ?? null,
        outcome: event.outcome,
        extra: extraJson,
      },
      context,
    );
    const line =
      `${beginning}"request_type":"external",` +
      `"protocol":"${event.protocol}","request_repr":{"method":${quoted(event.method)},"endpoint":${quoted(base)},` +
      `"query_params":${queryJson},"headers":${asked.json},"body":${requestBody}},` +
      `"response_repr":{"status_code":${event.status},"headers":${answered.json},"body":${responseBody}},` +
      `"error_message":${quotedOrNull(error)},"execution_time":${seconds(event.durationMs)},"route":null,` +
      `"handler":${this.handler.json(event.handler)}}`;
    return parts.finished(line, requestBody.length + responseBody.length);
  }

  private body(body: unknown, { contentType, contentEncoding }: HeadText): string | undefined {
    if (body === null || body === undefined) return "null";
    if (typeof body === "string") return this.parts.textBody(body, contentType);
    return isCapturedBody(body)
      ? this.parts.body(body as CapturedBody, contentType, contentEncoding)
      : this.parts.plainBody(body);
  }
}
