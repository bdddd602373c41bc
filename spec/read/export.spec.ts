/**
 * `export`: whole events of each format, for the records of `docs/records.md`, and the shape of all others.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { cli, objects } from "./cli.js";
import { cloudevents, ecs, ocsf } from "./schemas.js";
import { makeRecords, temporaryFolder, writeTrail, type Made } from "./trail.js";

const ajv = addFormats(new Ajv2020({ allErrors: true, strict: false }));

/** The records that the documentation shows, in the order of its sections. */
const documented = [
  ...readFileSync(resolve("docs/records.md"), "utf8").matchAll(/```json\n([\s\S]*?)```/gu),
].map(([, json]) => JSON.parse(json!) as Made);
const [row, request, call, sftp, method, login, event, gap, log] = documented as [
  Made,
  Made,
  Made,
  Made,
  Made,
  Made,
  Made,
  Made,
  Made,
];

const exported = async (records: readonly Made[], format: string, ...args: string[]) => {
  using folder = temporaryFolder();
  writeFileSync(
    join(folder.path, "audit.log"),
    records.map((record) => `${JSON.stringify(record)}\n`).join(""),
  );
  const { code, stdout, stderr } = await cli([
    "export",
    "-d",
    folder.path,
    "--engine",
    "js",
    "--format",
    format,
    ...args,
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
};
const eventOf = async (record: Made, format: string) => objects(await exported([record], format))[0];

const occurrence = (name: string, record: Made) => ({
  time: Date.UTC(2026, 0, 5, 9, 12, 44, 31),
  metadata: {
    version: "1.5.0",
    product: { name: "activity-audit", vendor_name: "activity-audit" },
    uid: record["record_id"],
    event_code: name,
    log_name: record["name"],
    log_level: record["level"],
    original_time: "2026-01-05 09:12:44.031",
    ...(record["request_id"] && { correlation_uid: "req-1" }),
  },
});

const causes = (record: Made) =>
  Object.fromEntries(
    ["parent_id", "trace_id", "span_id", "extra", "redacted"]
      .map((name) => [name, record[name]] as const)
      .filter(([, value]) => value !== undefined && value !== null),
  );

/** A reader of RFC 4180, apart from the writer. */
function parse(csv: string): string[][] {
  const cells = csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gu);
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of cells) {
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  assert.deepEqual(rows.pop(), []);
  return rows;
}

describe("activity-audit export, one record of each kind", () => {
  it("has them from the documentation", () => {
    assert.deepEqual(
      [row, request, call, sftp, method, login, event, gap, log].map(({ name }) => name),
      [
        "audit.crud",
        ...Array(4).fill("audit.request"),
        "audit.login",
        "audit.event",
        "audit.trail",
        "app.start",
      ],
    );
  });

  const succeeded = { severity_id: 1, severity: "Informational", status_id: 1, status: "Success" };

  it("writes a row's change as OCSF Entity Management, before and after", async () => {
    const entity = { type: "Patient", uid: "p-1", name: "Ada" };
    const { table, event_type, changed_fields, transaction_id } = row;
    assert.deepEqual(await eventOf(row, "ocsf"), {
      ...occurrence("UPDATE", row),
      class_uid: 3004,
      class_name: "Entity Management",
      category_uid: 3,
      category_name: "Identity & Access Management",
      activity_id: 3,
      activity_name: "Update",
      type_uid: 300403,
      type_name: "Entity Management: Update",
      ...succeeded,
      message: "UPDATE event for Patient (id: p-1)",
      actor: { user: { uid: "7", name: "Ana" } },
      entity: { ...entity, data: { id: "p-1", name: "Ada", ward: 3, phone: "***5 67" } },
      entity_result: { ...entity, data: { id: "p-1", name: "Ada", ward: 4, phone: "***5 67" } },
      unmapped: { ...causes(row), table, event_type, changed_fields, transaction_id },
    });
  });

  it("writes a request as OCSF API Activity", async () => {
    const { request_type, protocol, route, handler, request_repr, response_repr } = request;
    assert.deepEqual(await eventOf(request, "ocsf"), {
      ...occurrence("PATCH", request),
      class_uid: 6003,
      class_name: "API Activity",
      category_uid: 6,
      category_name: "Application Activity",
      activity_id: 3,
      activity_name: "Update",
      type_uid: 600303,
      type_name: "API Activity: Update",
      ...succeeded,
      message: "Audit Internal Request",
      duration: 12,
      start_time: Date.UTC(2026, 0, 5, 9, 12, 44, 19),
      end_time: Date.UTC(2026, 0, 5, 9, 12, 44, 31),
      actor: { user: { uid: "7", name: "Ana" } },
      api: {
        operation: "PATCH /patients/:id",
        service: { name: "review_board" },
        request: { uid: "req-1" },
        response: { code: 200 },
      },
      src_endpoint: { ip: "127.0.0.1" },
      dst_endpoint: { svc_name: "review_board" },
      http_request: { http_method: "PATCH", url: { path: "/patients/p-1" } },
      http_response: { code: 200 },
      unmapped: { ...causes(request), request_type, protocol, route, handler, request_repr, response_repr },
    });
  });

  it("writes calls, logins and all else as the OCSF class that fits", async () => {
    const classes = await Promise.all(
      [
        call,
        sftp,
        method,
        login,
        event,
        gap,
        log,
        { ...gap, event_type: "AUDIT_STARTED" },
        { ...login, event: "logout" },
      ].map(async (record) => {
        const { type_uid, status, activity_name } = await eventOf(record, "ocsf");
        return [type_uid, status, activity_name];
      }),
    );
    assert.deepEqual(classes, [
      [600302, "Success", "Read"],
      [600399, "Success", "SFTP put"],
      [600399, "Success", "Billing.charge"],
      [300201, "Failure", "Logon"],
      [99, "Success", "report.export"],
      [99, "Failure", "GAP"],
      [99, "Unknown", "INFO"],
      [600203, "Failure", "Start"],
      [300202, "Failure", "Logoff"],
    ]);
    const { api, dst_endpoint, http_request } = await eventOf(call, "ocsf");
    assert.deepEqual(
      [api.operation, dst_endpoint, http_request.url.url_string],
      ["GET /v1/lab", { svc_name: "apollo", hostname: "apollo.example" }, "https://apollo.example/v1/lab"],
    );
  });

  it("writes a request in ECS, and what ECS has no field for under a name of ours", async () => {
    const {
      schema,
      parent_id: _,
      outcome,
      extra,
      request_type,
      protocol,
      route,
      handler,
      redacted,
    } = request;
    const { query_params, headers, body, method: verb } = request["request_repr"];
    assert.deepEqual(await eventOf(request, "ecs"), {
      "@timestamp": "2026-01-05T09:12:44.031Z",
      ecs: { version: "8.17.0" },
      message: "Audit Internal Request",
      log: { level: "api", logger: "audit.request" },
      event: {
        id: request["record_id"],
        kind: "event",
        category: ["web"],
        type: ["access"],
        action: "patient.update",
        outcome: "success",
        module: "activity_audit",
        dataset: "activity_audit.audit.request",
        duration: 12_346_000,
      },
      service: { name: "review_board" },
      user: { id: "7", name: "Ana" },
      trace: { id: "0af7651916cd43dd8448eb211c80319c" },
      span: { id: "b7ad6b7169203331" },
      http: { request: { id: "req-1", method: "PATCH" }, response: { status_code: 200 } },
      url: { path: "/patients/p-1" },
      client: { ip: "127.0.0.1" },
      source: { ip: "127.0.0.1" },
      network: { protocol: "http" },
      activity_audit: {
        schema,
        parent_id: null,
        outcome,
        extra,
        request_type,
        protocol,
        route,
        handler,
        redacted,
        request: { query_params, headers, body, method: verb },
        response: { headers: request["response_repr"].headers, body: request["response_repr"].body },
      },
    });
  });

  it("writes a CloudEvent around the record", async () => {
    assert.deepEqual(await eventOf(row, "cloudevents"), {
      specversion: "1.0",
      id: row["record_id"],
      source: "/activity-audit/review_board",
      type: "activity_audit.audit.crud.UPDATE",
      time: "2026-01-05T09:12:44.031Z",
      subject: "Patient/p-1",
      datacontenttype: "application/json",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      data: row,
    });
  });

  it("writes the records themselves as NDJSON", async () => {
    assert.deepEqual(objects(await exported(documented, "ndjson")), documented);
  });
});

describe("activity-audit export, any record", () => {
  const folder = temporaryFolder();
  const hostile = {
    ...makeRecords(1, 1)[0]!,
    service_name: "\ud800 x/ä",
    user: "nobody",
    extra: null,
    redacted: 7,
  } as Made;
  const records = [...makeRecords(1500, 75), ...documented];
  before(() => writeTrail(folder.path, records, 1));
  after(() => folder[Symbol.dispose]());

  for (const [format, schema] of Object.entries({ ocsf, ecs, cloudevents })) {
    it(`has the shape that ${format} asks for`, async () => {
      const validate = ajv.compile(schema);
      const { stdout } = await cli(["export", "-d", folder.path, "--format", format]);
      const events = objects(stdout);
      assert.equal(events.length, records.length);
      for (const one of events) {
        assert.ok(validate(one), `${ajv.errorsText(validate.errors)}\n${JSON.stringify(one)}`);
      }
      assert.equal(objects(await exported([hostile], format)).length, 1);
    });
  }

  it("exports what the filters let through, whichever engine finds it", async () => {
    for (const engine of ["js", "duckdb"]) {
      const args = [
        "export",
        "-d",
        folder.path,
        "--format",
        "ndjson",
        "--engine",
        engine,
        "--user",
        "7",
        "-n",
        "4",
      ];
      const { stdout } = await cli(args);
      assert.deepEqual(objects(stdout), records.filter(({ user }) => user?.id === 7).slice(0, 4));
    }
  });
});

describe("activity-audit export --format csv", () => {
  it("can be read back", async () => {
    const strange = { ...row, message: 'a "quote", a comma,\r\na line\n', instance_id: " p " };
    const [head, ...rows] = parse(await exported([strange, request, login], "csv"));
    const [first, second, third] = rows.map((cells) =>
      Object.fromEntries(cells.map((cell, at) => [head![at]!, cell])),
    );
    assert.deepEqual(first, {
      timestamp: "2026-01-05 09:12:44.031",
      level: "AUDIT",
      name: "audit.crud",
      event: "UPDATE",
      outcome: "success",
      service_name: "review_board",
      user_id: "7",
      user_name: "Ana",
      model: "Patient",
      instance_id: " p ",
      changed_fields: '{"ward":{"from":3,"to":4}}',
      method: "",
      place: "",
      route: "",
      status: "",
      execution_time: "",
      error: "",
      message: 'a "quote", a comma,\r\na line\n',
      request_id: "req-1",
      parent_id: row["parent_id"],
      record_id: row["record_id"],
    });
    assert.deepEqual(
      [second!["status"], second!["execution_time"], second!["place"]],
      ["200", "0.012346", "/patients/p-1"],
    );
    assert.equal(third!["error"], "no such user");
  });

  it("holds no cell that a spreadsheet would run", async () => {
    const formulas = [
      "=1+1",
      "+1",
      "-1",
      "@SUM(A1)",
      "\t=1",
      "\r=1",
      "\n=1",
      "  =1",
      "|calc",
      "%x",
      "＝1",
      "=cmd|' /C calc'!A0",
    ];
    const records = formulas.map((message) => ({
      ...row,
      message,
      service_name: message,
      user: { id: message },
    }));
    const [head, ...rows] = parse(await exported(records, "csv"));
    for (const [index, cells] of rows.entries()) {
      for (const cell of cells) assert.doesNotMatch(cell, /^[\s]*[=+\-@|%＝＋－＠]/u);
      for (const name of ["message", "service_name", "user_id"]) {
        assert.equal(cells[head!.indexOf(name)], `'${formulas[index]}`);
      }
    }
  });
});
