/**
 * Keeps the first bytes of a body as it passes, and counts the rest.
 *
 * Bytes are copied when they pass: the application may reuse its buffers, and a slice of the socket's 64 KB
 * read buffer would keep all of it alive.
 *
 * @module
 */
import type { CapturedBody, CapturedPart } from "../event.js";
import type { MultipartReader } from "./multipart.js";

export class BodyTee {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #kept = 0;
  #bytes = 0;
  /** Reads the parts of a multipart form, which may be larger than what is kept. */
  multipart: MultipartReader | null = null;

  /** @param limit - how much is kept, in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: unknown, encoding?: unknown): void {
    if (chunk instanceof Uint8Array) this.#addBytes(chunk);
    else if (typeof chunk !== "string") return;
    // An injected request may push a text.
    else if (this.multipart) this.#addBytes(Buffer.from(chunk, encoding as BufferEncoding | undefined));
    else this.#addText(chunk, encoding as BufferEncoding | undefined);
  }

  /** @param complete - false when the sender announced more than came */
  taken(complete: boolean): CapturedBody {
    const parts: readonly CapturedPart[] | undefined = this.multipart?.parts();
    return {
      chunks: parts ? [] : this.#chunks,
      bytes: this.#bytes,
      truncated: !complete || (this.multipart ? !this.multipart.whole : this.#bytes > this.#kept),
      ...(parts && { parts }),
    };
  }

  #addText(text: string, encoding: BufferEncoding | undefined): void {
    if (text.length === 0) return;
    const room = this.#limit - this.#kept;
    // Most texts fit, and need not be measured; of one that may not, no more is made into bytes than may be kept.
    const bytes = text.length > room ? Buffer.byteLength(text, encoding) : 0;
    if (room <= 0) this.#bytes += bytes;
    else if (bytes > room) this.#keep(Buffer.from(text.slice(0, room + 1), encoding), bytes);
    else this.#keep(Buffer.from(text, encoding));
  }

  #addBytes(bytes: Uint8Array): void {
    if (this.multipart) {
      this.#bytes += bytes.length;
      this.multipart.read(bytes);
    } else if (this.#kept >= this.#limit) {
      this.#bytes += bytes.length;
    } else {
      const room = this.#limit - this.#kept;
      this.#keep(Buffer.from(bytes.length > room ? bytes.subarray(0, room) : bytes), bytes.length);
    }
  }

  /** @param own - bytes that nobody else will change */
  #keep(own: Uint8Array, passed = own.length): void {
    const room = this.#limit - this.#kept;
    const kept = own.length > room ? own.subarray(0, room) : own;
    this.#chunks.push(kept);
    this.#kept += kept.length;
    this.#bytes += passed;
  }
}
