import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildRecord } from "#dist/record/build";
import { snapshot } from "#dist/record/snapshot";
import { encode } from "#dist/record/encode";
import { formFields } from "#dist/record/http";
import { createRedactor } from "#dist/record/redactor";
import { buildContainer, buildCustom, buildLogin, buildTrail } from "#dist/record/stated";
import { assertRecord, type WrittenRecord } from "../support/schema.js";
import {
  AT,
  CONTEXT,
  httpCallEvent,
  methodCallEvent,
  NO_RULES,
  REQUEST_RECORD,
  requestEvent,
  rowEvent,
  sftpCallEvent,
  STAMP,
} from "./events.js";

const redactor = createRedactor();
const written = (record: object | null): WrittenRecord => assertRecord(encode(record!, redactor));
const MOMENT = { at: AT, context: CONTEXT };

const failingActor = (): never => {
  throw new Error("no session");
};

const COMMON = {
  timestamp: "2026-01-05 09:12:44.031",
  user: { id: 7, name: "Ana" },
  schema: 1,
  request_id: "req-1",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  outcome: "success",
};

describe("a record of a row", () => {
  it("tells who changed which row, from what to what", () => {
    assert.deepEqual(written(buildRecord(rowEvent(), STAMP)), {
      ...COMMON,
      level: "AUDIT",
      name: "audit.crud",
      message: "UPDATE event for Patient (id: p-1)",
      service_name: "review_board",
      record_id: STAMP.recordId,
      parent_id: REQUEST_RECORD,
      extra: { tenant: "north" },
      model: "Patient",
      table: "patients",
      event_type: "UPDATE",
      instance_id: "p-1",
      instance_label: "Ada",
      instance_repr: { id: "p-1", name: "Ada", ward: 4 },
      changed_fields: { ward: { from: 3, to: 4 } },
      transaction_id: "tx-1",
    });
  });

  it("is not written for an UPDATE that changed nothing", () => {
    const row = { id: 1, tags: ["a", { b: [1, null] }], at: "2026-01-01" };
    assert.equal(buildRecord(rowEvent({ before: row, after: structuredClone(row) }), STAMP), null);
  });

  it("is not written for an UPDATE of excluded fields alone", () => {
    const rules = { ...NO_RULES, exclude: new Set(["ward"]) };
    assert.equal(buildRecord(rowEvent({ rules }), STAMP), null);
    assert.equal(buildRecord(rowEvent({ rules: { ...NO_RULES, include: new Set(["name"]) } }), STAMP), null);
  });

  it("names a redacted field that changed, and never its values", () => {
    const record = written(
      buildRecord(
        rowEvent({
          before: { id: 1, code: "alpha-1111", phone: "+41 79 123 45 67", note: null },
          after: { id: 1, code: "beta-2222", phone: "+41 79 123 99 99", note: null },
          rules: { ...NO_RULES, redact: new Set(["code", "note"]), mask: new Set(["phone"]) },
          label: "patient beta-2222 at +41 79 123 99 99",
        }),
        STAMP,
      ),
    );
    assert.deepEqual(record.instance_repr, { id: 1, code: "[REDACTED]", phone: "***9 99", note: null });
    assert.deepEqual(record.changed_fields, {
      code: { from: "[REDACTED]", to: "[REDACTED]" },
      phone: { from: "***5 67", to: "***9 99" },
    });
    assert.equal(record.instance_label, "patient [REDACTED] at ***9 99");
    assert.deepEqual(record.redacted, [
      "/instance_repr/code",
      "/instance_repr/phone",
      "/changed_fields/code/from",
      "/changed_fields/code/to",
      "/changed_fields/phone/from",
      "/changed_fields/phone/to",
    ]);
  });

  it("does not give away a redacted field that is the primary key", () => {
    const row = { sid: "s-0123456789", user: 4 };
    const rules = { ...NO_RULES, redact: new Set(["sid"]) };
    const event = rowEvent({
      type: "CREATE",
      before: null,
      after: row,
      id: "s-0123456789",
      label: null,
      rules,
    });
    const record = written(buildRecord(event, STAMP));
    assert.equal(record.instance_id, "[REDACTED]");
    assert.equal(record.message, "CREATE event for Patient (id: [REDACTED])");
    assert.ok(!JSON.stringify(record).includes("s-0123456789"));
  });

  it("holds the row before for a DELETE, and says what bytes were", () => {
    const event = rowEvent({ type: "DELETE", before: { id: 1, photo: Buffer.alloc(5120) }, after: null });
    const record = written(buildRecord(event, STAMP));
    assert.deepEqual(record.instance_repr, { id: 1, photo: { $binary: 5120 } });
    assert.deepEqual(record.changed_fields, {});
  });

  it("stands for many rows where no single one is meant", () => {
    const event = rowEvent({
      type: "STATEMENT",
      id: null,
      before: null,
      after: null,
      label: null,
      rowCount: 1200,
      ids: ["1", "2"],
      statement: "UPDATE patients SET ward = $1",
    });
    const record = written(buildRecord(event, STAMP));
    assert.equal(record.message, "STATEMENT event for Patient (rows: 1200)");
    assert.deepEqual(
      [record.row_count, record.instance_ids, record.statement],
      [1200, ["1", "2"], "UPDATE patients SET ward = $1"],
    );
  });
});

