/**
 * The raw parts of a request that came in, as a frame.
 *
 * @module
 */
import type { RequestEvent } from "../capture/event.js";
import { errorMessage } from "./error.js";
import {
  extraText,
  MAX_PARTS,
  ordinary,
  OWN_NUMBERS,
  PartsFrame,
  PartsReader,
  unpackedContext,
  userText,
} from "./parts-frame.js";
import { isEmpty } from "./plain.js";
import type { Outcome } from "./types.js";

/** The first byte of a packed request. */
export const REQUEST_FRAME = 2;

const AT = OWN_NUMBERS;
const DURATION = OWN_NUMBERS + 1;
const STATUS = OWN_NUMBERS + 2;
/** Before the headers. */
const OWN_PARTS = 17;

/** Packs requests. */
export class RequestFrame extends PartsFrame {
  constructor() {
    super(REQUEST_FRAME);
  }

  /**
   * Takes the parts of a request. False for one whose line must be made at once: something of it is no text, or runs
   * code of the application's.
   *
   * @param extra - the application's fields for every record
   */
  pack(event: RequestEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    try {
      return this.#pack(event, serviceName, extra);
    } catch {
      // Code of the application's ran into us.
      return false;
    }
  }

  #pack(event: RequestEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    const { context, responseHeaders, requestHeaders, requestBody, responseBody } = event;
    if (requestHeaders.length > MAX_PARTS - OWN_PARTS || requestBody?.parts || responseBody?.parts)
      return false;
    const head = typeof responseHeaders === "string" ? responseHeaders : null;
    if (head === null && !isEmpty(event.responseHeaders as object)) return false;
    const user = userText(context);
    const own = event.action === null ? event.extra : { action: event.action, ...event.extra };
    const fields = extraText(extra, context?.extra, own);
    if (user === undefined || fields === undefined) return false;

    const { parts, numbers } = this;
    parts.length = 0;
    parts.push(
      event.recordId,
      serviceName,
      ordinary(event.method),
      event.url,
      event.protocol,
      event.clientIp,
      event.outcome,
      errorMessage(event.error),
      event.route,
      event.handler,
      context?.requestId ?? null,
      context?.parentId ?? null,
      context?.traceId ?? null,
      context?.spanId ?? null,
      user,
      fields,
      head,
    );
    for (const part of requestHeaders) parts.push(part);
    numbers[AT] = event.at;
    numbers[DURATION] = event.durationMs;
    numbers[STATUS] = event.status ?? -1;
    return this.packed(requestBody, responseBody);
  }
}

/** A request as it was packed, and the service that it came to. */
export interface UnpackedRequest {
  readonly event: RequestEvent;
  readonly serviceName: string;
}

/**
 * @param frame - bytes that nobody else changes
 * @throws RangeError if they are no frame
 */
export function unpackRequest(frame: Buffer): UnpackedRequest {
  const from = new PartsReader(frame);
  const recordId = from.text();
  const serviceName = from.text();
  const method = from.text();
  const url = from.text();
  const protocol = from.next() as RequestEvent["protocol"];
  const clientIp = from.next();
  const outcome = from.next() as Outcome;
  const error = from.next();
  const route = from.next();
  const handler = from.next();
  const context = unpackedContext({
    requestId: from.next(),
    recordId,
    parentId: from.next(),
    traceId: from.next(),
    spanId: from.next(),
    user: from.next(),
  });
  const extra = from.next();
  const head = from.next();
  const status = from.number(STATUS);
  const event: RequestEvent = {
    kind: "request",
    context,
    at: from.number(AT),
    recordId,
    method,
    url,
    protocol,
    clientIp,
    requestHeaders: from.list(from.count - OWN_PARTS),
    requestBody: from.requestBody,
    status: status < 0 ? null : status,
    responseHeaders: head ?? {},
    responseBody: from.responseBody,
    outcome,
    error,
    durationMs: from.number(DURATION),
    route,
    handler,
    action: null,
    extra: extra === null ? {} : (JSON.parse(extra) as Record<string, unknown>),
  };
  return { event, serviceName };
}
