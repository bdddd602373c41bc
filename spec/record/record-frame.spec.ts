import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Bytes } from "#dist/record/bytes";
import { encodeLine } from "#dist/record/encode";
import { printable } from "#dist/record/printable";
import { Formatter } from "#dist/record/formatter";
import { RecordFrame, shapeOf, unpackRecord } from "#dist/record/record-frame";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { buildRecord } from "#dist/record/build";
import { httpCallEvent, requestEvent, rowEvent, STAMP } from "./events.js";
import { bytesOf, lineOf, written } from "./frames.js";
import { custom, randomRecord } from "./random-record.js";

/**
 * A record that is packed, and whose line another thread makes, has the very line that it would have had at once.
 */
const redactor = createRedactor();
const formatter = new Formatter({});

/** Packs a record so often that its shape has a number. */
function packed(record: object, times = 4): Buffer | undefined {
  const frame = new RecordFrame();
  for (let time = 1; time < times; time += 1) if (!frame.pack(record)) return undefined;
  return frame.pack(record) ? written(frame) : undefined;
}

/** The line that is made without the record; undefined if it must be built. */
function shortLine(content: Buffer): string | undefined {
  const into = new Bytes();
  if (redactor.packed.write(bytesOf(content), 0, into)) return into.buffer.toString("utf8", 0, into.length);
  assert.equal(into.length, 0, "nothing is left of it");
  return undefined;
}

function unpacked(content: Buffer): object {
  const { buffer, view, length } = bytesOf(content);
  return unpackRecord(buffer, view, 0, shapeOf(buffer, view, 0, length)!);
}

/** What the caller would have written. UTF-8 has no half surrogate pairs: they end as U+FFFD. */
function atOnce(record: object, by = redactor): string {
  return Buffer.from(printable(encodeLine(record, by))).toString();
}

describe("the frame of a record", () => {
  it("has the line that the record would have had at once: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 5000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`record frames: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    let made = 0;
    let short = 0;
    fc.assert(
      fc.property(randomRecord, (record) => {
        const content = packed(record);
        if (content === undefined) return;
        made += 1;
        const line = shortLine(content);
        if (line !== undefined) {
          short += 1;
          assert.equal(line, printable(JSON.stringify(unpacked(content))));
          assert.ok(redactor.isClean(unpacked(content)), "only of what is clean");
        }
        assert.equal(lineOf(formatter, content), atOnce(record));
        assert.equal(lineOf(formatter, packed(record, 1)!), atOnce(record), "with its names");
      }),
      { numRuns: runs, seed },
    );
    assert.ok(made > runs / 4 && made < runs, `${made} of ${runs} were packed`);
    assert.ok(short > runs / 10 && short < made, `${short} of ${made} by the short way`);
  });

  it("is made of usual records, and by the short way of those that are clean", () => {
    for (const record of [
      custom({ note: "seen", items: [{ sku: "A-100", price: -0.5 }], none: undefined, list: [undefined, 1] }),
      buildRecord(rowEvent({}), STAMP)!,
      buildRecord(httpCallEvent({ requestHeaders: { accept: "*/*" } }), STAMP)!,
      buildRecord(requestEvent({ requestHeaders: ["Accept", "*/*"] }), STAMP)!,
    ]) {
      const content = packed(record)!;
      assert.equal(shortLine(content), atOnce(record));
      assert.equal(lineOf(formatter, content), atOnce(record));
    }
  });

  it("has U+FFFD for halves of surrogate pairs, also where two stand side by side in different texts", () => {
    const record = custom({ list: ["\ud83d", "\ude00"], "a\ud83d": "\ude00" });
    const line = lineOf(formatter, packed(record)!);
    assert.equal(line, atOnce(record));
    assert.deepEqual(JSON.parse(line).extra, {
      tenant: "north",
      list: ["\ufffd", "\ufffd"],
      "a\ufffd": "\ufffd",
    });
    assert.doesNotMatch(line, /\\ud/u);
  });

  it("hides what the policy says that held", () => {
    const policy: RedactionPolicy = {
      mask: ["note"],
      pseudonymise: ["sku"],
      pseudonymKey: "0123456789abcdef",
    };
    const record = custom({ note: "4711 0815", items: [{ sku: "A-100" }], password: "hunter2" });
    const line = lineOf(new Formatter(structuredClone(policy)), packed(record)!);
    assert.equal(line, atOnce(record, createRedactor(policy)));
    assert.doesNotMatch(line, /4711 0815|A-100|hunter2/u);
  });

  it("hides what stands under a name of ours that the policy hides, where it can be no identifier", () => {
    const policy: RedactionPolicy = { redact: ["event", "chain", "row_count"] };
    const by = createRedactor(policy);
    for (const value of [{ from: "Bern" }, ["Bern"], "Bern", "x".repeat(2000), 4711, true, null]) {
      const record = { event: value, chain: value, row_count: value };
      assert.equal(lineOf(new Formatter(policy), packed(record)!), atOnce(record, by));
    }
    assert.doesNotMatch(lineOf(new Formatter(policy), packed({ event: { from: "Bern" } })!), /Bern/u);
  });

  it("is not made of what is no plain data, of what runs the application's code, or of what is very large", () => {
    class Money {
      amount = 1;
    }
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
    const unusual: unknown[] = [
      new Map(),
      new Money(),
      new Date(0),
      Buffer.from("a"),
      12n,
      Symbol("x"),
      () => 1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      cycle,
      deep,
      { toJSON: () => 1 },
      Object.assign([1], { toJSON: () => 1 }),
      "x".repeat(1 << 20),
      Array.from({ length: 5000 }, () => 0),
      Array.from({ length: 1000 }, () => 0.5),
      Array.from({ length: 5 }, () => Array.from({ length: 1000 }, () => "")),
      {
        get not() {
          throw new Error("for you");
        },
      },
      Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, 0])),
    ];
    for (const [index, value] of unusual.entries())
      assert.equal(packed({ value }), undefined, `of number ${index}`);
    assert.ok(packed({ value: "usual" }), "and goes on afterwards");
  });
});
