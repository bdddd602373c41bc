/**
 * The `audit` runtime: what is checked at start, and what a user can count on afterwards.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import axios from "axios";
import log4js from "log4js";
import {
  audit,
  auditLogging,
  AuditError,
  levels,
  type AuditErrorCode,
  type AuditOptions,
  type AuditRecord,
} from "activity-audit";
import { assertRecord } from "../support/schema.js";

type TrailRecord = Extract<AuditRecord, { name: "audit.trail" }>;

let directory: string;

function configure(): void {
  log4js.configure(auditLogging({ directory, serviceName: "spec", console: false }));
}

const shutdown = () => new Promise<void>((resolve) => log4js.shutdown(() => resolve()));

function refused(work: () => unknown, code: AuditErrorCode, message: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof AuditError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.message.endsWith(`[${code}]`));
    return true;
  });
}

/** How many records were asked for while audit did not run. */
function tooEarly(): number {
  return audit.health().faults.find(({ kind }) => kind === "audit.not_started")?.count ?? 0;
}

function written(file: "audit" | "api" | "login"): AuditRecord[] {
  const lines = readFileSync(join(directory, `${file}.log`), "utf8")
    .split("\n")
    .slice(0, -1);
  return lines.map((line) => assertRecord(line) as unknown as AuditRecord);
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "runtime-"));
});
afterEach(async () => {
  await audit.stop();
  await shutdown();
  rmSync(directory, { recursive: true, force: true });
});

/** What the trail says of a configuration. */
async function configOf(options: Partial<AuditOptions>): Promise<Record<string, unknown>> {
  audit.start({ serviceName: "spec", ...options });
  await audit.stop();
  return (written("audit") as TrailRecord[]).filter(({ event_type }) => event_type === "CONFIG").at(-1)!
    .details;
}

describe("audit.start", () => {
  const wrong: [string, unknown, AuditErrorCode, RegExp][] = [
    ["nothing", undefined, "AUDIT_OPTION_INVALID", /audit\.start/],
    ["no name", {}, "AUDIT_OPTION_INVALID", /serviceName` is missing/],
    ["an empty name", { serviceName: "" }, "AUDIT_OPTION_INVALID", /serviceName` is ""; expected a name/],
    ["a misspelt option", { serviceName: "s", redakt: {} }, "AUDIT_OPTION_UNKNOWN", /redakt.*Known.*redact/],
    ["an actor that is no function", { serviceName: "s", actor: {} }, "AUDIT_OPTION_INVALID", /a function/],
    [
      "a misspelt option inside",
      { serviceName: "s", requests: { bodyLimt: 1 } },
      "AUDIT_OPTION_UNKNOWN",
      /requests\.bodyLimt.*bodyLimit/,
    ],
    [
      "a misspelt option of calls that go out",
      { serviceName: "s", outbound: { hosts: [] } },
      "AUDIT_OPTION_UNKNOWN",
      /outbound\.hosts.*include, exclude/,
    ],
    [
      "a URL for a host",
      { serviceName: "s", outbound: { include: ["https://apollo.example/"] } },
      "AUDIT_OPTION_INVALID",
      /outbound\.include.*a host \(without `https:\/\/`\)/,
    ],
    [
      "calls that go out said in a word",
      { serviceName: "s", outbound: "full" },
      "AUDIT_OPTION_INVALID",
      /outbound` is "full"; expected true, false or an object/,
    ],
    [
      "a limit below its bounds",
      { serviceName: "s", rows: { maxRowsPerStatement: 0 } },
      "AUDIT_OPTION_INVALID",
      /rows\.maxRowsPerStatement` is 0; expected a whole number of rows, at least 1/,
    ],
    [
      "an unknown detail",
      { serviceName: "s", external: "some" },
      "AUDIT_OPTION_INVALID",
      /"metadata" or "full"/,
    ],
    [
      "pseudonyms without a key",
      { serviceName: "s", redact: { pseudonymise: ["id"] } },
      "AUDIT_OPTION_INVALID",
      /pseudonym/,
    ],
  ];
  for (const [what, options, code, message] of wrong) {
    it(`refuses ${what}, and starts nothing`, () => {
      configure();
      refused(() => audit.start(options as AuditOptions), code, message);
      assert.equal(audit.health().running, false);
    });
  }

  it("refuses a log4js that is not configured, or would swallow our levels", async () => {
    await shutdown();
    refused(() => audit.start({ serviceName: "s" }), "AUDIT_LOGGING_MISSING", /log4js\.configure/);
    const configuration = auditLogging({ directory, console: false });
    configuration.categories["audit.crud"]!.level = "ERROR";
    log4js.configure(configuration);
    refused(() => audit.start({ serviceName: "s" }), "AUDIT_LOGGING_SILENT", /audit\.crud.*ERROR/);
    log4js.configure({
      levels: { ...levels },
      appenders: { out: { type: "stdout" } },
      categories: { default: { appenders: ["out"], level: "OFF" } },
    });
    refused(() => audit.start({ serviceName: "s" }), "AUDIT_LOGGING_SILENT", /audit\./);
  });

  it("refuses a second start", () => {
    configure();
    audit.start({ serviceName: "spec" });
    refused(() => audit.start({ serviceName: "spec" }), "AUDIT_ALREADY_STARTED", /audit\.stop/);
  });

  it("says that it started and stopped, in the trail itself", async () => {
    configure();
    audit.start({ serviceName: "spec", extra: { region: "eu" } });
    await audit.stop();
    const trail = written("audit") as TrailRecord[];
    assert.deepEqual(
      trail.map(({ name, event_type }) => `${name} ${event_type}`),
      ["audit.trail AUDIT_STARTED", "audit.trail CONFIG", "audit.trail AUDIT_STOPPED"],
    );
    const started = trail[0]!;
    assert.deepEqual(started.extra, { region: "eu" });
    assert.equal(started.service_name, "spec");
  });

  it("says by hashes whether the configuration or the redaction has changed, and tells no secret", async () => {
    configure();
    const first = await configOf({
      redact: { mask: ["phone"], pseudonymKey: "a key that nobody must guess" },
    });
    assert.deepEqual(Object.keys(first), ["options", "redaction", "files"]);
    for (const hash of Object.values(first)) assert.match(hash as string, /^[0-9a-f]{64}$/u);
    const same = await configOf({
      redact: { pseudonymKey: "another key, as long as that", mask: ["phone"] },
    });
    assert.deepEqual(same, first);
    const redacted = await configOf({
      redact: { mask: ["phone", "name"], pseudonymKey: "a key that nobody must guess" },
    });
    assert.deepEqual({ ...redacted, redaction: first.redaction }, first);
    assert.notEqual(redacted.redaction, first.redaction);
    const other = await configOf({ external: false, extra: { big: 1n } });
    assert.notEqual(other.options, first.options);
  });
});

