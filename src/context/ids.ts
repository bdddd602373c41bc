/**
 * Identifiers: UUIDv7 for records and requests, so that they sort by time; eight random bytes for spans.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import { uuidv7 } from "uuidv7";

/** A new record's id. */
export function newRecordId(): string {
  return uuidv7();
}

const pool = Buffer.alloc(4096);
let used = pool.length;

/** A W3C span id: 16 lower-case hex digits, not all zero. */
export function newSpanId(): string {
  if (used + 8 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString("hex", used, used + 8);
  used += 8;
  return id === "0000000000000000" ? newSpanId() : id;
}
