import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encode, encodeWithFindings } from "#dist/record/encode";
import { buildCustom } from "#dist/record/stated";
import { buildRecord } from "#dist/record/build";
import { createRedactor } from "#dist/record/redactor";
import { SECRET_NAMES } from "./corpus.js";
import { AT, CONTEXT, httpCallEvent, rowEvent, STAMP } from "./events.js";
import { HARMLESS_FIELDS, HARMLESS_TEXTS } from "./harmless.js";

/**
 * Most records are asked one question, "is there anything to hide?", and are not walked when the answer is no. The
 * walk is the truth here: of a record that is called clean it must find and change nothing.
 */
const redactor = createRedactor();
const MOMENT = { at: AT, context: CONTEXT };

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.keys(HARMLESS_FIELDS)) },
  { weight: 1, arbitrary: fc.constantFrom(...SECRET_NAMES) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("value", "params", "values", "rawHeaders", "name", "key", "query", "toJSON"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("user[password]", "a.token", "pass word", "ｐin", "__proto__", "\u2028"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant("k".repeat(300)) },
);
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HARMLESS_TEXTS) },
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "password=hunter2",
      '{"token":"abcdefgh"}',
      "api key: 12345678",
      "https://ana:secret@example.org/",
      "https://example.org/?a=b%26token%3Dx",
      "select * from users where password = 'hunter2'",
      "<password>hunter2</password>",
      "Bearer mF_9.B5f-4.1JqM",
      "sent ghp_0123456789abcdefghijklmnopqrstuvwxyz",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2ln",
      "AKIAIOSFODNN7EXAMPLE is the key",
      "\u0085\u2028",
      "x".repeat(40_000),
    ),
  },
);
const leaf = fc.oneof(
  { weight: 8, arbitrary: text },
  { weight: 6, arbitrary: fc.constantFrom<unknown>(null, true, 0, 4711, -1.5, 1e21, "", undefined) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(NaN, 12n, Symbol("x"), new Date(0), new Map(), () => 1),
  },
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.dictionary(name, tie("tree"), { maxKeys: 4 }),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.tuple(name, tie("tree")).map((pair) => [pair]),
  ),
}));
const custom = (extra: Record<string, unknown>): object =>
  buildCustom({ action: "a.b", extra }, MOMENT, STAMP);
const fields = fc.dictionary(name, tree, { maxKeys: 4 });

const record = fc.oneof(
  fields.map(custom),
  fc
    .tuple(tree, tree, fields)
    .map(([requestBody, responseBody, extra]) =>
      buildRecord(httpCallEvent({ requestBody, responseBody, extra, url: "https://a.example/x" }), STAMP),
    ),
  fields.map((after) => buildRecord(rowEvent({ after }), STAMP)!),
  fields,
) as fc.Arbitrary<object>;

describe("a record that is called clean", () => {
  it("is one that the walk leaves alone: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 10_000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`clean: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    let clean = 0;
    fc.assert(
      fc.property(record, (given) => {
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
