import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { buildContainer, buildCustom } from "#dist/record/stated";
import { assertRecord } from "../support/schema.js";
import { AT, bodyOfBytes, CONTEXT, requestEvent, rowEvent, STAMP } from "./events.js";
import { HARMLESS_FIELDS, HARMLESS_NAMES, HARMLESS_TEXTS } from "./harmless.js";

const redactor = createRedactor();
const MOMENT = { at: AT, context: { ...CONTEXT, extra: {} } };

describe("what only looks like a secret", () => {
  it("is written as it is: fields", () => {
    const wanted = JSON.parse(JSON.stringify(HARMLESS_FIELDS)) as Record<string, unknown>;
    const custom = buildCustom({ action: "a.b", extra: HARMLESS_FIELDS }, MOMENT, STAMP);
    const record = assertRecord(encode(custom, redactor));
    assert.equal(record.redacted, undefined);
    assert.deepEqual(record.extra, wanted);
    assert.ok(Object.keys(HARMLESS_FIELDS).length + HARMLESS_TEXTS.length >= 200);
  });

  it("is written as it is: a row, a body, a query", () => {
    const row = assertRecord(encode(buildRecord(rowEvent({ after: HARMLESS_FIELDS }), STAMP)!, redactor));
    const body = JSON.stringify(HARMLESS_FIELDS);
    const query = Object.entries(HARMLESS_FIELDS)
      .filter(([, value]) => typeof value === "string")
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const event = requestEvent({ requestBody: bodyOfBytes(body), url: `/x?${query.join("&")}` });
    const request = assertRecord(encode(buildRecord(event, STAMP), redactor));
    assert.deepEqual([row.redacted, request.redacted], [undefined, undefined]);
    assert.deepEqual(request.request_repr.body, JSON.parse(body));
  });

  for (const text of HARMLESS_TEXTS) {
    it(`is written as it is: ${text.slice(0, 60).replaceAll("\n", " ")}`, () => {
      const custom = buildCustom({ action: "a.b", extra: { note: text } }, MOMENT, STAMP);
      const line = buildContainer({ level: "INFO", category: "app", message: text }, MOMENT, STAMP);
      assert.deepEqual(assertRecord(encode(custom, redactor)).extra, { note: text });
      assert.equal(assertRecord(encode(line, redactor)).message, text);
    });
  }

  it("is written as it is: names of tables, models, routes and handlers", () => {
    for (const name of HARMLESS_NAMES) {
      const row = assertRecord(encode(buildRecord(rowEvent({ model: name, table: name }), STAMP)!, redactor));
      assert.deepEqual([row.model, row.table, row.redacted], [name, name, undefined]);
      const event = requestEvent({ route: name, handler: name, url: name, requestHeaders: [] });
      const request = assertRecord(encode(buildRecord(event, STAMP), redactor));
      assert.deepEqual([request.route, request.handler, request.request_repr.path], [name, name, name]);
      assert.equal(request.redacted, undefined);
    }
  });

  it("is written as it is when an id happens to pass the check of a card number", () => {
    const event = rowEvent({ id: "4111111111111111", after: { id: "4111111111111111" } });
    const record = assertRecord(encode(buildRecord(event, STAMP)!, redactor));
    assert.equal(record.instance_id, "4111111111111111");
    assert.equal(record.redacted, undefined);
  });
});
