/**
 * Counts and hashes the content of a file by the pieces that the other side has confirmed.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** What may wait for the pieces before it. ssh2's fast transfers keep 64 pieces of 32 KB under way. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** What is known of the content. */
export interface Metered {
  readonly bytes: number;
  /** `null` when the pieces do not make one content: some are missing, or too many came too early. */
  readonly sha256: string | null;
}

/**
 * A fast transfer has its pieces confirmed in any order, in a buffer that it uses again: a piece that comes too early
 * is copied, and waits. What was seen already counts once.
 */
export class Meter {
  readonly #hash = createHash("sha256");
  readonly #waiting = new Map<number, Piece>();
  #waitingBytes = 0;
  #next: number | undefined;
  #bytes = 0;
  #hashed = true;

  /** @param begin - where the content begins, if its pieces may be sent in any order; else with the first of them */
  constructor(begin?: number) {
    this.#next = begin;
  }

  /** A piece at this place is on its way. */
  expect(position: number): void {
    this.#next ??= position;
  }

  passed(position: number, bytes: Uint8Array): void {
    this.expect(position);
    this.#take(position, { length: bytes.byteLength, bytes });
    for (let early = this.#ready(); early; early = this.#ready()) this.#take(...early);
  }

  /** Ends the counting. */
  read(): Metered {
    const whole = this.#hashed && this.#waiting.size === 0;
    return { bytes: this.#bytes, sha256: whole ? this.#hash.digest("hex") : null };
  }

  #take(position: number, piece: Piece): void {
    const next = this.#next!;
    if (position > next) {
      this.#keep(position, piece);
      return;
    }
    const seen = Math.min(next - position, piece.length);
    this.#next = next + piece.length - seen;
    this.#bytes += piece.length - seen;
    if (piece.bytes && this.#hashed) this.#hash.update(piece.bytes.subarray(seen));
  }

  #keep(position: number, { length, bytes }: Piece): void {
    const known = this.#waiting.get(position)?.length ?? 0;
    if (known >= length) return;
    this.#waitingBytes += length - known;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#hashed = false;
    this.#waiting.set(position, { length, bytes: bytes && this.#hashed ? Buffer.from(bytes) : null });
  }

  /** The next piece that has waited for those before it. */
  #ready(): [number, Piece] | undefined {
    for (const [position, piece] of this.#waiting) {
      if (position > this.#next!) continue;
      this.#waiting.delete(position);
      this.#waitingBytes -= piece.length;
      return [position, piece];
    }
    return undefined;
  }
}

interface Piece {
  readonly length: number;
  /** `null` when nothing is hashed any more. */
  readonly bytes: Uint8Array | null;
}
