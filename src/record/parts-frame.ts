/**
 * The raw parts of a message, packed into bytes, so that another thread can make its line.
 *
 * To pack them takes a fifth of the time that the line takes, and that is all that the message waits for. A part may hold
 * any character: where one ends is told by its length.
 *
 * @module
 */
import type { CapturedBody } from "../capture/event.js";
import type { AuditContext } from "../context/context.js";
import { actorOf, merged, userOf } from "./common.js";
import { flatJson } from "./flat-json.js";
import { isEmpty } from "./plain.js";

/** Beyond so many parts, headers included, or so many characters a message is none of the usual ones. */
export const MAX_PARTS = 512;
const MAX_TEXT = 1 << 18;
const MAX_BODIES = 1 << 20;
/** The length of a part that is `null`. */
const NONE = 0xffff_ffff;
/** Typed arrays write numbers as this machine does. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** HTTP has some 40 methods; a parser that takes any must not fill the memory. */
const MAX_METHODS = 64;
/** Most bytes of UTF-8 that one UTF-16 unit of a string can become. */
const UTF8_MAX = 3;

/* The kind of frame, then numbers, 8 bytes each: first three of each body. */
const NUMBERS_AT = 1;
const BODIES = 2;
const OF_BODY = 3;
/* Of a body: all bytes that passed, those that were kept, whether it is cut off. */
const PASSED = 0;
const KEPT = 1;
const CUT = 2;
/** The first number of a frame's own. */
export const OWN_NUMBERS = BODIES * OF_BODY;
const NUMBERS = OWN_NUMBERS + 5;
/* Then, 4 bytes each, how many parts there are, how many bytes their text has, and the length of each. */
const COUNT = 0;
const TEXT_BYTES = 1;
const LENGTHS = 2;
const COUNT_AT = NUMBERS_AT + NUMBERS * 8;
const TEXT_BYTES_AT = COUNT_AT + TEXT_BYTES * 4;
const LENGTHS_AT = COUNT_AT + LENGTHS * 4;
const HEAD_BYTES = LENGTHS_AT - NUMBERS_AT + MAX_PARTS * 4;

/** Packs one message after the other. One object for all: what was packed is written before the next. */
export abstract class PartsFrame {
  /** `null` is kept apart from an empty one. */
  protected readonly parts: (string | null)[] = [];
  readonly #kind: number;
  /* All before the text, made here and copied in one piece: into shared memory each number alone is a call. */
  readonly #head = new ArrayBuffer(HEAD_BYTES);
  protected readonly numbers = new Float64Array(this.#head, 0, NUMBERS);
  readonly #counts = new Uint32Array(this.#head, NUMBERS * 8);
  readonly #headBytes = new Uint8Array(this.#head);
  #text = "";
  readonly #bodies: (CapturedBody | null)[] = [null, null];

  /** @param kind - the first byte */
  constructor(kind: number) {
    this.#kind = kind;
  }

  /** To be called when all parts are there. False: they are too many. */
  protected packed(requestBody: CapturedBody | null, responseBody: CapturedBody | null): boolean {
    if (this.parts.length > MAX_PARTS) return false;
    // `join` writes nothing for `null`.
    this.#text = this.parts.join("");
    this.#body(0, requestBody);
    this.#body(1, responseBody);
    return this.#text.length <= MAX_TEXT && this.#bodyBytes <= MAX_BODIES;
  }

  #body(index: number, body: CapturedBody | null): void {
    let kept = 0;
    if (body !== null) for (const chunk of body.chunks) kept += chunk.byteLength;
    const at = index * OF_BODY;
    this.numbers[at + PASSED] = body === null ? -1 : body.bytes;
    this.numbers[at + KEPT] = kept;
    this.numbers[at + CUT] = body?.truncated ? 1 : 0;
    this.#bodies[index] = body;
  }

