import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { buildCustom } from "#dist/record/stated";
import { assertRecord } from "../support/schema.js";
import {
  HEADERS,
  NAMED_PLACES,
  SECRET_NAMES,
  SECRET_VALUES,
  secretNumber,
  UNNAMED_PLACES,
  URLS,
  type Place,
} from "./corpus.js";
import { AT, requestEvent, STAMP } from "./events.js";

const redactor = createRedactor();

function leaks(place: Place, name: string, secret: string): boolean {
  const record = place(name, secret);
  assert.ok(record, "a record is made");
  const line = encode(record, redactor);
  const { redacted } = assertRecord(line);
  const escaped = JSON.stringify(secret).slice(1, -1);
  return line.includes(escaped) || line.includes(encodeURIComponent(secret)) || redacted === undefined;
}

describe("a secret", () => {
  let tried = 0;
  for (const [title, place] of Object.entries(NAMED_PLACES)) {
    it(`is not written from ${title}`, () => {
      const leaked: string[] = [];
      for (let round = 0; round < 7; round += 1) {
        const name = SECRET_NAMES[(tried * 5) % SECRET_NAMES.length]!;
        const secret = secretNumber(tried);
        tried += 1;
        if (leaks(place, name, secret))
          leaked.push(`${name}: ${secret}: ${encode(place(name, secret)!, redactor)}`);
      }
      assert.deepEqual(leaked, []);
    });
  }

  for (const [title, place] of Object.entries(UNNAMED_PLACES)) {
    it(`of a known form is not written from ${title}`, () => {
      const leaked = SECRET_VALUES.filter((secret) => leaks(place, "note", secret));
      assert.deepEqual(leaked, []);
    });
  }

  it("is not written from headers, whose names and schemes stay", () => {
    for (const [name, value, secrets] of HEADERS) {
      const record = buildRecord(
        requestEvent({ requestHeaders: [name, value], responseHeaders: { [name]: [value] } }),
        STAMP,
      );
      const line = encode(record, redactor);
      for (const secret of secrets) assert.ok(!line.includes(secret), `${secret} in ${line}`);
      assert.ok(name.toLowerCase() in assertRecord(line).request_repr.headers);
    }
  });

  it("is not written from the userinfo of URLs", () => {
    for (const [url, secret] of URLS) {
      const record = buildCustom(
        { action: "a.b", extra: { url, text: `to <${url}>, twice` } },
        { at: AT, context: undefined },
        STAMP,
      );
      const line = encode(record, redactor);
      assert.ok(!line.includes(secret), `${secret} in ${line}`);
      assert.deepEqual(assertRecord(line).redacted.length, 2);
    }
  });

  it("is looked for in enough places, and there are enough of them", () => {
    const places = Object.keys(NAMED_PLACES).length + Object.keys(UNNAMED_PLACES).length + 2;
    const secrets =
      tried + SECRET_VALUES.length * Object.keys(UNNAMED_PLACES).length + HEADERS.length + URLS.length;
    assert.ok(places >= 40 && secrets >= 300, `${secrets} secrets in ${places} places`);
  });
});
