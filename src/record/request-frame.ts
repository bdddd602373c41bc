/**
 * The raw parts of a request that came in, packed into bytes, so that another thread can make its line.
 *
 * To pack them takes a fifth of the time that the line takes, and that is all that the request waits for. A part may hold
 * any character: where one ends is told by its length.
 *
 * @module
 */
import type { CapturedBody, RequestEvent } from "../capture/event.js";
import { actorOf, merged, userOf } from "./common.js";
import { errorMessage } from "./error.js";
import { flatJson } from "./flat-json.js";
import { isEmpty } from "./plain.js";
import type { Outcome } from "./types.js";

/** Beyond so many parts, headers included, or so many characters a request is none of the usual ones. */
const MAX_PARTS = 512;
const MAX_TEXT = 1 << 18;
const MAX_BODIES = 1 << 20;
/** The length of a part that is `null`. */
const NONE = 0xffff_ffff;
/** Typed arrays write numbers as this machine does. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** HTTP has some 40 methods; a parser that takes any must not fill the memory. */
const MAX_METHODS = 64;
/** Most bytes of UTF-8 that one UTF-16 unit of a string can become. */
const UTF8_MAX = 3;

/** The first byte of a packed request. */
export const REQUEST_FRAME = 2;

/* Then numbers, 8 bytes each. */
const NUMBERS_AT = 1;
const AT = 0;
const DURATION = 1;
const STATUS = 2;
const REQUEST_BODY = 3;
const RESPONSE_BODY = 6;
const NUMBERS = 9;
/* Of a body: all bytes that passed, those that were kept, whether it is cut off. */
const PASSED = 0;
const KEPT = 1;
const CUT = 2;
/* Then, 4 bytes each, how many parts there are, how many bytes their text has, and the length of each. */
const COUNT = 0;
const TEXT_BYTES = 1;
const LENGTHS = 2;
const COUNT_AT = NUMBERS_AT + NUMBERS * 8;
const TEXT_BYTES_AT = COUNT_AT + TEXT_BYTES * 4;
const LENGTHS_AT = COUNT_AT + LENGTHS * 4;
const HEAD_BYTES = LENGTHS_AT - NUMBERS_AT + MAX_PARTS * 4;
/** Before the headers. */
const OWN_PARTS = 17;

/** Packs one request after the other. One object for all: what was packed is written before the next. */
export class RequestFrame {
  readonly #parts: (string | null)[] = [];
  /* All before the text, made here and copied in one piece: into shared memory each number alone is a call. */
  readonly #head = new ArrayBuffer(HEAD_BYTES);
  readonly #numbers = new Float64Array(this.#head, 0, NUMBERS);
  readonly #counts = new Uint32Array(this.#head, NUMBERS * 8);
  readonly #headBytes = new Uint8Array(this.#head);
  #text = "";
  #bodies: (CapturedBody | null)[] = [null, null];

  /**
   * Takes the parts of a request. False for one whose line must be made at once: something of it is no text, or runs
   * code of the application's.
   *
   * @param extra - the application's fields for every record
   */
  pack(event: RequestEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    try {
      return this.#packed(event, serviceName, extra);
    } catch {
      // Code of the application's ran into us.
      return false;
    }
  }

  #packed(event: RequestEvent, serviceName: string, extra: Readonly<Record<string, unknown>>): boolean {
    const { context, responseHeaders, requestHeaders, requestBody, responseBody } = event;
    if (requestHeaders.length > MAX_PARTS - OWN_PARTS || requestBody?.parts || responseBody?.parts)
      return false;
    const head = typeof responseHeaders === "string" ? responseHeaders : null;
    if (head === null && !isEmpty(event.responseHeaders as object)) return false;
    const user = userText(event);
    const own = event.action === null ? event.extra : { action: event.action, ...event.extra };
    const fields = extraText(extra, context?.extra, own);
    if (user === undefined || fields === undefined) return false;

    const parts = this.#parts;
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
    // `join` writes nothing for `null`.
    this.#text = parts.join("");
    this.#numbers[AT] = event.at;
    this.#numbers[DURATION] = event.durationMs;
    this.#numbers[STATUS] = event.status ?? -1;
    this.#body(REQUEST_BODY, requestBody);
    this.#body(RESPONSE_BODY, responseBody);
    this.#bodies[0] = requestBody;
    this.#bodies[1] = responseBody;
    return this.#text.length <= MAX_TEXT && this.#bodyBytes <= MAX_BODIES;
  }

  #body(at: number, body: CapturedBody | null): void {
    let kept = 0;
    if (body !== null) for (const chunk of body.chunks) kept += chunk.byteLength;
    this.#numbers[at + PASSED] = body === null ? -1 : body.bytes;
    this.#numbers[at + KEPT] = kept;
    this.#numbers[at + CUT] = body?.truncated ? 1 : 0;
  }

  get #bodyBytes(): number {
    return this.#numbers[REQUEST_BODY + KEPT]! + this.#numbers[RESPONSE_BODY + KEPT]!;
  }

  /** The most that `writeTo` may need. */
  get maxBytes(): number {
    return LENGTHS_AT + this.#parts.length * 4 + this.#text.length * UTF8_MAX + this.#bodyBytes;
  }

  /**
   * Writes what was packed.
   *
   * @param view - of the same bytes as `into`
   * @returns where it ends
   */
  writeTo(into: Buffer, _view: DataView, start: number): number {
    into[start] = REQUEST_FRAME;
    const { length } = this.#parts;
    const textAt = start + LENGTHS_AT + length * 4;
    const written = into.write(this.#text, textAt);
    const counts = this.#counts;
    counts[COUNT] = length;
    counts[TEXT_BYTES] = written;
    for (let index = 0; index < length; index += 1) {
      counts[LENGTHS + index] = this.#parts[index]?.length ?? NONE;
    }
    into.set(this.#headBytes.subarray(0, textAt - start - NUMBERS_AT), start + NUMBERS_AT);
    let at = textAt;
    at += written;
    for (const body of this.#bodies) {
      if (body === null) continue;
      for (const chunk of body.chunks) {
        into.set(chunk, at);
        at += chunk.byteLength;
      }
    }
    this.#forget();
    return at;
  }

  /* A large body would live until the next request. */
  #forget(): void {
    this.#text = "";
    this.#bodies[0] = this.#bodies[1] = null;
  }
}

