/**
 * Ids of records: UUIDv7 as RFC 9562 has it, read by the library's own reader.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UUID } from "uuidv7";
import { newRecordId, newSpanId } from "#dist/ids";

describe("a new record's id", () => {
  it("is a UUID of version 7 with the time in it, later than all before and like none of them", () => {
    const from = Date.now();
    const ids = Array.from({ length: 100_000 }, () => newRecordId());
    const until = Date.now();
    for (const id of ids) {
      const uuid = UUID.parse(id);
      assert.equal(uuid.toString(), id);
      assert.equal(uuid.getVersion(), 7);
    }
    assert.deepEqual(ids.toSorted(), ids);
    assert.equal(new Set(ids).size, ids.length);
    const [first, last] = [ids[0]!, ids.at(-1)!].map((id) =>
      Number.parseInt(id.replace("-", "").slice(0, 12), 16),
    );
    // Many of one millisecond may run a little ahead of the clock.
    assert.ok(first! >= from && last! <= until + 1);
  });
});

describe("a new span's id", () => {
  it("is 16 lower-case digits, not all zero", () => {
    const ids = Array.from({ length: 1000 }, () => newSpanId());
    for (const id of ids) assert.match(id, /^(?!0{16})[0-9a-f]{16}$/u);
    assert.equal(new Set(ids).size, ids.length);
  });
});
