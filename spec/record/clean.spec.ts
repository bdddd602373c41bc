import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encode, encodeWithFindings } from "#dist/record/encode";
import { buildRecord } from "#dist/record/build";
import { createRedactor } from "#dist/record/redactor";
import { httpCallEvent, rowEvent, STAMP } from "./events.js";
import { custom, randomRecord } from "./random-record.js";

/**
 * Most records are asked one question, "is there anything to hide?", and are not walked when the answer is no. The
 * walk is the truth here: of a record that is called clean it must find and change nothing.
 */
const redactor = createRedactor();

describe("a record that is called clean", () => {
  it("is one that the walk leaves alone: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 10_000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`clean: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    let clean = 0;
    fc.assert(
      fc.property(randomRecord, (given) => {
        if (!redactor.isClean(given)) return;
        clean += 1;
        const { line, findings } = encodeWithFindings(given, redactor);
        assert.deepEqual(findings, []);
        assert.equal(JSON.stringify(given), line);
      }),
      { numRuns: runs, seed },
    );
    assert.ok(clean > runs / 10 && clean < runs, `${clean} of ${runs} were clean`);
  });

  it("is what usual records are", () => {
    const usual = [
      custom({ note: "seen", items: [{ sku: "A-100" }] }),
      buildRecord(rowEvent({}), STAMP)!,
      buildRecord(httpCallEvent({ requestHeaders: { accept: "*/*" } }), STAMP),
    ];
    assert.deepEqual(
      usual.map((one) => redactor.isClean(one)),
      [true, true, true],
    );
  });

  it("is none of these", () => {
    const deep = JSON.parse(`${"[".repeat(40)}1${"]".repeat(40)}`) as unknown;
    const doubtful = [
      custom({ pin: 1 }),
      custom({ pairs: [["password", "x"]] }),
      custom({ deep }),
      custom({ many: Array.from({ length: 1001 }, () => 1) }),
      custom({ long: "x".repeat(32_769) }),
      custom({ all: Array.from({ length: 9 }, () => "x".repeat(32_000)) }),
      custom({ number: Infinity }),
      custom({ at: new Date(0) }),
      custom({ list: Object.assign([1], { toJSON: () => 2 }) }),
      { ...custom({}), route: "/reset/:token", request_repr: { path: "/reset/x" } },
      new Map(),
    ];
    assert.deepEqual(
      doubtful.filter((one) => redactor.isClean(one)),
      [],
    );
    const cards = createRedactor({ detect: true });
    assert.equal(cards.isClean(custom({ paid_with: 4111111111111111 })), false);
    assert.doesNotMatch(encode(custom({ paid_with: 4111111111111111 }), cards), /4111/u);
  });

  it("knows names again that come in another order, and after more of them than it remembers", () => {
    const own = createRedactor();
    const dirty = [{ ward: 4, pin: 1234 }, { pin: 1234, ward: 4 }, { ward: { pin: 1234 } }, [{ pin: 1234 }]];
    const clean = [{ ward: 4, bed: 1 }, { bed: 1, ward: 4 }, { ward: { bed: 1 } }, [{ bed: 1 }]];
    const answers = (): boolean[] => [...dirty, ...clean].map((extra) => own.isClean(custom({ extra })));
    const right = [false, false, false, false, true, true, true, true];
    assert.deepEqual(answers(), right);
    for (let number = 0; number < 10_000; number += 1) {
      own.isClean(custom({ [`measured_${number}`]: 1, bed: 2 }));
      if (number % 2500 === 0) assert.deepEqual(answers(), right);
    }
    assert.deepEqual(answers(), right);
  });
});