/** A request as it was packed, and the service that it came to. */
export interface Unpacked {
  readonly event: RequestEvent;
  readonly serviceName: string;
}

/**
 * @param frame - bytes that nobody else changes
 * @throws RangeError if they are no frame
 */
export function unpackRequest(frame: Buffer): Unpacked {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const number = (index: number): number => view.getFloat64(NUMBERS_AT + index * 8, LITTLE_ENDIAN);
  const count = view.getUint32(COUNT_AT, LITTLE_ENDIAN);
  const textAt = LENGTHS_AT + count * 4;
  const bodiesAt = textAt + view.getUint32(TEXT_BYTES_AT, LITTLE_ENDIAN);
  const text = frame.toString("utf8", textAt, bodiesAt);
  let index = 0;
  let from = 0;
  const next = (): string | null => {
    const length = view.getUint32(LENGTHS_AT + index * 4, LITTLE_ENDIAN);
    index += 1;
    if (length === NONE) return null;
    from += length;
    return text.slice(from - length, from);
  };
  const recordId = next()!;
  const serviceName = next()!;
  const method = next()!;
  const url = next()!;
  const protocol = next() as RequestEvent["protocol"];
  const clientIp = next();
  const outcome = next() as Outcome;
  const error = next();
  const route = next();
  const handler = next();
  const requestId = next()!;
  const parentId = next();
  const traceId = next();
  const spanId = next();
  const user = next();
  const actor = user === null ? null : (JSON.parse(user) as { id: string | number | null });
  const extra = next();
  const head = next();
  const requestHeaders: string[] = [];
  for (let left = count - OWN_PARTS; left > 0; left -= 1) requestHeaders.push(next()!);
  const body = (of: number, start: number): CapturedBody | null => {
    if (number(of + PASSED) < 0) return null;
    const kept = number(of + KEPT);
    return {
      chunks: kept === 0 ? [] : [frame.subarray(start, start + kept)],
      bytes: number(of + PASSED),
      truncated: number(of + CUT) === 1,
    };
  };
  const event: RequestEvent = {
    kind: "request",
    context: {
      requestId,
      recordId,
      parentId,
      actor: () => actor,
      traceId,
      spanId,
      muted: false,
      extra: {},
    },
    at: number(AT),
    recordId,
    method,
    url,
    protocol,
    clientIp,
    requestHeaders,
    requestBody: body(REQUEST_BODY, bodiesAt),
    status: number(STATUS) < 0 ? null : number(STATUS),
    responseHeaders: head ?? {},
    responseBody: body(RESPONSE_BODY, bodiesAt + number(REQUEST_BODY + KEPT)),
    outcome,
    error,
    durationMs: number(DURATION),
    route,
    handler,
    action: null,
    extra: extra === null ? {} : (JSON.parse(extra) as Record<string, unknown>),
  };
  return { event, serviceName };
}

const methods = new Map<string, string>();

/**
 * The same text as a string of V8's own. Node's names of methods are external strings, and `join` takes one of those for
 * two bytes a character: all parts would be widened, and narrowed again where they are written.
 */
function ordinary(method: string): string {
  let own = methods.get(method);
  if (own === undefined) {
    own = `${method} `.slice(0, -1);
    if (methods.size < MAX_METHODS) methods.set(method, own);
  }
  return own;
}

/** The actor as JSON; `null` for nobody, `undefined` for one that JSON is not enough for. */
function userText({ context }: RequestEvent): string | null | undefined {
  const actor = actorOf(context);
  if (actor === null) return null;
  return flatJson(actor) ?? JSON.stringify(userOf(actor));
}

/** The same for the application's fields; `null` where there are none. */
function extraText(
  ...layers: readonly (Readonly<Record<string, unknown>> | undefined)[]
): string | null | undefined {
  const given = layers.filter((layer) => layer !== undefined && !isEmpty(layer));
  if (given.length === 0) return null;
  const [first] = given;
  return flatJson(given.length === 1 ? first! : given.reduce((one, other) => merged(one, other))!);
}
