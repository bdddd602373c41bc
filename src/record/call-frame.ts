/**
 * The raw parts of an HTTP call that went out, as a frame.
 *
 * @module
 */
import type { CapturedBody, HttpCallEvent, SeenHeaders } from "../capture/event.js";
import { isCapturedBody } from "./body.js";
import { errorMessage } from "./error.js";
import {
  extraText,
  ordinary,
  OWN_NUMBERS,
  PartsFrame,
  PartsReader,
  unpackedContext,
  userText,
} from "./parts-frame.js";
import { type Fields, put } from "./plain.js";
import type { Outcome } from "./types.js";

/** The first byte of a packed call. */
export const CALL_FRAME = 3;

const AT = OWN_NUMBERS;
const DURATION = OWN_NUMBERS + 1;
const STATUS = OWN_NUMBERS + 2;
/** Forms of headers and bodies, `FORM_BITS` each. */
const FORMS = OWN_NUMBERS + 3;
/** How many parts the headers of the request are; those of the answer are the rest. */
const ASKED = OWN_NUMBERS + 4;
/** Before the headers. */
const OWN_PARTS = 16;

/* Headers: the text that went over the wire, a list, an object of texts, or one of other values as JSON. */
const HEAD = 0;
const LIST = 1;
const TEXTS = 2;
/* Bodies: none, bytes, a text, a plain value as JSON. */
const NOTHING = 0;
const BYTES = 1;
const TEXT = 2;
/* Either. */
const JSON_TEXT = 3;
const FORM_BITS = 2;
const FORM = 3;
const NO_FORM = -1;

/** Packs calls. */
export class CallFrame extends PartsFrame {
  constructor() {
    super(CALL_FRAME);
  }

  /**
   * Takes the parts of a call. False for one that is unusual: it had several attempts, its answer a form with files;
   * or something of it runs code of the application's.
   *
   * @param extra - the application's fields for every record
   */
  pack(event: HttpCallEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    if (event.redirectedTo !== null || event.attempts.length > 1) return false;
    try {
      return this.#pack(event, serviceName, extra);
    } catch {
      // Code of the application's ran into us.
      return false;
    }
  }

  #pack(event: HttpCallEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    const { context, requestBody, responseBody } = event;
    const user = userText(context);
    const fields = extraText(extra, context?.extra, event.extra);
    if (user === undefined || fields === undefined) return false;

    const { parts, numbers } = this;
    const sent = formOf(requestBody);
    const received = formOf(responseBody);
    if (sent === NO_FORM || received === NO_FORM) return false;
    parts.length = 0;
    parts.push(
      event.recordId,
      event.service || serviceName,
      ordinary(event.method),
      event.url,
      event.protocol,
      event.outcome,
      errorMessage(event.error),
      event.handler,
      context?.requestId ?? null,
      context?.recordId ?? context?.parentId ?? null,
      context?.traceId ?? null,
      context?.spanId ?? null,
      user,
      fields,
      bodyText(sent, requestBody),
      bodyText(received, responseBody),
    );
    const asked = this.#headers(event.requestHeaders);
    numbers[ASKED] = parts.length - OWN_PARTS;
    const answered = this.#headers(event.responseHeaders);
    if (asked === NO_FORM || answered === NO_FORM) return false;
    numbers[AT] = event.at;
    numbers[DURATION] = event.durationMs;
    numbers[STATUS] = event.status ?? -1;
    numbers[FORMS] =
      asked | (answered << FORM_BITS) | (sent << (2 * FORM_BITS)) | (received << (3 * FORM_BITS));
    return this.packed(
      sent === BYTES ? (requestBody as CapturedBody) : null,
      received === BYTES ? (responseBody as CapturedBody) : null,
    );
  }

  /** @returns the form in which they are among the parts now */
  #headers(headers: SeenHeaders): number {
    const { parts } = this;
    if (typeof headers === "string") {
      parts.push(headers);
      return HEAD;
    }
    if (Array.isArray(headers)) {
      for (const part of headers as readonly string[]) parts.push(part);
      return LIST;
    }
    const before = parts.length;
    for (const name of Object.keys(headers)) {
      const value = (headers as Fields)[name];
      if (typeof value !== "string") {
        parts.length = before;
        return this.#otherHeaders(headers as Fields);
      }
      parts.push(name, value);
    }
    return TEXTS;
  }

  #otherHeaders(headers: Fields): number {
    for (const name of Object.keys(headers)) if (!isPlain(headers[name])) return NO_FORM;
    this.parts.push(JSON.stringify(headers));
    return JSON_TEXT;
  }
}

