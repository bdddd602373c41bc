import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RequestEvent } from "#dist/capture/event";
import { Packer, RequestDraft } from "#dist/record/draft";
import { printable } from "#dist/record/printable";
import { Formatter } from "#dist/record/formatter";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { bodyOfBytes, CONTEXT, requestEvent, STAMP } from "./events.js";
import { lineOf, written } from "./frames.js";
import { randomRequest } from "./random-request.js";

/**
 * A request that is packed, and whose line another thread makes, has the very line that it would have had at once.
 */
const EXTRA = { region: "north" };
const packer = new Packer();
const HEAD = "HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\n\r\n";
const request = (fields: Partial<RequestEvent>): RequestEvent =>
  requestEvent({ responseHeaders: HEAD, ...fields });

function packed(event: RequestEvent, extra: Record<string, unknown> = EXTRA): Buffer | undefined {
  const frame = new RequestDraft(event, STAMP, extra).packed(packer);
  return frame && written(frame);
}

const redactor = createRedactor();

/** What the caller would have written. UTF-8 has no half surrogate pairs: they end as U+FFFD. */
function atOnce(event: RequestEvent, extra: Record<string, unknown> = EXTRA, by = redactor): string {
  return Buffer.from(printable(new RequestDraft(event, STAMP, extra).line(by))).toString();
}

describe("the frame of a request", () => {
  it("has the line that the request would have had at once: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 3000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`frames: ${runs} requests, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    const formatter = new Formatter({});
    let made = 0;
    fc.assert(
      fc.property(randomRequest, (event) => {
        const content = packed(event);
        if (content === undefined) return;
        made += 1;
        const line = lineOf(formatter, content);
        assert.equal(lineOf(formatter, content), line, "each time");
        assert.deepEqual(JSON.parse(line), JSON.parse(atOnce(event)));
      }),
      { numRuns: runs, seed },
    );
    assert.ok(made > runs / 4, `${made} of ${runs} were packed`);
  });

  it("may have any character in any part", () => {
    const odd = ["", "\u0001", "\0\n\r", "|,;", "\u00e9\ud83d\ude00", "\u2028\u0085", "x".repeat(5000)];
    const formatter = new Formatter({});
    for (const text of odd) {
      const event = request({
        method: text,
        url: `/a?b=${text}`,
        clientIp: text,
        error: text,
        route: text,
        handler: text,
        requestHeaders: ["x-one", text, `x-${text}`, "two"],
        requestBody: bodyOfBytes(text),
        context: { ...CONTEXT, requestId: text.slice(0, 64), actor: () => ({ id: text, name: text }) },
        extra: { note: text, done: true, count: -0, none: null },
      });
      const content = packed(event);
      assert.ok(content);
      const line = lineOf(formatter, content);
      assert.equal(line, atOnce(event));
      assertRecord(line);
    }
  });

  it("keeps apart nothing from nothing", () => {
    const formatter = new Formatter({});
    const parts: Partial<RequestEvent>[] = [
      { requestBody: null },
      { requestBody: { chunks: [], bytes: 0, truncated: false } },
      { requestBody: { chunks: [], bytes: 9, truncated: true } },
      { requestBody: { chunks: [Buffer.from('{"a"'), Buffer.from(":1}")], bytes: 7, truncated: false } },
      { responseBody: null, status: null, responseHeaders: {} },
      { status: 0 },
      { clientIp: null, error: null, route: null, handler: null },
      { clientIp: "", error: "", route: "", handler: "" },
      { requestHeaders: [] },
      { context: undefined },
      { context: { ...CONTEXT, actor: () => null, extra: {}, parentId: null, traceId: null } },
      { context: { ...CONTEXT, actor: () => ({ id: undefined as never, at: new Date(0), roles: ["a"] }) } },
      { action: "order" },
      { action: "order", extra: { action: "other" } },
    ];
    for (const given of parts) {
      for (const extra of [{}, EXTRA]) {
        const event = request(given);
        const content = packed(event, extra);
        assert.ok(content, JSON.stringify(given));
        assert.equal(lineOf(formatter, content), atOnce(event, extra));
      }
    }
  });

  it("is made by the policy that held", () => {
    const policy: RedactionPolicy = {
      mask: ["note"],
      pseudonymise: ["name"],
      pseudonymKey: "0123456789abcdef",
    };
    const event = request({ requestBody: bodyOfBytes('{"note":"4711 0815","name":"Ada"}') });
    const line = lineOf(new Formatter(structuredClone(policy)), packed(event)!);
    assert.equal(line, atOnce(event, EXTRA, createRedactor(policy)));
    assert.notEqual(line, atOnce(event));
  });

  it("is not made of what is no text, of what runs the application's code, or of what is very large", () => {
    const unusual: Partial<RequestEvent>[] = [
      { extra: { patient: { id: 1 } } },
      { extra: { at: new Date(0) } },
      { extra: Object.defineProperty({}, "id", { enumerable: true, get: () => 1 }) },
      {
        extra: new Proxy(
          {},
          {
            ownKeys() {
              throw new Error("not for you");
            },
          },
        ),
      },
      { responseHeaders: { "x-one": "1" } },
      { url: `/${"x".repeat(1 << 18)}` },
      { requestBody: bodyOfBytes("x".repeat((1 << 20) + 1)) },
      { requestHeaders: Array.from({ length: 600 }, (_, index) => `x-${index}`) },
      {
        requestBody: {
          chunks: [],
          bytes: 1,
          truncated: false,
          parts: [],
        },
      },
    ];
    const context = { ...CONTEXT, extra: {} };
    for (const [index, given] of unusual.entries())
      assert.equal(packed(request({ context, action: null, ...given }), {}), undefined, `of number ${index}`);
  });

  it("that is none is a line that says so", () => {
    const formatter = new Formatter({});
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(500, 255)])
      assert.match(lineOf(formatter, bytes), /cannot be read/u);
  });
});
