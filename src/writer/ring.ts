/**
 * A ring of entries in shared memory: one producer, one consumer at a time, no copies in between. An entry is a whole
 * line, or what becomes one: see `entry.ts`.
 *
 * An entry never wraps: where the tail is too short for it, it starts again at the front and the end of the old
 * ones is noted, so that the consumer can hand any run of lines to a single `write`.
 * Read position = write position means empty; a full ring keeps one byte free.
 *
 * @module
 */
import { countEntries, FRAME_EXTRA, type Frame, writeFrame, wholeEntries } from "./entry.js";
import { HEADER_BYTES, READ_AT, WRAP_AT, WRITE_AT } from "./protocol.js";

const NEWLINE = 10;
/** Most bytes of UTF-8 that one UTF-16 unit of a string can become. */
const UTF8_MAX = 3;
/**
 * While nothing waits, lines begin at the front again once they have come so far, in bytes: what was written just
 * now is in the processor's cache, and the rest of the ring costs no memory until a disk is slow.
 */
const REUSED = 1 << 18;
/**
 * So many bytes may wait, and such a part of the ring, for frames to be taken: to make their lines is more work than to
 * write them, and beyond this both threads do it.
 */
const FRAMES_BYTES = 1 << 18;
const FRAMES_PART = 4;

/** The shared memory of a ring with room for `bytes` bytes of lines. */
export function ringMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + bytes);
}

/** Makes of a line that is not all ASCII one that may be written; its bytes help to see that it may be already. */
export type Printable = (line: string, utf8?: Uint8Array) => string;

export class Ring {
  readonly words: Int32Array;
  readonly capacity: number;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #framesBytes: number;
  /** The producer's own copy of both positions: an atomic load only when the ring seems full. */
  #writeAt: number;
  #readSeen: number;

  /** The consumer's own note of where it has last looked. */
  #peekedAt = 0;
  /** Producer: all bytes that it has ever put in. */
  producedBytes = 0;

  /** @param printable - what is done to a line that is not all ASCII, before it is put in */
  constructor(
    readonly memory: SharedArrayBuffer,
    private readonly printable: Printable = (line) => line,
  ) {
    this.words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#bytes = Buffer.from(memory as unknown as ArrayBuffer, HEADER_BYTES);
    this.#view = new DataView(memory, HEADER_BYTES);
    this.capacity = this.#bytes.length;
    this.#framesBytes = Math.min(FRAMES_BYTES, this.capacity / FRAMES_PART);
    this.#writeAt = Atomics.load(this.words, WRITE_AT);
    this.#readSeen = Atomics.load(this.words, READ_AT);
  }

  /** Producer: adds `line` and a newline. False when there is no room now. */
  offer(line: string): boolean {
    return this.#offer(line, this.printable);
  }

  #offer(line: string, printable: Printable | undefined): boolean {
    let at = this.#place(line.length * UTF8_MAX + 1);
    if (at < 0) at = this.#place(Buffer.byteLength(line) + 1);
    if (at < 0) return false;
    const end = at + this.#bytes.write(line, at);
    // Which lines are ASCII is known only now, and for nothing. Nobody sees the bytes yet.
    if (printable && end - at !== line.length) {
      const better = printable(line, this.#bytes.subarray(at, end));
      if (better !== line) return this.#offer(better, undefined);
    }
    this.#bytes[end] = NEWLINE;
    this.#publish(at, end + 1);
    return true;
  }

  /**
   * Producer: adds what becomes a line later. False when there is no room now.
   *
   * @param format - which one makes the line
   */
  offerFrame(frame: Frame, format: number): boolean {
    const at = this.#place(frame.maxBytes + FRAME_EXTRA);
    if (at < 0) return false;
    this.#publish(at, writeFrame(frame, format, this.#bytes, this.#view, at));
    return true;
  }

  /* Nobody sees the bytes before. */
  #publish(at: number, end: number): void {
    if (at !== this.#writeAt) Atomics.store(this.words, WRAP_AT, this.#writeAt);
    this.#writeAt = end;
    this.producedBytes += end - at;
    Atomics.store(this.words, WRITE_AT, end);
  }

  /** Producer: so much waits that it should make lines itself. */
  get isBehind(): boolean {
    if (this.#waiting <= this.#framesBytes) return false;
    this.#readSeen = Atomics.load(this.words, READ_AT);
    return this.#waiting > this.#framesBytes;
  }

  /* As far as the producer knows, and never less. */
  get #waiting(): number {
    const waiting = this.#writeAt - this.#readSeen;
    return waiting < 0 ? waiting + this.capacity : waiting;
  }

  /** Where `need` bytes can stand in one piece, or -1. */
  #place(need: number): number {
    if (this.#writeAt >= REUSED && this.#isEmpty && need < this.#writeAt) return 0;
    const at = this.#placeBefore(this.#readSeen, need);
    if (at >= 0) return at;
    this.#readSeen = Atomics.load(this.words, READ_AT);
    return this.#placeBefore(this.#readSeen, need);
  }

  get #isEmpty(): boolean {
    this.#readSeen = Atomics.load(this.words, READ_AT);
    return this.#readSeen === this.#writeAt;
  }

  #placeBefore(readAt: number, need: number): number {
    const writeAt = this.#writeAt;
    if (writeAt < readAt) return readAt - writeAt > need ? writeAt : -1;
    if (this.capacity - writeAt >= need) return writeAt;
    return readAt > need ? 0 : -1;
  }

  /** Consumer: the oldest entries that stand in one piece, at most about `limit` bytes; `undefined` when empty. */
  peek(limit: number): Buffer | undefined {
    const writeAt = Atomics.load(this.words, WRITE_AT);
    let end = writeAt;
    this.#peekedAt = Atomics.load(this.words, READ_AT);
    if (this.#peekedAt > writeAt) {
      end = Atomics.load(this.words, WRAP_AT);
      if (this.#peekedAt === end) {
        if (!this.#moveReadAt(0)) return undefined;
        end = writeAt;
      }
    }
    if (this.#peekedAt === end) return undefined;
    const entries = this.#bytes.subarray(this.#peekedAt, end);
    return entries.length <= limit ? entries : entries.subarray(0, wholeEntries(entries, limit));
  }

  /** Consumer: the first `count` bytes of what `peek` gave are done. */
  consume(count: number): void {
    if (this.#moveReadAt(this.#peekedAt + count)) Atomics.notify(this.words, READ_AT);
  }

  /* Not a plain store: a consumer that was dispossessed must not move what its successor has moved. */
  #moveReadAt(position: number): boolean {
    const moved = Atomics.compareExchange(this.words, READ_AT, this.#peekedAt, position) === this.#peekedAt;
    this.#peekedAt = position;
    return moved;
  }

  /** Bytes that wait, as of now. */
  get pendingBytes(): number {
    const writeAt = Atomics.load(this.words, WRITE_AT);
    const readAt = Atomics.load(this.words, READ_AT);
    if (readAt <= writeAt) return writeAt - readAt;
    return Atomics.load(this.words, WRAP_AT) - readAt + writeAt;
  }

  /** Lines that wait, as of now. Counts them one by one, so not for the hot path. */
  get pendingLines(): number {
    const writeAt = Atomics.load(this.words, WRITE_AT);
    const readAt = Atomics.load(this.words, READ_AT);
    if (readAt <= writeAt) return countEntries(this.#bytes.subarray(readAt, writeAt));
    const old = this.#bytes.subarray(readAt, Atomics.load(this.words, WRAP_AT));
    return countEntries(old) + countEntries(this.#bytes.subarray(0, writeAt));
  }
}