describe("a directory that cannot be written", () => {
  it("is refused when its place is taken by a file", () => {
    refused(
      () => log4js.configure(auditLogging({ directory: process.execPath, console: false })),
      "AUDIT_DIRECTORY_UNWRITABLE",
      /cannot be written/,
    );
  });
});

describe("audit.login and audit.record, of what JavaScript may give them", () => {
  const wrong: [why: string, say: () => void, expected: RegExp][] = [
    ["nothing", () => audit.record(undefined as never), /`audit\.record` is missing/],
    [
      "no action",
      () => audit.record({} as never),
      /action` is missing; expected a name, such as report\.export/,
    ],
    ["no word", () => audit.record({ action: "" }), /action` is ""/],
    [
      "half a target",
      () => audit.record({ action: "a.b", target: { type: "T" } as never }),
      /target\.id` is miss/,
    ],
    [
      "an outcome of its own",
      () => audit.record({ action: "a.b", outcome: "ok" as never }),
      /one of success, /,
    ],
    ["no event", () => audit.login({ success: true } as never), /event` is missing; expected a word/],
    // Without it the record would say that the login was refused.
    [
      "no success",
      () => audit.login({ event: "login" } as never),
      /success` is missing; expected true or false/,
    ],
  ];
  for (const [why, say, expected] of wrong) {
    it(`count ${why}, write nothing that would be false, and do not throw`, async () => {
      configure();
      audit.start({ serviceName: "spec" });
      say();
      await audit.flush();
      const [fault, ...others] = audit.health().faults;
      assert.deepEqual([fault?.kind, fault?.count, others], ["record.build", 1, []]);
      assert.match(fault!.last_message, expected);
      assert.match(fault!.last_message, /\[AUDIT_OPTION_INVALID\]$/u);
      assert.deepEqual(
        [...written("audit"), ...written("login")].filter(({ name }) => name !== "audit.trail"),
        [],
      );
    });
  }
});

describe("audit.attach", () => {
  it("needs a running audit, and a target that it knows", () => {
    refused(() => audit.attach(axios.create(), { service: "x" }), "AUDIT_NOT_STARTED", /audit\.start/);
    configure();
    audit.start({ serviceName: "spec" });
    refused(
      () => audit.attach(new Map() as never, {} as never),
      "AUDIT_TARGET_UNKNOWN",
      /an object of class Map/,
    );
    refused(() => audit.attach(undefined as never), "AUDIT_TARGET_UNKNOWN", /what undefined is/);
    refused(
      () => audit.attach(axios.create(), {} as never),
      "AUDIT_OPTION_INVALID",
      /service` is missing; expected a name/,
    );
  });

  it("counts owners: the last to leave gives the target back", () => {
    configure();
    audit.start({ serviceName: "spec" });
    const instance = axios.create();
    const patched = () => Object.hasOwn(instance.interceptors.request, "forEach");
    const [first, second] = [
      audit.attach(instance, { service: "a" }),
      audit.attach(instance, { service: "a" }),
    ];
    first();
    first();
    assert.ok(patched());
    second();
    assert.ok(!patched());
  });

  it("is undone by audit.stop", async () => {
    configure();
    audit.start({ serviceName: "spec" });
    const instance = axios.create();
    audit.attach(instance, { service: "a" });
    await audit.stop();
    assert.ok(!Object.hasOwn(instance.interceptors.request, "forEach"));
  });
});