describe("a record of a request", () => {
  it("is the one that all it caused names as its parent", () => {
    assert.deepEqual(written(buildRecord(requestEvent(), STAMP)), {
      ...COMMON,
      level: "API",
      name: "audit.request",
      message: "Audit Internal Request",
      service_name: "review_board",
      record_id: REQUEST_RECORD,
      parent_id: null,
      extra: { tenant: "north", action: "patient.update" },
      request_type: "internal",
      protocol: "http",
      request_repr: {
        method: "POST",
        path: "/patients/p-1",
        query_params: { ward: ["4", "5"] },
        headers: { host: "localhost", "content-type": "application/json" },
        user: { id: 7, name: "Ana" },
        body: { name: "Ada" },
        client_ip: "127.0.0.1",
      },
      response_repr: {
        status_code: 201,
        headers: { "content-type": "application/json; charset=utf-8" },
        body: { id: "p-1" },
      },
      error_message: null,
      execution_time: 0.012346,
      route: "/patients/:id",
      handler: "Patients.update",
    });
  });

  it("says that nothing was answered", () => {
    const event = requestEvent({ status: null, responseHeaders: {}, responseBody: null, outcome: "aborted" });
    const record = written(buildRecord(event, STAMP));
    assert.deepEqual(record.response_repr, { status_code: null, headers: {}, body: null });
    assert.equal(record.outcome, "aborted");
  });

  it("is whole outside of any context, and when the actor cannot be told", () => {
    const outside = written(buildRecord(requestEvent({ context: undefined }), STAMP));
    assert.deepEqual([outside.user, outside.record_id, outside.request_id], [null, REQUEST_RECORD, null]);
    const context = { ...CONTEXT, actor: failingActor };
    assert.equal(written(buildRecord(requestEvent({ context }), STAMP)).user, null);
  });
});

describe("a query", () => {
  it("is read as the web platform reads it, encoded or not", () => {
    const pieces = [
      "a",
      "b",
      "=",
      "=",
      "&",
      "&",
      "1",
      "%20",
      "+",
      "é",
      "?",
      "__proto__",
      ".",
      "%",
      "/",
      "\ud800",
    ];
    for (let round = 0; round < 3000; round += 1) {
      const text = Array.from(
        { length: round % 12 },
        () => pieces[Math.floor(Math.random() * pieces.length)],
      ).join("");
      // Which the parser takes off, since it is also given whole searches.
      if (text.startsWith("?")) continue;
      const expected = new Map<string, string[]>();
      for (const [name, value] of new URLSearchParams(text))
        expected.set(name, [...(expected.get(name) ?? []), value]);
      const fields = Object.entries(formFields(text)).map(([name, value]) => [name, [value].flat()]);
      assert.deepEqual(new Map(fields as [string, string[]][]), expected, JSON.stringify(text));
    }
  });
});