  get #bodyBytes(): number {
    return this.numbers[KEPT]! + this.numbers[OF_BODY + KEPT]!;
  }

  /** The most that `writeTo` may need. */
  get maxBytes(): number {
    return LENGTHS_AT + this.parts.length * 4 + this.#text.length * UTF8_MAX + this.#bodyBytes;
  }

  /**
   * Writes what was packed.
   *
   * @returns where it ends
   */
  writeTo(into: Buffer, _view: DataView, start: number): number {
    into[start] = this.#kind;
    const { length } = this.parts;
    const textAt = start + LENGTHS_AT + length * 4;
    const written = into.write(this.#text, textAt);
    const counts = this.#counts;
    counts[COUNT] = length;
    counts[TEXT_BYTES] = written;
    for (let index = 0; index < length; index += 1) {
      counts[LENGTHS + index] = this.parts[index]?.length ?? NONE;
    }
    into.set(this.#headBytes.subarray(0, textAt - start - NUMBERS_AT), start + NUMBERS_AT);
    let at = textAt + written;
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

  /* A large body would live until the next message. */
  #forget(): void {
    this.#text = "";
    this.#bodies[0] = this.#bodies[1] = null;
  }
}

/** Reads a frame: its parts in their order. */
export class PartsReader {
  readonly #frame: Buffer;
  readonly #view: DataView;
  readonly #text: string;
  readonly #bodiesAt: number;
  #index = 0;
  #from = 0;

  /**
   * @param frame - bytes that nobody else changes
   * @throws RangeError if they are no frame
   */
  constructor(frame: Buffer) {
    this.#frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const textAt = LENGTHS_AT + this.count * 4;
    this.#bodiesAt = textAt + this.#view.getUint32(TEXT_BYTES_AT, LITTLE_ENDIAN);
    this.#text = frame.toString("utf8", textAt, this.#bodiesAt);
  }

  /** How many parts there are. */
  get count(): number {
    return this.#view.getUint32(COUNT_AT, LITTLE_ENDIAN);
  }

  number(index: number): number {
    return this.#view.getFloat64(NUMBERS_AT + index * 8, LITTLE_ENDIAN);
  }

  next(): string | null {
    const length = this.#view.getUint32(LENGTHS_AT + this.#index * 4, LITTLE_ENDIAN);
    this.#index += 1;
    if (length === NONE) return null;
    this.#from += length;
    return this.#text.slice(this.#from - length, this.#from);
  }

  /** One that is never `null`. */
  text(): string {
    return this.next()!;
  }

  list(count: number): string[] {
    const texts: string[] = [];
    for (let left = count; left > 0; left -= 1) texts.push(this.text());
    return texts;
  }

  get requestBody(): CapturedBody | null {
    return this.#body(0, this.#bodiesAt);
  }

  get responseBody(): CapturedBody | null {
    return this.#body(OF_BODY, this.#bodiesAt + this.number(KEPT));
  }

  #body(of: number, start: number): CapturedBody | null {
    if (this.number(of + PASSED) < 0) return null;
    const kept = this.number(of + KEPT);
    return {
      chunks: kept === 0 ? [] : [this.#frame.subarray(start, start + kept)],
      bytes: this.number(of + PASSED),
      truncated: this.number(of + CUT) === 1,
    };
  }
}

const methods = new Map<string, string>();

/**
 * The same text as a string of V8's own. Node's names of methods are external strings, and `join` takes one of those for
 * two bytes a character: all parts would be widened, and narrowed again where they are written.
 */
export function ordinary(method: string): string {
  let own = methods.get(method);
  if (own === undefined) {
    own = `${method} `.slice(0, -1);
    if (methods.size < MAX_METHODS) methods.set(method, own);
  }
  return own;
}

/** The actor as JSON; `null` for nobody, `undefined` for one that JSON is not enough for. */
export function userText(context: AuditContext | undefined): string | null | undefined {
  const actor = actorOf(context);
  if (actor === null) return null;
  return flatJson(actor) ?? JSON.stringify(userOf(actor));
}

/** The same for the application's fields; `null` where there are none. */
export function extraText(
  ...layers: readonly (Readonly<Record<string, unknown>> | undefined)[]
): string | null | undefined {
  const given = layers.filter((layer) => layer !== undefined && !isEmpty(layer));
  if (given.length === 0) return null;
  const [first] = given;
  return flatJson(given.length === 1 ? first! : given.reduce((one, other) => merged(one, other))!);
}

/** What a record needs of the context that was packed. */
export function unpackedContext(of: {
  readonly requestId: string | null;
  readonly recordId: string | null;
  readonly parentId: string | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly user: string | null;
}): AuditContext {
  const { user, requestId, ...ids } = of;
  const actor = user === null ? null : (JSON.parse(user) as { id: string | number | null });
  return { ...ids, requestId: requestId!, actor: () => actor, muted: false, extra: {} };
}
