import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { HttpCallEvent } from "#dist/capture/event";
import { CallDraft, Packer } from "#dist/record/draft";
import { printable } from "#dist/record/printable";
import { Formatter } from "#dist/record/formatter";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { bodyOfBytes, CONTEXT, httpCallEvent, STAMP } from "./events.js";
import { lineOf, written } from "./frames.js";
import { randomCall } from "./random-call.js";

/**
 * A call that is packed, and whose line another thread makes, has the very line that it would have had at once.
 */
const EXTRA = { region: "north" };
const packer = new Packer();
const redactor = createRedactor();

function packed(event: HttpCallEvent, extra: Record<string, unknown> = EXTRA): Buffer | undefined {
  const frame = new CallDraft(event, STAMP, extra).packed(packer);
  return frame && written(frame);
}

/** Whether its raw parts are packed, and not its record. */
function isRaw(event: HttpCallEvent, extra: Record<string, unknown> = EXTRA): boolean {
  return packer.call.pack(event, STAMP.serviceName, extra);
}

/** What the caller would have written. UTF-8 has no half surrogate pairs: they end as U+FFFD. */
function atOnce(event: HttpCallEvent, extra: Record<string, unknown> = EXTRA, by = redactor): string {
  return Buffer.from(printable(new CallDraft(event, STAMP, extra).line(by))).toString();
}

