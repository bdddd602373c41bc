/**
 * Frames outside of a ring, and their lines.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Bytes } from "#dist/record/bytes";
import type { Formatter } from "#dist/record/formatter";
import type { Frame } from "#dist/writer/entry";

/** Bytes that hold what is given. */
export function bytesOf(content: Uint8Array): Bytes {
  const bytes = new Bytes();
  bytes.add(content);
  return bytes;
}

/** Writes a frame as a ring does, into memory that both threads see. */
export function written(frame: Frame): Buffer {
  const memory = new SharedArrayBuffer(frame.maxBytes + 3);
  const end = frame.writeTo(Buffer.from(memory as never), new DataView(memory), 3);
  assert.ok(end <= memory.byteLength);
  return Buffer.from(Buffer.from(memory as never, 3, end - 3));
}

/** The line of a frame, between others. */
export function lineOf(formatter: Formatter, content: Buffer): string {
  const from = bytesOf(Buffer.concat([Buffer.from("before"), content, Buffer.from("behind")]));
  const into = bytesOf(Buffer.from("before"));
  assert.ok(formatter.write(from, 6, 6 + content.length, into), "of a shape that is known");
  assert.equal(into.buffer.toString("utf8", 0, 6), "before");
  return into.buffer.toString("utf8", 6, into.length);
}