describe("records that the application makes", () => {
  it("bear the context that they are made in", async () => {
    configure();
    audit.start({ serviceName: "spec" });
    audit.run({ actor: { id: "cron" }, reason: "nightly", tenant: 7 }, () => {
      audit.record({ action: "report.export", target: { type: "Report", id: 17 }, extra: { rows: 40 } });
      audit.login({ event: "login", success: false, error: "wrong password" });
      audit.ignore(() => audit.record({ action: "not.recorded" }));
    });
    await audit.flush();
    const [, , exported, ...more] = written("audit");
    assert.deepEqual(more, []);
    assert.ok(exported?.name === "audit.event");
    assert.deepEqual(exported.user, { id: "cron" });
    assert.equal(exported.action, "report.export");
    assert.deepEqual(exported.target, { type: "Report", id: "17" });
    assert.deepEqual(exported.extra, { reason: "nightly", tenant: 7, rows: 40 });
    const [login] = written("login");
    assert.ok(login?.name === "audit.login");
    assert.equal(login.request_id, exported.request_id);
    assert.deepEqual([login.success, login.error, login.outcome], [false, "wrong password", "failure"]);
  });

  it("are counted as lost before start, and the application goes on", () => {
    const before = tooEarly();
    audit.record({ action: "too.early" });
    audit.login({ event: "login", success: true });
    assert.equal(tooEarly(), before + 2);
    assert.equal(audit.health().ok, false);
  });
});

describe("audit.explain", () => {
  it("shows what the policy in force would write, and why", () => {
    const sample = { password: "x", author: "y", phone: "+1 202 555 0143" };
    const before = audit.explain(sample);
    assert.deepEqual(
      before.redacted.map(({ path, action }) => [path, action]),
      [["/extra/password", "redact"]],
    );
    assert.deepEqual(before.record["extra"], { ...sample, password: "[REDACTED]" });
    assertRecord(before.line);
    configure();
    audit.start({ serviceName: "spec", redact: { mask: ["phone"] } });
    assert.deepEqual(
      audit.explain(sample).redacted.map(({ path, action }) => [path, action]),
      [
        ["/extra/password", "redact"],
        ["/extra/phone", "mask"],
      ],
    );
  });
});

describe("enabled: false", () => {
  it("takes every call and records nothing", async () => {
    configure();
    audit.start({ serviceName: "spec", enabled: false });
    const instance = axios.create();
    audit.attach(instance, { service: "a" });
    audit.record({ action: "nothing" });
    assert.equal(await audit.run({ actor: null }, async () => 7), 7);
    await audit.flush();
    assert.equal(readFileSync(join(directory, "audit.log"), "utf8"), "");
    assert.ok(!Object.hasOwn(instance.interceptors.request, "forEach"));
    assert.equal(audit.health().running, false);
  });
});