describe("the frame of a call", () => {
  it("has the line that the call would have had at once: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 3000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`frames: ${runs} calls, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    const formatter = new Formatter({});
    let raw = 0;
    fc.assert(
      fc.property(randomCall, (event) => {
        const content = packed(event);
        if (content === undefined || !isRaw(event)) return;
        raw += 1;
        const line = lineOf(formatter, content);
        assert.equal(lineOf(formatter, content), line, "each time");
        assert.equal(line, atOnce(event));
      }),
      { numRuns: runs, seed },
    );
    assert.ok(raw > runs / 4 && raw < runs, `${raw} of ${runs} were packed raw`);
  });

  it("may have any character in any part", () => {
    const odd = ["", "\u0001", "\0\n\r", "|,;", "\u00e9\ud83d\ude00", "\u2028\u0085", "x".repeat(5000)];
    const formatter = new Formatter({});
    for (const text of odd) {
      const event = httpCallEvent({
        service: text.slice(0, 64),
        method: text,
        url: `https://a.example/a?b=${text}`,
        error: text,
        handler: text.slice(0, 64),
        requestHeaders: { "x-one": text, [`x-${text}`]: "two", __proto__: "three" },
        requestBody: text,
        responseHeaders: ["x-one", text, `x-${text}`, "two"],
        responseBody: { [text]: [text, null, -0, 1.5, { deep: text }] },
        context: { ...CONTEXT, requestId: text.slice(0, 64), actor: () => ({ id: text, name: text }) },
        extra: { note: text, done: true, count: -0, none: null },
      });
      assert.ok(isRaw(event));
      const line = lineOf(formatter, packed(event)!);
      assert.equal(line, atOnce(event));
      assertRecord(line);
    }
  });

  it("keeps headers and bodies in the form in which they were seen", () => {
    const formatter = new Formatter({});
    const parts: Partial<HttpCallEvent>[] = [
      { requestBody: null, responseBody: undefined },
      { requestBody: "", responseBody: '{"a":1}' },
      { requestBody: "null", responseBody: "[1" },
      { requestBody: { chunks: [], bytes: 0, truncated: false } },
      { requestBody: { chunks: [], bytes: 9, truncated: true } },
      { requestBody: { chunks: [Buffer.from('{"a"'), Buffer.from(":1}")], bytes: 7, truncated: false } },
      { requestBody: bodyOfBytes("é"), responseBody: bodyOfBytes('{"b":2}') },
      { requestBody: { $stream: true, bytes: 4, sha256: null }, responseBody: [1, "two", [null]] },
      { requestBody: 0, responseBody: false },
      { requestHeaders: "POST / HTTP/1.1\r\nAccept: */*\r\n\r\n", responseHeaders: "" },
      { requestHeaders: {}, responseHeaders: [] },
      { requestHeaders: ["X-A", "1", "x-a", "2"], responseHeaders: { "X-A": "1", "x-a": "2" } },
      { responseHeaders: { "set-cookie": ["a=1; Path=/", "b=2"], etag: "x" } },
      { responseHeaders: { ["__proto__"]: "a", "set-cookie": ["a=1"] } },
      { status: null },
      { status: 0 },
      { error: null, handler: null, service: "" },
      { error: "", handler: "" },
      { context: undefined },
      { context: { ...CONTEXT, recordId: null, parentId: "cause-1" } },
      { context: { ...CONTEXT, actor: () => null, extra: {}, recordId: null, traceId: null } },
      { context: { ...CONTEXT, actor: () => ({ id: undefined as never, at: new Date(0), roles: ["a"] }) } },
      { attempts: [{ status: 200, error: null, durationMs: 1 }] },
      { protocol: "http" },
    ];
    for (const given of parts) {
      for (const extra of [{}, EXTRA]) {
        const event = httpCallEvent(given);
        assert.ok(isRaw(event, extra), JSON.stringify(given));
        assert.equal(lineOf(formatter, packed(event, extra)!), atOnce(event, extra), JSON.stringify(given));
      }
    }
  });

  it("is made by the policy that held", () => {
    const policy: RedactionPolicy = {
      mask: ["note"],
      pseudonymise: ["name"],
      pseudonymKey: "0123456789abcdef",
    };
    const event = httpCallEvent({
      requestHeaders: { authorization: "Bearer mF_9.B5f-4.1JqM" },
      requestBody: '{"note":"4711 0815","name":"Ada"}',
      responseBody: { note: "4711 0816", password: "hunter2" },
    });
    assert.ok(isRaw(event));
    const line = lineOf(new Formatter(structuredClone(policy)), packed(event)!);
    assert.equal(line, atOnce(event, EXTRA, createRedactor(policy)));
    assert.doesNotMatch(line, /4711|Ada|hunter2|JqM/u);
  });

  it("is not made of what is no text, of what runs the application's code, or of what is seldom", () => {
    const formatter = new Formatter({});
    const throwing = {
      get() {
        throw new Error("not for you");
      },
    };
    const unusual: Partial<HttpCallEvent>[] = [
      { extra: { patient: { id: 1 } } },
      { extra: Object.defineProperty({}, "id", { enumerable: true, get: () => 1 }) },
      { requestHeaders: { "x-odd": 42 } },
      { requestHeaders: { "x-odd": undefined } },
      { requestHeaders: Object.defineProperty({}, "x-odd", { enumerable: true, ...throwing }) },
      { requestHeaders: Array.from({ length: 600 }, (_, index) => `x-${index}`) },
      { requestBody: { chunks: [], bytes: 1, truncated: false, parts: [] } },
      { responseBody: bodyOfBytes("x".repeat((1 << 20) + 1)) },
      { url: `https://a.example/${"x".repeat(1 << 18)}` },
      { redirectedTo: "https://a.example/b" },
      {
        attempts: [
          { status: 503, error: null, durationMs: 1 },
          { status: 200, error: null, durationMs: 1 },
        ],
      },
    ];
    const context = { ...CONTEXT, extra: {} };
    for (const [index, given] of unusual.entries()) {
      const event = httpCallEvent({ context, ...given });
      assert.ok(!isRaw(event, {}), `of number ${index}`);
    }
    const several = httpCallEvent(unusual.at(-1)!);
    assert.equal(lineOf(formatter, packed(several)!), atOnce(several));
  });

  it("is not made where the application says what JSON is", () => {
    const event = httpCallEvent({ responseBody: { a: [1] } });
    const prototype = Array.prototype as { toJSON?: unknown };
    assert.ok(isRaw(event));
    prototype.toJSON = () => "mine";
    try {
      assert.ok(!isRaw(event));
    } finally {
      delete prototype.toJSON;
    }
  });

  it("that is none is a line that says so", () => {
    const formatter = new Formatter({});
    for (const size of [1, 100, 500])
      assert.match(lineOf(formatter, Buffer.alloc(size, 3)), /cannot be read/u);
  });
});
