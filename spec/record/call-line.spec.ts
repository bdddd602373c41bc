import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HttpCallEvent } from "#dist/capture/event";
import { buildRecord } from "#dist/record/build";
import { CallDraft } from "#dist/record/draft";
import { encodeLine } from "#dist/record/encode";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { assertSaysTheSame } from "./both-ways.js";
import { bodyOfBytes, CONTEXT, httpCallEvent, STAMP } from "./events.js";
import { randomCall } from "./random-call.js";

/**
 * The line of a usual call is put together from pieces of text, as that of a request is; what it has to say is what the
 * long way says. Bodies are spliced in as they came, so both are compared as what they parse to.
 */
const redactor = createRedactor();
const SECRET = "Bearer mF_9.B5f-4.1JqM";

function short(event: HttpCallEvent, by = redactor): string | undefined {
  return by.calls.line(event, STAMP, {});
}

function long(event: HttpCallEvent, by = redactor): unknown {
  return JSON.parse(encodeLine(buildRecord(event, STAMP), by));
}

const JSON_TYPE = { "content-type": "application/json" };
const usual: Partial<HttpCallEvent> = {
  url: "http://127.0.0.1:8080/api/orders?src=web",
  requestHeaders: { Accept: "*/*", "Content-Type": "application/json", Authorization: SECRET },
  requestBody: '{"customer":{"id":4711,"name":"Zoë"},"note":"say \\"so\\""}',
  responseHeaders: { ...JSON_TYPE, connection: "keep-alive" },
  responseBody: { id: "p-1", links: { self: "/orders/p-1" } },
};

describe("the line of a call", () => {
  it("says by the short way what it says by the long one: fuzz", () => {
    assertSaysTheSame("call lines", randomCall, short, long, 1 / 30);
  });

  it("is made by the short way for usual calls, in every form that captures have headers and bodies in", () => {
    const head = `POST /api HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: ${SECRET}\r\n\r\n`;
    const list = ["content-type", "application/json", "x-powered-by", "us"];
    const forms: Partial<HttpCallEvent>[] = [
      usual,
      { ...usual, responseBody: '{"id":"p-1"}' },
      { ...usual, requestHeaders: head, responseHeaders: list, requestBody: null, responseBody: null },
      { ...usual, requestBody: bodyOfBytes('{"a":1}'), responseBody: bodyOfBytes('{"b":[true]}') },
      { ...usual, requestBody: { $stream: true, bytes: 4, sha256: null }, responseBody: "plain text" },
      { ...usual, status: null, responseHeaders: {}, error: new Error("connect ECONNREFUSED 127.0.0.1:9") },
      { ...usual, context: undefined, handler: null, service: "" },
      { ...usual, context: { ...CONTEXT, recordId: null, parentId: "cause-1" } },
      { ...usual, requestBody: "a=1&b=2", requestHeaders: { authorization: SECRET } },
      { ...usual, requestBody: '{"untold":1}', requestHeaders: { authorization: SECRET } },
    ];
    for (const form of forms) {
      for (const turn of ["first", "second"]) {
        const given = httpCallEvent(form);
        const line = short(given);
        assert.ok(line, `${turn} of ${JSON.stringify(form)}`);
        assert.equal(line, encodeLine(buildRecord(given, STAMP), redactor));
        assert.deepEqual(assertRecord(line).redacted, ["/request_repr/headers/authorization"]);
      }
    }
  });

  it("leaves to the long way what is hidden by more than the name of a header, and what is seldom", () => {
    const others: Partial<HttpCallEvent>[] = [
      { requestBody: '{"password":"hunter2"}' },
      { responseBody: { password: "hunter2" } },
      { responseBody: bodyOfBytes('{"list":[["password","hunter2"]]}') },
      { requestHeaders: { authorization: SECRET, "x-echo": SECRET.slice(7) } },
      { requestHeaders: { "X-A": "1", "x-a": "2" } },
      { responseHeaders: { "set-cookie": ["a=b"] } },
      { url: "https://ana:s3cret@apollo.example/" },
      { url: "https://apollo.example/?token=abcdefgh" },
      { error: new Error("wrong password: hunter2") },
      { extra: { token: "abcdefgh" } },
      { context: { ...CONTEXT, actor: () => ({ id: 1, pin: 1234 }) } },
      { redirectedTo: "https://apollo.example/b" },
      {
        attempts: [
          { status: 503, error: null, durationMs: 1 },
          { status: 200, error: null, durationMs: 1 },
        ],
      },
    ];
    assert.ok(short(httpCallEvent(usual)));
    assert.deepEqual(
      others.filter((given) => short(httpCallEvent({ ...usual, ...given })) !== undefined),
      [],
    );
  });

  it("follows the policy", () => {
    const policies: RedactionPolicy[] = [
      { mask: ["endpoint"] },
      { redact: ["note"] },
      { detect: true },
      { limits: { string: 10 } },
    ];
    const given = httpCallEvent(usual);
    for (const policy of policies) assert.equal(short(given, createRedactor(policy)), undefined);
    const kept = createRedactor({ keep: ["authorization"], mask: ["x-phone"] });
    const headers = { ...given, requestHeaders: { Authorization: "abc", "X-Phone": "+41 79 123 45 67" } };
    assert.deepEqual(JSON.parse(short(headers, kept)!), long(headers, kept));
  });

  it("is what its draft gives, by either way, with the application's fields", () => {
    const extra = { region: "north" };
    for (const form of [usual, { ...usual, requestBody: '{"password":"hunter2"}' }]) {
      const given = httpCallEvent(form);
      const draft = new CallDraft(given, STAMP, extra);
      const record = buildRecord(given, STAMP)!;
      record.extra = { ...extra, ...record.extra };
      assert.equal(draft.line(redactor), encodeLine(record, redactor));
      assert.deepEqual(draft.record(), record);
    }
  });
});
