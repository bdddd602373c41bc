/**
 * Counting and hashing what is confirmed in any order.
 */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { Meter } from "#dist/capture/sftp/meter";
import { sha256 } from "./servers.js";

/** A content in pieces of any length, as [position, bytes]. */
function cut(content: Buffer): [number, Buffer][] {
  const pieces: [number, Buffer][] = [];
  for (let position = 0; position < content.length;) {
    const length = randomInt(1, 5000);
    pieces.push([position, content.subarray(position, position + length)]);
    position += length;
  }
  return pieces;
}

const shuffled = <T>(values: readonly T[]): T[] =>
  values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ value }) => value);

describe("a meter", () => {
  it("has bytes and hash of the whole, whatever the order, also of pieces that come twice, from a buffer used again", () => {
    for (let round = 0; round < 200; round += 1) {
      const content = randomBytes(randomInt(1, 60_000));
      const pieces = cut(content);
      const meter = new Meter(0);
      for (const [position, piece] of shuffled([...pieces, ...pieces.slice(0, 3)])) {
        meter.expect(position);
        const reused = Buffer.from(piece);
        meter.passed(position, reused);
        reused.fill(0);
      }
      assert.deepEqual(meter.read(), { bytes: content.length, sha256: sha256(content) });
    }
  });

  it("has no hash while a piece is missing, and counts what stands before it", () => {
    const meter = new Meter(0);
    meter.passed(0, Buffer.alloc(10));
    meter.passed(20, Buffer.alloc(10));
    assert.deepEqual(meter.read(), { bytes: 10, sha256: null });
  });

  it("gives up the hash, not the count, when too much waits", () => {
    const meter = new Meter(0);
    const piece = Buffer.alloc(4 * 1024 * 1024);
    for (let index = 1; index <= 6; index += 1) meter.passed(index * piece.length, piece);
    meter.passed(0, piece);
    assert.deepEqual(meter.read(), { bytes: 7 * piece.length, sha256: null });
  });

  it("begins where the first piece does, if it is not told", () => {
    const meter = new Meter();
    meter.passed(100, Buffer.from("appended"));
    assert.deepEqual(meter.read(), { bytes: 8, sha256: sha256("appended") });
  });
});
