/**
 * The main job, end to end: the demo's files against what really happened.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before as beforeAll, describe, it } from "node:test";
import type {
  AuditRecord,
  CrudRecord,
  HttpCallRecord,
  InternalRequestRecord,
  LoginRecord,
  SftpCallRecord,
} from "activity-audit";
import { driveClinic } from "#demo/script";
import { startWorld, type World } from "#demo/world";
import { assertRecord } from "../support/schema.js";
import {
  installRowTruth,
  listenForRequests,
  readRowTruth,
  type TrueChange,
  type TrueRequest,
} from "./truth.js";

describe("a day at the clinic", () => {
  let directory: string;
  let rows: TrueChange[];
  let requests: readonly TrueRequest[];
  let seen: {
    insurer: World["insurer"]["seen"];
    pharmacy: World["pharmacy"]["seen"];
    lab: readonly string[];
  };
  const steps: [string, number | string][] = [];
  const text: Record<string, string> = {};
  const records: AuditRecord[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "clinic-"));
    const world = await startWorld({ directory, prepare: installRowTruth });
    requests = listenForRequests(world.server);
    await driveClinic(world.url, (step, status) => steps.push([step, status]));
    rows = await readRowTruth(world.dataSource);
    seen = { insurer: world.insurer.seen, pharmacy: world.pharmacy.seen, lab: world.lab.seen };
    await world.close();
    for (const file of ["app.log", "audit.log", "api.log", "login.log"]) {
      text[file] = await readFile(join(directory, file), "utf8");
    }
    for (const file of ["audit.log", "api.log", "login.log"]) {
      const lines = text[file]!.split("\n");
      assert.equal(lines.pop(), "", `${file} ends with a whole line`);
      records.push(...lines.map((line) => JSON.parse(line)));
    }
  });

  afterAll(() => rm(directory, { recursive: true }));

  const crud = () => records.filter((record): record is CrudRecord => record.name === "audit.crud");
  const incoming = () =>
    records.filter(
      (record): record is InternalRequestRecord =>
        record.name === "audit.request" && record.request_type === "internal",
    );
  const calls = () =>
    records.filter(
      (record): record is HttpCallRecord =>
        record.name === "audit.request" && record.request_type === "external" && record.protocol === "http",
    );
  const transfers = () =>
    records.filter(
      (record): record is SftpCallRecord => record.name === "audit.request" && record.protocol === "sftp",
    );

  it("writes records that all keep to their schema", () => {
    assert.ok(records.length > 50, `${records.length} records`);
    for (const [file, content] of Object.entries(text)) {
      if (file === "app.log") continue;
      for (const line of content.split("\n").slice(0, -1)) assertRecord(line);
    }
  });

  it("has one record for each committed row change, with the values the database had, and no other", () => {
    const changes = rowRecords().map((record) => [record.table, sqlOperation(record), record.instance_id]);
    const expected = rows.map((row) => [row.table, row.op, idOf(row)]);
    assert.deepEqual(changes, expected);
    for (const [index, record] of rowRecords().entries()) assertImages(record, rows[index]!);
  });

  const rowRecords = () =>
    crud().filter(({ event_type }) =>
      ["CREATE", "UPDATE", "DELETE", "SOFT_DELETE", "RESTORE"].includes(event_type),
    );

  it("tells soft delete and restore from update, and links from rows", () => {
    const counts: Record<string, number> = {};
    for (const { event_type } of crud()) counts[event_type] = (counts[event_type] ?? 0) + 1;
    const { SOFT_DELETE, RESTORE, LINK, UNLINK, READ = 0 } = counts;
    assert.deepEqual(
      { SOFT_DELETE, RESTORE, LINK, UNLINK },
      { SOFT_DELETE: 1, RESTORE: 1, LINK: 2, UNLINK: 1 },
    );
    assert.ok(READ > 0, "Patient is decorated with reads: true");
  });

  it("has one record for each request the server saw, with its ending, and none for @NoAudit", () => {
    const written = incoming().map(({ request_repr, response_repr }) => ({
      method: request_repr.method,
      path: request_repr.path,
      status: response_repr.status_code,
    }));
    const expected = requests.filter(({ path }) => path !== "/alive");
    assert.deepEqual(sorted(written), sorted(expected));
    const outcomes = Object.fromEntries(
      incoming().map(({ response_repr, outcome }) => [String(response_repr.status_code), outcome]),
    );
    assert.deepEqual(outcomes, {
      200: "success",
      201: "success",
      204: "success",
      400: "failure",
      401: "denied",
      404: "failure",
      409: "failure",
      500: "failure",
      502: "failure",
      null: "aborted",
    });
  });

  it("names the person who was logged in, and nobody before", () => {
    const account = rows.find(({ table }) => table === "account")!.after!;
    for (const record of incoming()) {
      const path = record.request_repr.path!;
      const status = record.response_repr.status_code;
      const expected = status === 401 || path === "/alive" ? null : String(account["id"]);
      // The malformed body is refused by the parser, before anybody is known.
      if (status === 400 && record.request_repr.method === "POST" && record.route === null) continue;
      assert.equal(record.user?.id ?? null, expected, `${record.request_repr.method} ${path} ${status}`);
    }
  });

  it("has one record for each call that went out, whether it was answered or not", () => {
    const arrived = [...seen.insurer, ...seen.pharmacy].map(({ url }) => url.split("?")[0]);
    const answeredOrNot = calls().map(({ request_repr }) => new URL(request_repr.endpoint!).pathname);
    assert.deepEqual(sorted(answeredOrNot), sorted([...arrived, "/claims"]));
    assert.deepEqual(
      calls().map(({ outcome, response_repr }) => `${outcome} ${response_repr.status_code}`),
      ["success 200", "failure 500", "failure null", "success 200", "failure null"],
    );
  });

  it("has one record for each SFTP operation, with bytes and hash of what stands on the server", () => {
    assert.deepEqual(
      transfers().map(({ request_repr, outcome }) => `${request_repr.operation} ${outcome}`),
      ["connect success", "put success", "rename success", "get success", "end success"].concat([
        "connect success",
        "get failure",
        "end success",
      ]),
    );
    const upload = transfers().find(({ request_repr }) => request_repr.operation === "put")!;
    assert.equal(upload.response_repr.bytes, "blood, please".length);
    assert.ok(seen.lab.includes("RENAME"));
  });

  it("records the login that succeeded and the one that failed", () => {
    const logins = records.filter((record): record is LoginRecord => record.name === "audit.login");
    assert.deepEqual(
      logins.map(({ event, success, error, outcome }) => ({ event, success, error, outcome })),
      [
        { event: "login", success: false, error: "wrong email or password", outcome: "failure" },
        { event: "login", success: true, error: null, outcome: "success" },
      ],
    );
  });

  it("ties row changes and calls to the request that caused them", () => {
    const byId = new Map(records.map((record) => [record.record_id, record]));
    for (const record of [...rowRecords(), ...calls(), ...transfers()]) {
      if (record.user?.id === "setup") continue;
      let cause = record.parent_id === null ? undefined : byId.get(record.parent_id);
      while (cause?.parent_id) cause = byId.get(cause.parent_id);
      assert.ok(cause && cause.name === "audit.request", `${record.message} has a request for its cause`);
      assert.equal(cause.request_id, record.request_id);
      assert.deepEqual(cause.user, record.user);
    }
  });

  it("writes no secret into any file", () => {
    const secrets = ["correct horse", "battery staple", "demo-insurer-key", "demo-insurer-token"];
    secrets.push("demo-answer-secret", "demo-lab-password", "4711-8852-0930");
    assert.ok(!text["audit.log"]!.includes("202 555 0143"), "the masked phone number");
    const passwordHash = rows.find(({ table }) => table === "account")!.after!["passwordHash"] as string;
    for (const secret of [...secrets, passwordHash]) {
      for (const [file, content] of Object.entries(text)) {
        assert.ok(!content.includes(secret), `${secret} in ${file}`);
      }
    }
  });

  it("answered everybody as it would have without us", () => {
    const answers = steps.map(([, status]) => status);
    const toPatients = [200, 401, 401, 200, 201, 201, 400, 400, 200, 200, 404, 200, 200, 200, 200];
    const afterwards = [409, 201, 204, 204, 204, 404, 500, "aborted"];
    const toPartners = [200, 502, 502, 200, 502, 200, 502];
    assert.deepEqual(answers, [...toPatients, ...afterwards, ...toPartners]);
  });
});

function sqlOperation({ event_type }: CrudRecord): TrueChange["op"] {
  if (event_type === "CREATE") return "insert";
  return event_type === "DELETE" ? "delete" : "update";
}

function idOf({ table, before, after }: TrueChange): string | null {
  const row = (after ?? before)!;
  if (table === "patient_allergies") {
    return JSON.stringify({ patientId: row["patientId"], allergyId: row["allergyId"] });
  }
  return String(row["id"]);
}

/** The fields that are written as the database had them: all but those that are masked, hidden or left out. */
function assertImages(record: CrudRecord, truth: TrueChange): void {
  const hidden = new Set(["phone", "searchText", "photo", "passwordHash"]);
  const row = (truth.after ?? truth.before)!;
  for (const [column, value] of Object.entries(row)) {
    if (hidden.has(column) || column.endsWith("Id")) continue;
    const written = record.instance_repr![column];
    if (column === "insurance" && value !== null) {
      assert.deepEqual(written, { ...JSON.parse(value as string), pin: "[REDACTED]" });
    } else if (value !== null && column.endsWith("At")) {
      assert.equal(new Date(written as string).getTime(), new Date(`${value}Z`).getTime());
    } else {
      assert.deepEqual(written, value, `${record.message}: ${column}`);
    }
  }
  if (record.event_type !== "UPDATE") return;
  const changed = Object.keys(truth.after!).filter(
    (column) =>
      truth.after![column] !== truth.before![column] && column !== "searchText" && column !== "photo",
  );
  assert.deepEqual(sorted(Object.keys(record.changed_fields)), sorted(changed), record.message);
}

function sorted<T>(items: readonly T[]): string[] {
  return items.map((item) => JSON.stringify(item)).toSorted();
}
