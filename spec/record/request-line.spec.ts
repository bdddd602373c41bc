import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RequestEvent } from "#dist/capture/event";
import { buildRecord } from "#dist/record/build";
import { encodeLine } from "#dist/record/encode";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { SECRET_NAMES } from "./corpus.js";
import { bodyOfBytes, CONTEXT, requestEvent, STAMP } from "./events.js";
import { HARMLESS_FIELDS, HARMLESS_TEXTS } from "./harmless.js";

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

const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...Object.keys(HARMLESS_FIELDS)) },
  { weight: 1, arbitrary: fc.constantFrom(...SECRET_NAMES) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "value",
      "values",
      "name",
      "user[pin]",
      "a.token",
      "p in",
      "ｐin",
      "__proto__",
      "",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);
const text = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...HARMLESS_TEXTS) },
  { weight: 8, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "password=hunter2",
      "pin\n: 12345678",
      "to\u001bken: 12345678",
      '{"token":"abcdefgh"}',
      '[["password","hunter2"],"https://a/","a@b.example","k=v"]',
      "https://ana:secret@example.org/",
      "https://example.org/?a=b%26token%3Dx",
      "select * from users where password = 'hunter2'",
      "it's what you select from it",
      "<password>hunter2</password>",
      "Bearer mF_9.B5f-4.1JqM",
      "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
      "\u0085\u2028",
      "mF_9.B5f-4.1JqM was sent",
    ),
  },
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: text },
    { weight: 4, arbitrary: fc.constantFrom<unknown>(null, true, 0, 4711, -1.5, 1e21, 1e-7, "") },
    { weight: 3, arbitrary: fc.dictionary(name, tie("tree"), { maxKeys: 4 }) },
    { weight: 2, arbitrary: fc.array(tie("tree"), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.tuple(name, text).map((pair) => [pair]) },
  ),
}));

/** Bodies, and bodies that are none: cut off, put together, spaced, with names that come twice. */
const damage: readonly ((json: string, at: number) => string)[] = [
  (json) => json,
  (json) => json,
  (json) => json,
  (json, at) => json.slice(0, at),
  (json, at) => json.slice(0, at) + json.slice(at + 1),
  (json, at) => `${json.slice(0, at)}"${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}\\${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)},${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}0${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}\n${json.slice(at)}`,
  (json) => json.replaceAll(/[a-z]/gu, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
  (json) => json.replaceAll("/", "\\/"),
  (json) => (json.startsWith("{") ? `{"pin":1,"note":{"pin":"12345678"},${json.slice(1)}` : json),
  (json) => (json.startsWith('{"') ? `{"id":"hunter22","id":1,${json.slice(1)}` : json),
  (json) => `${json}${json}`,
  (json) => JSON.stringify(JSON.parse(json), null, 1),
];
const body = fc.tuple(tree, fc.nat(), fc.nat({ max: damage.length - 1 })).map(([value, at, how]) => {
  const json = JSON.stringify(value) ?? "null";
  return bodyOfBytes(damage[how]!(json, at % (json.length + 1)));
});
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom("Host", "Accept", "User-Agent", "X-Request-Id", "Referer", "x-team", "X-Team", "Value"),
    fc.constantFrom("Authorization", "Cookie", "X-Api-Key", "X-Custom.Token", "Set-Cookie"),
  ),
  fc.oneof(
    text,
    fc.constantFrom("Bearer mF_9.B5f-4.1JqM", "sid=s3cr3t-0123456789; theme=dark", "a", "x".repeat(300)),
  ),
);
const headLine = ([key, value]: readonly [string, string]): string =>
  `${key}: ${value.replaceAll(/[^\u0020-\u00ff]/gu, "?")}\r\n`;
const event = fc
  .record({
    headers: fc.array(header, { maxLength: 4 }),
    answered: fc.array(header, { maxLength: 3 }),
    contentType: fc.constantFrom(
      "application/json",
      "application/json;charset=latin1",
      "text/plain",
      "application/x-www-form-urlencoded",
    ),
    encoding: fc.constantFrom("", "", "", "gzip"),
    requestBody: body,
    responseBody: fc.oneof(body, fc.constant(null)),
    url: fc.constantFrom(
      "/a?b=c&b=d&e",
      "/a",
      "/a?token=abcdefgh",
      "/a?b=%20c+d",
      "/a?__proto__=1",
      "/reset/abcdefgh?x=1=2",
      "*",
    ),
    extra: fc.oneof(fc.constant({}), fc.dictionary(name, tree, { maxKeys: 2 })),
    error: fc.oneof(
      fc.constant(null),
      text.map((message) => new Error(message)),
    ),
    route: fc.constantFrom(null, "/a", "/reset/:token", "r".repeat(2000)),
    user: fc.oneof(fc.constant({ id: 7, role: "clerk" }), fc.dictionary(name, tree, { maxKeys: 2 })),
  })
  .map(({ headers, answered, contentType, encoding, user, ...rest }) => {
    return requestEvent({
      ...rest,
      requestHeaders: [...headers.flat(), "Content-Type", contentType],
      responseHeaders: `HTTP/1.1 200 OK\r\n${answered.map(headLine).join("")}Content-Type: ${contentType}\r\n${
        encoding === "" ? "" : `Content-Encoding: ${encoding}\r\n`
      }\r\n`,
      context: { ...CONTEXT, actor: () => ({ id: null, ...user }) },
    });
  });

describe("the line of a request", () => {
  it("says by the short way what it says by the long one: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 10_000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`request lines: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    let made = 0;
    fc.assert(
      fc.property(event, (given) => {
        const line = short(given);
        if (line === undefined) return;
        made += 1;
        assert.doesNotMatch(line, /[\r\n]/u);
        assert.deepEqual(JSON.parse(line), long(given));
      }),
      { numRuns: runs, seed },
    );
    assert.ok(made > runs / 20 && made < runs, `${made} of ${runs} were made`);
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