/** A text, or a list of texts, as the header `set-cookie` is. */
function isPlain(value: unknown): boolean {
  return (
    typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"))
  );
}

function formOf(body: unknown): number {
  if (body === null || body === undefined) return NOTHING;
  if (typeof body === "string") return TEXT;
  if (isCapturedBody(body)) return body.parts ? NO_FORM : BYTES;
  // What JSON would be asked of the application's here, it could not be in another thread.
  return "toJSON" in Array.prototype ? NO_FORM : JSON_TEXT;
}

function bodyText(form: number, body: unknown): string | null {
  if (form === TEXT) return body as string;
  return form === JSON_TEXT ? JSON.stringify(body) : null;
}

/** A call as it was packed, and what its record is told as its service. */
export interface UnpackedCall {
  readonly event: HttpCallEvent;
  readonly serviceName: string;
}

/**
 * @param frame - bytes that nobody else changes
 * @throws RangeError if they are no frame
 */
export function unpackCall(frame: Buffer): UnpackedCall {
  const from = new PartsReader(frame);
  const forms = from.number(FORMS);
  const recordId = from.text();
  const serviceName = from.text();
  const method = from.text();
  const url = from.text();
  const protocol = from.next() as HttpCallEvent["protocol"];
  const outcome = from.next() as Outcome;
  const error = from.next();
  const handler = from.next();
  const context = unpackedContext({
    requestId: from.next(),
    recordId: from.next(),
    parentId: null,
    traceId: from.next(),
    spanId: from.next(),
    user: from.next(),
  });
  const extra = from.next();
  const requestBody = unpackedBody(forms >> (2 * FORM_BITS), from.next(), from.requestBody);
  const responseBody = unpackedBody(forms >> (3 * FORM_BITS), from.next(), from.responseBody);
  const asked = from.number(ASKED);
  const requestHeaders = unpackedHeaders(forms, from.list(asked));
  const responseHeaders = unpackedHeaders(forms >> FORM_BITS, from.list(from.count - OWN_PARTS - asked));
  const status = from.number(STATUS);
  const event: HttpCallEvent = {
    kind: "call",
    context,
    at: from.number(AT),
    service: serviceName,
    recordId,
    protocol,
    method,
    url,
    requestHeaders,
    requestBody,
    status: status < 0 ? null : status,
    responseHeaders,
    responseBody,
    redirectedTo: null,
    attempts: [],
    outcome,
    error,
    durationMs: from.number(DURATION),
    handler,
    extra: extra === null ? {} : (JSON.parse(extra) as Record<string, unknown>),
  };
  return { event, serviceName };
}

function unpackedBody(form: number, text: string | null, bytes: CapturedBody | null): unknown {
  switch (form & FORM) {
    case BYTES:
      return bytes;
    case TEXT:
      return text;
    case JSON_TEXT:
      return JSON.parse(text!) as unknown;
    default:
      return null;
  }
}

function unpackedHeaders(form: number, parts: readonly string[]): SeenHeaders {
  switch (form & FORM) {
    case HEAD:
      return parts[0]!;
    case LIST:
      return parts;
    case JSON_TEXT:
      return JSON.parse(parts[0]!) as Fields;
    default: {
      const headers: Fields = {};
      for (let index = 0; index < parts.length; index += 2) put(headers, parts[index]!, parts[index + 1]!);
      return headers;
    }
  }
}