describe("a record of a call", () => {
  it("carries the called service's name, its own id and its cause", () => {
    const record = written(buildRecord(httpCallEvent(), STAMP));
    assert.equal(record.message, "Audit External Service");
    assert.equal(record.service_name, "apollo");
    assert.equal(record.record_id, httpCallEvent().recordId);
    assert.equal(record.parent_id, REQUEST_RECORD);
    assert.deepEqual(record.request_repr, {
      method: "GET",
      endpoint: "https://apollo.example/v1/lab",
      query_params: { order: "9" },
      headers: { accept: "application/json" },
      body: null,
    });
    assert.deepEqual(record.response_repr.body, { ok: true });
  });

  it("has an object for a body that came as JSON text", () => {
    const event = httpCallEvent({
      requestHeaders: { "Content-Type": "application/x-www-form-urlencoded" },
      requestBody: "a=1&b=2&b=3",
      responseBody: '{"deep":{"list":[1]}}',
    });
    const record = written(buildRecord(event, STAMP));
    assert.deepEqual(record.request_repr.body, { a: "1", b: ["2", "3"] });
    assert.deepEqual(record.response_repr.body, { deep: { list: [1] } });
  });

  it("has the attempts of a call that was repeated, and none where there was one", () => {
    const error = new Error("Request failed with status code 503");
    const attempts = [
      { status: 503, error, durationMs: 12.5 },
      { status: 200, error: null, durationMs: 9 },
    ];
    assert.deepEqual(written(buildRecord(httpCallEvent({ attempts }), STAMP)).response_repr.attempts, [
      { attempt: 1, status_code: 503, error_message: error.message, execution_time: 0.0125 },
      { attempt: 2, status_code: 200, error_message: null, execution_time: 0.009 },
    ]);
    const once = written(buildRecord(httpCallEvent(), STAMP)).response_repr;
    assert.equal("attempts" in once, false);
  });

  it("tells of a refused connection what Node tells of it", () => {
    const refused = Object.assign(new AggregateError([new Error("connect ECONNREFUSED ::1:9")], ""), {
      code: "ECONNREFUSED",
    });
    const event = httpCallEvent({ error: refused, status: null, responseBody: null, outcome: "failure" });
    assert.equal(written(buildRecord(event, STAMP)).error_message, "connect ECONNREFUSED ::1:9");
  });

  it("tells of an error that only inherits from the language's what it says, and not all that it holds", () => {
    const message = "Request failed with status code 503";
    const error: Error = Object.assign(Object.create(Error.prototype), { message, config: { url: "/x" } });
    const record = written(buildRecord(httpCallEvent({ error, extra: { error } }), STAMP));
    assert.equal(record.error_message, message);
    assert.deepEqual(snapshot(error), { name: "Error", message });
  });

  it("may be one over SFTP, or of a method", () => {
    const sftp = written(buildRecord(sftpCallEvent({ details: { attempt: 2 } }), STAMP));
    assert.equal(sftp.protocol, "sftp");
    assert.deepEqual(sftp.request_repr, {
      host: "lab.example",
      operation: "put",
      remote_path: "/in/result.csv",
      filename: "result.csv",
      attempt: 2,
    });
    assert.equal(sftp.response_repr.bytes, 12);
    const method = written(buildRecord(methodCallEvent(), STAMP));
    assert.deepEqual(method.request_repr, {
      class: "Billing",
      method: "charge",
      arguments: [{ amount: 12 }],
    });
    assert.deepEqual(method.response_repr, { result: { paid: true } });
  });
});

describe("a stated record", () => {
  it("may be a login", () => {
    const input = { event: "login", success: false, error: new Error("wrong password"), user: { id: "ana" } };
    const record = written(buildLogin(input, MOMENT, STAMP));
    assert.equal(record.message, "LOGIN event for User (id: ana)");
    assert.deepEqual(
      [record.level, record.event, record.success, record.error, record.outcome],
      ["LOGIN", "login", false, "wrong password", "failure"],
    );
  });

  it("may be an event of the application", () => {
    const input = { action: "report.export", target: { type: "Report", id: 9 }, extra: { pages: 3 } };
    const record = written(buildCustom(input, MOMENT, STAMP));
    assert.equal(record.message, "report.export event for Report (id: 9)");
    assert.deepEqual(record.target, { type: "Report", id: "9" });
    assert.deepEqual(record.extra, { tenant: "north", pages: 3 });
  });

  it("may be of the trail itself, or a line of the container log", () => {
    const gap = written(
      buildTrail({ eventType: "GAP", details: { lost: 4 } }, { at: AT, context: undefined }, STAMP),
    );
    assert.deepEqual([gap.event_type, gap.details, gap.outcome], ["GAP", { lost: 4 }, "failure"]);
    const line = written(buildContainer({ level: "INFO", category: "app", message: "ready" }, MOMENT, STAMP));
    assert.deepEqual([line.name, line.message, line.path, line.exception], ["app", "ready", null, null]);
  });
});
