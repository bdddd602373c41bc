import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { batchOf, type Format, type Frame } from "#dist/writer/entry";
import { Ring, ringMemory } from "#dist/writer/ring";

/** A frame of any bytes. */
function frameOf(bytes: Uint8Array): Frame {
  return {
    maxBytes: bytes.length,
    writeTo: (into, _view, start) => {
      into.set(bytes, start);
      return start + bytes.length;
    },
  };
}

/* No newline in it, and not what would be taken for a frame. */
const lineOf = (text: string): string => text.replaceAll("\n", "").replaceAll("\u0001", "");
const hexOf = (format: number, content: Uint8Array): string =>
  `${format}:${Buffer.from(content).toString("hex")}`;
const asHex =
  (format: number): Format =>
  (from, start, end, into) => {
    into.addText(hexOf(format, from.buffer.subarray(start, end)));
    return true;
  };

describe("the ring", () => {
  it("gives back every line in order, whatever the lines and however they are taken", () => {
    const action = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }).map((line) => ({ offer: lineOf(line) })),
      fc.integer({ min: 1, max: 200 }).map((limit) => ({ take: limit })),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const ring = new Ring(ringMemory(100));
        const accepted: string[] = [];
        let taken = "";
        const take = (limit: number): boolean => {
          const lines = ring.peek(limit);
          if (!lines) return false;
          assert.equal(lines.at(-1), 10, "whole lines");
          taken += lines.toString();
          ring.consume(lines.length);
          return true;
        };
        for (const step of actions) {
          if ("take" in step) take(step.take);
          else if (ring.offer(step.offer)) accepted.push(Buffer.from(step.offer).toString());
          assert.equal(ring.pendingLines, accepted.length - (taken.split("\n").length - 1));
        }
        while (take(1000));
        assert.equal(taken, accepted.map((line) => `${line}\n`).join(""));
        assert.equal(ring.pendingBytes, 0);
      }),
    );
  });

  it("gives back frames as lines between lines, however many of them the file takes", () => {
    const action = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }).map((line) => ({ line: lineOf(line) })),
      fc.tuple(fc.uint8Array({ maxLength: 30 }), fc.nat({ max: 65_535 })).map((frame) => ({ frame })),
      fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat({ max: 300 })).map((take) => ({ take })),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const ring = new Ring(ringMemory(400));
        const accepted: string[] = [];
        let written = "";
        const take = (limit: number, room: number): boolean => {
          const entries = ring.peek(limit);
          if (!entries) return false;
          assert.equal(batchOf(entries, () => undefined)?.lines, entries.includes(1) ? undefined : entries);
          const { lines, entryBytes } = batchOf(entries, asHex)!;
          // As many whole lines as the file has room for, or the first.
          const end = lines.lastIndexOf(10, Math.max(room - 1, lines.indexOf(10))) + 1;
          written += lines.toString("utf8", 0, end);
          ring.consume(entryBytes(end));
          return true;
        };
        for (const step of actions) {
          if ("take" in step) take(...step.take);
          else if ("line" in step) {
            if (ring.offer(step.line)) accepted.push(Buffer.from(step.line).toString());
          } else {
            const [bytes, format] = step.frame;
            if (ring.offerFrame(frameOf(bytes), format)) accepted.push(hexOf(format, bytes));
          }
          assert.equal(ring.pendingLines, accepted.length - (written.split("\n").length - 1));
        }
        while (take(1000, 1000));
        assert.equal(written, accepted.map((line) => `${line}\n`).join(""));
      }),
    );
  });

  it("tells when the producer should make lines itself", () => {
    const ring = new Ring(ringMemory(4000));
    const frame = frameOf(Buffer.alloc(100));
    let taken = 0;
    for (; !ring.isBehind; taken += 1) assert.ok(ring.offerFrame(frame, 0));
    assert.ok(taken > 5 && taken < 15, `${taken}`);
    assert.ok(ring.offer("x".repeat(1000)), "lines have all of it");
    ring.consume(ring.peek(4000)!.length);
    assert.ok(!ring.isBehind);
  });

  it("begins at the front again while nothing waits, and goes on where something does", () => {
    const ring = new Ring(ringMemory(1 << 20));
    const line = "x".repeat(999);
    let taken = 0;
    for (let count = 0; count < 2000; count += 1) {
      assert.ok(ring.offer(line));
      // Each hundredth line has to wait for the next.
      if (count % 100 === 99) continue;
      for (let lines = ring.peek(1 << 20); lines; lines = ring.peek(1 << 20)) {
        taken += lines.length;
        ring.consume(lines.length);
      }
    }
    assert.equal(taken + ring.pendingBytes, 2_000_000);
    assert.ok(Buffer.from(ring.memory, 256).lastIndexOf("x") < (1 << 18) + 2000, "little of it is touched");
    for (let count = 0; count < 1000; count += 1) assert.ok(ring.offer(line), "but all of it can be");
  });

  it("takes a line again as soon as there is room", () => {
    const ring = new Ring(ringMemory(100));
    assert.ok(ring.offer("a".repeat(60)));
    assert.ok(!ring.offer("b".repeat(50)));
    ring.consume(ring.peek(1000)!.length);
    assert.ok(ring.offer("b".repeat(50)), "room at the front");
    assert.equal(ring.peek(1000)?.toString(), `${"b".repeat(50)}\n`);
  });

  it("refuses a line that is larger than itself", () => {
    assert.ok(!new Ring(ringMemory(100)).offer("x".repeat(100)));
  });
});
