import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeLine } from "#dist/record/encode";
import { Formatter } from "#dist/record/formatter";
import { At, RecordFrame } from "#dist/record/record-frame";
import { createRedactor } from "#dist/record/redactor";
import { shapes } from "#dist/record/shape";
import { bytesOf, lineOf, written } from "./frames.js";

const formatter = new Formatter({});
const redactor = createRedactor();

function packed(frame: RecordFrame, record: object): Buffer {
  assert.ok(frame.pack(record));
  return written(frame);
}

/** Packs a record, and sees that its line is the right one; the number of its shape, or -1. */
function numberOf(frame: RecordFrame, record: object): number {
  const content = packed(frame, record);
  assert.equal(lineOf(formatter, content), encodeLine(record, redactor));
  return content.readInt32LE(At.SHAPE);
}

const usualRecord = (id: number): object => ({ id, user: { name: "Ana", none: undefined }, list: [{ id }] });

describe("the shape of records", () => {
  it("has a number once it came often, the same for the same names in the same order", () => {
    const frame = new RecordFrame();
    const first = Array.from({ length: 6 }, (_, index) => numberOf(frame, usualRecord(index)));
    const number = first.at(-1)!;
    assert.deepEqual(first, [-1, -1, -1, number, number, number]);
    assert.deepEqual(shapes[number], ["=id", "{user", "=name", "!none", "}", "=list"]);
    for (const other of [
      { user: { name: "Ana", none: undefined }, id: 1, list: [] },
      { id: 1, user: { name: "Ana", none: null }, list: [] },
      { id: 1, user: { name: "Ana", none: undefined, list: [] } },
      { id: 1, user: { name: "Ana", none: undefined } },
      { id: 1, user: "Ana" },
      { id: 1, "user ": { name: "Ana", none: undefined }, list: [] },
    ]) {
      assert.notEqual(numberOf(frame, other), number);
      assert.equal(numberOf(frame, usualRecord(1)), number);
    }
    assert.equal(numberOf(frame, { ...usualRecord(1), list: 4711 }), number, "values may be others");
  });

  it("keeps its number however many others there are, of which not all get one", () => {
    const frame = new RecordFrame();
    const usual = { id: 1, name: "Ana" };
    const number = [1, 2, 3, 4].map(() => numberOf(frame, usual)).at(-1)!;
    assert.ok(number >= 0);
    let unnumbered = 0;
    for (let index = 0; index < 6000; index += 1) {
      const record = { id: 1, [`of ${index}`]: { a: 1, b: 2, c: 3, d: 4 } };
      const numbers = [1, 2, 3, 4].map(() => numberOf(frame, record));
      if (numbers.at(-1) === -1) unnumbered += 1;
    }
    assert.equal(numberOf(frame, usual), number);
    assert.ok(unnumbered > 1000 && unnumbered < 5000, `${unnumbered}`);
  });

  it("that a thread has not been told of makes it wait", () => {
    const content = packed(new RecordFrame(), { id: 1 });
    content.writeUInt32LE(shapes.length, At.SHAPE);
    const into = bytesOf(Buffer.from("before"));
    assert.equal(formatter.write(bytesOf(content), 0, content.length, into), false);
    assert.equal(into.length, 6);
  });
});
