import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { UnderWay } from "#dist/capture/under-way";

describe("the requests under way", () => {
  it("are those that were added and not deleted, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (steps) => {
        const requests = Array.from({ length: 10 }, (_, id) => ({ id, place: -1 }));
        const open = new UnderWay<(typeof requests)[number]>();
        const expected = new Set<number>();
        for (const id of steps) {
          // Each turn of a request adds it, and the next one deletes it; some are deleted that are not there.
          if (id === 0 || expected.has(id)) {
            open.delete(requests[id]!);
            expected.delete(id);
          } else {
            open.add(requests[id]!);
            expected.add(id);
          }
          assert.equal(open.size, expected.size);
          assert.deepEqual(new Set(open.all().map((request) => request.id)), expected);
        }
      }),
    );
  });
});
