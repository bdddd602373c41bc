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

/** A new record's id. */
export function newRecordId(): string {
  return uuids.generate().toString();
}

/** A W3C span id: 16 lower-case hex digits, not all zero. */
export function newSpanId(): string {
  const id = hex(random.nextUint32()) + hex(random.nextUint32());
  return id === "0000000000000000" ? newSpanId() : id;
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}
