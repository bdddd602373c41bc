/**
 * The hash of a line, and the keys that it is made with.
 *
 * @module
 */
import { hash, createHmac } from "node:crypto";
import { HASH_DIGITS } from "./line.js";

/** Bytes of an epoch's key. */
export const KEY_BYTES = 32;
/** Bytes of a block of SHA-256, which HMAC pads its key to. */
const BLOCK = 64;
/** So many bytes before a line are overwritten while it is hashed. */
export const HEADROOM = BLOCK + HASH_DIGITS;

/**
 * Hashes lines where they stand: what must be hashed before the line is written into the bytes before it.
 * HMAC by hand, since two calls of `crypto.hash` cost half of one `createHmac`; a spec holds it to that one.
 */
export class LineDigest {
  readonly #inner = Buffer.alloc(BLOCK);
  /** The outer pad, and room for the inner hash. */
  readonly #outer = Buffer.alloc(BLOCK + KEY_BYTES);
  #keyed = false;

  /** From now on hashes with `key`; without one plainly. Overwrites what it knew of the key before. */
  use(key: Uint8Array | undefined): void {
    this.#keyed = key !== undefined;
    for (let index = 0; index < BLOCK; index += 1) {
      const byte = key && index < key.length ? key[index]! : 0;
      this.#inner[index] = key ? byte ^ 0x36 : 0;
      this.#outer[index] = key ? byte ^ 0x5c : 0;
    }
  }

  /** The hash of `bytes[start..end)` after `previous`; overwrites the `HEADROOM` bytes before `start`. */
  of(previous: string, bytes: Buffer, start: number, end: number): string {
    const from = start - HASH_DIGITS;
    bytes.write(previous, from, HASH_DIGITS, "latin1");
    if (!this.#keyed) return hash("sha256", bytes.subarray(from, end), "hex");
    this.#inner.copy(bytes, from - BLOCK);
    this.#outer.write(
      hash("sha256", bytes.subarray(from - BLOCK, end), "latin1" as "hex"),
      BLOCK,
      KEY_BYTES,
      "latin1",
    );
    return hash("sha256", this.#outer, "hex");
  }
}

/** The key of a chain's first epoch. Each chain has its own, so that none can be played back as another. */
export function firstKey(key: Uint8Array, chain: string): Buffer {
  return createHmac("sha256", key).update(`activity-audit seal 1 ${chain}`).digest();
}

/** The key of the next epoch, from which this one cannot be found. */
export function nextKey(key: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([RATCHET, key]), "buffer");
}

const RATCHET = Buffer.from("activity-audit ratchet");

/** Tells keys apart without telling anything of them. */
export function keyId(key: Uint8Array): string {
  return createHmac("sha256", key).update("activity-audit key id").digest("hex").slice(0, 16);
}
