import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestEvent } from "#dist/capture/event";
import { buildRecord } from "#dist/record/build";
import { encodeLine } from "#dist/record/encode";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { assertSaysTheSame } from "./both-ways.js";
import { bodyOfBytes, CONTEXT, requestEvent, STAMP } from "./events.js";
import { randomRequest } from "./random-request.js";

/**
 * The line of a usual request is put together from pieces of text. What it has to say is what the long way says:
 * record, walk, JSON. Bodies are spliced in as they came, so both are compared as what they parse to.
 */
const redactor = createRedactor();
const HEAD = 'HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\nETag: W/"a-b"\r\n\r\n';

function short(event: RequestEvent, by = redactor): string | undefined {
  return by.requests.line(event, STAMP, {});
}

function long(event: RequestEvent, by = redactor): unknown {
  return JSON.parse(encodeLine(buildRecord(event, STAMP), by));
}

describe("the line of a request", () => {
  it("says by the short way what it says by the long one: fuzz", () => {
    assertSaysTheSame("request lines", randomRequest, short, long, 1 / 20);
  });

  it("is made by the short way for usual requests, with the names of headers hidden that must be", () => {
    const given = requestEvent({
      requestHeaders:
        `Host|a.example|Authorization|Bearer mF_9.B5f-4.1JqM|Cookie|sid=s%3Aq8LrT2; theme=dark|Accept|
        application/json, */*|Content-Type|application/json|X-Note|say "so"`.split(/\|\s*/u),
      requestBody: bodyOfBytes(
        '{"customer":{"id":4711,"name":"Zoë"},"items":[{"sku":"A-100","price":19.99}],"at":"09:12"}',
      ),
      responseHeaders: HEAD,
      responseBody: bodyOfBytes(
        '{"id":"p-1","links":{"self":"https://a.example/p-1"},"text":"it\'s \\"done\\""}',
      ),
    });
    for (const turn of ["first", "second"]) {
      const line = short(given);
      assert.ok(line, turn);
      assert.equal(line, encodeLine(buildRecord(given, STAMP), redactor));
      const { redacted } = assertRecord(line);
      assert.deepEqual(redacted, ["/request_repr/headers/authorization", "/request_repr/headers/cookie"]);
    }
  });

  it("writes a name once that comes twice, with the value that it has for who reads it", () => {
    const headers = { responseHeaders: HEAD, requestHeaders: ["Content-Type", "application/json"] };
    const line = short(requestEvent({ ...headers, requestBody: bodyOfBytes('{"a":"hidden","a":2}') }))!;
    assert.match(line, /"body":\{"a":2\}/u);
  });

  it("keeps the digits of numbers that JavaScript has no number for", () => {
    const headers = { responseHeaders: HEAD, requestHeaders: ["Content-Type", "application/json"] };
    const line = short(
      requestEvent({ ...headers, requestBody: bodyOfBytes('{"id":12345678901234567890,"at":1.50}') }),
    )!;
    assert.match(line, /"body":\{"id":12345678901234567890,"at":1.50\}/u);
  });

  it("leaves to the long way what is hidden by more than the name of a header", () => {
    const secrets: Partial<RequestEvent>[] = [
      { requestBody: bodyOfBytes('{"password":"hunter2"}') },
      { requestBody: bodyOfBytes('{"list":[["password","hunter2"]]}') },
      { requestBody: bodyOfBytes(`${"[".repeat(40)}${"]".repeat(40)}`) },
      { responseBody: bodyOfBytes(JSON.stringify(Array.from({ length: 1001 }, () => 1))) },
      {
        requestHeaders: [
          "Authorization",
          "Bearer abcdefgh",
          "X-Echo",
          "abcdefgh",
          "Content-Type",
          "application/json",
        ],
      },
      { requestHeaders: ["X-A", "1", "x-a", "2"] },
      { url: "/a?token=abcdefgh" },
      { route: "/reset/:token", url: "/reset/abcdefgh" },
      { error: new Error("wrong password: hunter2") },
      { extra: { token: "abcdefgh" } },
      { context: { ...CONTEXT, actor: () => ({ id: 1, pin: 1234 }) } },
    ];
    const usual = { responseHeaders: HEAD, requestHeaders: ["Content-Type", "application/json"] };
    assert.ok(short(requestEvent(usual)));
    assert.deepEqual(
      secrets.filter((given) => short(requestEvent({ ...usual, ...given })) !== undefined),
      [],
    );
  });

  it("follows the policy", () => {
    const policies: RedactionPolicy[] = [
      { mask: ["client_ip"] },
      { redact: ["method"] },
      { redact: ["note"] },
      { detect: true },
      { limits: { string: 10 } },
    ];
    const given = requestEvent({
      responseHeaders: HEAD,
      requestHeaders: ["Content-Type", "application/json"],
      requestBody: bodyOfBytes('{"note":"4111111111111111"}'),
    });
    for (const policy of policies) assert.equal(short(given, createRedactor(policy)), undefined);
    const kept = createRedactor({ keep: ["authorization"], mask: ["x-phone"] });
    const headers = { ...given, requestHeaders: ["Authorization", "abc", "X-Phone", "+41 79 123 45 67"] };
    assert.deepEqual(JSON.parse(short(headers, kept)!), long(headers, kept));
  });
});
