/**
 * Identifiers: UUIDv7 for records and requests, so that they sort by time; eight random bytes for spans.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import { V7Generator } from "uuidv7";

/** Random numbers from a pool: asking the system for each costs more than all else about an id. */
class RandomPool {
  readonly #numbers = new Uint32Array(1024);
  #used = this.#numbers.length;

  nextUint32(): number {
    if (this.#used === this.#numbers.length) {
      randomFillSync(this.#numbers);
      this.#used = 0;
    }
    const next = this.#numbers[this.#used] ?? 0;
    this.#used += 1;
    return next;
  }
}

const random = new RandomPool();
const uuids = new V7Generator(random);

const digits = Buffer.from("0123456789abcdef", "latin1");
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const text = Buffer.from("00000000-0000-0000-0000-000000000000", "latin1");

/** A new record's id. Made of its bytes at once: the library's `toString` adds digit to digit, and takes three times as long. */
export function newRecordId(): string {
  const { bytes } = uuids.generate();
  for (let index = 0; index < 16; index += 1) {
    const byte = bytes[index]!;
    const place = places[index]!;
    text[place] = digits[byte >>> 4]!;
    text[place + 1] = digits[byte & 15]!;
  }
  return text.toString("latin1");
}

/** A W3C span id: 16 lower-case hex digits, not all zero. */
export function newSpanId(): string {
  const id = hex(random.nextUint32()) + hex(random.nextUint32());
  return id === "0000000000000000" ? newSpanId() : id;
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}
