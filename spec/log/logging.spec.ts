import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import log4js from "log4js";
import { checkLogging } from "#dist/log/check";
import { levels } from "#dist/log/levels";
import { auditLogging } from "#dist/log/logging";
import { createSink } from "#dist/log/sink";
import { formatTimestamp } from "#dist/record/timestamp";
import { writerHealth } from "#dist/writer/writers";
import { assertRecord, type WrittenRecord } from "../support/schema.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "audit-log-"));
});

afterEach(() => {
  log4js.shutdown();
  rmSync(directory, { recursive: true });
});

/** What stands on each record that is logged outside of any request. */
const OUTSIDE = {
  service_name: "clinic",
  user: null,
  schema: 1,
  request_id: null,
  parent_id: null,
  trace_id: null,
  span_id: null,
  outcome: "unknown",
  extra: {},
};

function configure(change: (configuration: log4js.Configuration) => void = () => {}): void {
  const configuration = auditLogging({ directory, serviceName: "clinic", console: false });
  change(configuration);
  log4js.configure(configuration);
}

/** The records of a file, once nothing is queued any more. */
function written(file: string): WrittenRecord[] {
  log4js.shutdown();
  const text = readFileSync(join(directory, file), "utf8");
  return text.split("\n").slice(0, -1).map(assertRecord);
}

function lines(file: string): Record<string, unknown>[] {
  log4js.shutdown();
  const text = readFileSync(join(directory, file), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function admitPatient(): void {
  log4js.getLogger("patients").info("admitted %s", "p1", { password: "hunter2", ward: 3 });
}

/** The field `of` of each record of a file. */
function of(file: string): unknown[] {
  return lines(file).map((record) => record.of);
}

describe("auditLogging", () => {
  it("writes what the application logs to app.log, with the place of the call and without secrets", () => {
    configure();
    admitPatient();
    const [record] = written("app.log");
    assert.ok(record);
    const { timestamp: _timestamp, record_id: _id, path, ...rest } = record;
    assert.match(path, /logging\.spec\.[jt]s$/u);
    assert.deepEqual(rest, {
      level: "INFO",
      name: "patients",
      message: "admitted p1 { password: '[REDACTED]', ward: 3 }",
      ...OUTSIDE,
      module: "logging.spec",
      function: "admitPatient",
      exception: null,
    });
  });

  it("tells the stack of an error and of its causes", () => {
    configure();
    log4js.getLogger().error("failed", new Error("outer", { cause: new Error("inner") }));
    const [record] = written("app.log");
    assert.equal(record?.message, "failed Error: outer");
    assert.match(record?.exception, /^Error: outer\n[^]*\nCaused by: Error: inner\n/u);
  });

  it("sends each category to its file, and none of ours to app.log", () => {
    configure();
    for (const name of ["audit.crud", "audit.trail", "audit.event"])
      log4js.getLogger(name).audit({ of: name });
    log4js.getLogger("audit.request").api({ of: "audit.request" });
    log4js.getLogger("audit.login").login({ of: "audit.login" });
    assert.deepEqual(of("audit.log"), ["audit.crud", "audit.trail", "audit.event"]);
    assert.deepEqual(of("api.log"), ["audit.request"]);
    assert.deepEqual(of("login.log"), ["audit.login"]);
    assert.deepEqual(of("app.log"), []);
  });

  it("completes a record that the application logs itself, and hides its secrets", () => {
    configure();
    log4js.getLogger("audit.event").audit("exported", { action: "report.export", token: "abc" });
    const [record] = lines("audit.log");
    assert.ok(record);
    const { timestamp: _timestamp, record_id: _id, ...rest } = record;
    assert.deepEqual(rest, {
      level: "AUDIT",
      name: "audit.event",
      message: "exported",
      ...OUTSIDE,
      redacted: ["/token"],
      action: "report.export",
      token: "[REDACTED]",
    });
  });

  it("refuses an option that it does not know, and says which it knows", () => {
    assert.throws(() => auditLogging({ directry: "x" } as never), {
      code: "AUDIT_OPTION_UNKNOWN",
      message: /auditLogging\.directry.*directory/u,
    });
    assert.throws(() => auditLogging({ api: { ringBytes: 10 } }), { code: "AUDIT_OPTION_INVALID" });
    assert.throws(() => auditLogging({ durability: "disk" as never }), { code: "AUDIT_OPTION_INVALID" });
  });

  it("leaves audit.log and login.log as durable as they are, but for the categories that are named", () => {
    log4js.configure(auditLogging({ directory, console: false, durability: { "audit.crud": "fsync" } }));
    log4js.getLogger("audit.event").audit("one");
    log4js.getLogger("audit.login").login("one");
    for (const name of ["audit.log", "login.log"])
      assert.equal(readFileSync(join(directory, name), "utf8").split("\n").length, 2, name);
    log4js.configure(auditLogging({ directory, console: false, audit: { durability: undefined } as never }));
    log4js.getLogger("audit.event").audit("two");
    assert.equal(readFileSync(join(directory, "audit.log"), "utf8").split("\n").length, 3);
  });

  it("refuses a pipe in the place of a file, as standard output of a container is one", () => {
    execFileSync("mkfifo", [join(directory, "app.log")]);
    assert.throws(() => log4js.configure(auditLogging({ directory, console: false })), {
      code: "AUDIT_DIRECTORY_UNWRITABLE",
    });
  });

  it("refuses a directory that cannot be written", () => {
    assert.throws(() => log4js.configure(auditLogging({ directory: "/proc/none" })), {
      code: "AUDIT_DIRECTORY_UNWRITABLE",
    });
  });
});

describe("records that had to be dropped", () => {
  it("are told of in a GAP record once there is room", async () => {
    const api = { ringBytes: 65_536, onFull: "drop" } as const;
    log4js.configure(auditLogging({ directory, serviceName: "clinic", console: false, api }));
    const path = join(directory, "api.log");
    unlinkSync(path);
    symlinkSync("/dev/full", path);
    const text = "x".repeat(1000);
    const began = formatTimestamp(Date.now());
    for (let n = 0; n < 100; n += 1) log4js.getLogger("audit.request").api({ n, text });
    const ended = formatTimestamp(Date.now());
    const { dropped } = writerHealth();
    assert.ok(dropped > 0);
    unlinkSync(path);
    while (writerHealth().files.some(({ state }) => state === "full")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const records = lines("api.log");
    const gap = assertRecord(JSON.stringify(records.at(-1)));
    const { from, to, ...details } = gap.details;
    assert.ok(began <= from && from <= to && to <= ended, `${began} ≤ ${from} ≤ ${to} ≤ ${ended}`);
    assert.deepEqual([gap.name, gap.event_type, gap.outcome], ["audit.trail", "GAP", "failure"]);
    assert.deepEqual(details, { count: dropped, why: "the ring was full" });
    assert.equal(records.length - 1 + dropped, 100);
  });
});

describe("checkLogging", () => {
  it("passes the configuration of auditLogging", () => {
    configure();
    assert.doesNotThrow(checkLogging);
  });

  it("tells when log4js is not configured", () => {
    assert.throws(checkLogging, { code: "AUDIT_LOGGING_MISSING" });
  });

  it("tells when a logger was asked for before log4js was configured, which leaves it silent", () => {
    log4js.getLogger();
    assert.throws(checkLogging, { code: "AUDIT_LOGGING_SILENT" });
  });

  for (const [what, change] of [
    ["is OFF", (all: log4js.Configuration) => (all.categories["audit.login"]!.level = "OFF")],
    ["is above its records", (all: log4js.Configuration) => (all.categories["audit.crud"]!.level = "WARN")],
    ["is missing", (all: log4js.Configuration) => delete all.categories["audit.request"]],
  ] as const) {
    it(`tells when a category ${what}`, () => {
      configure(change);
      assert.throws(checkLogging, { code: "AUDIT_LOGGING_SILENT" });
    });
  }

  it("takes a parent category for all of ours", () => {
    log4js.configure({
      levels,
      appenders: { out: { type: "recording" } },
      categories: {
        default: { appenders: ["out"], level: "OFF" },
        audit: { appenders: ["out"], level: "AUDIT" },
      },
    });
    assert.doesNotThrow(checkLogging);
  });
});

describe("a line that is not all ASCII", () => {
  for (const durability of ["memory", "os"] as const) {
    it(`has no control characters in the file (${durability})`, () => {
      configure(({ appenders }) => {
        for (const appender of Object.values(appenders)) Object.assign(appender, { durability });
      });
      const odd = "Zoë \u0085\u009b2J\u2028\u2029 \u{1f600}";
      createSink()({ name: "audit.event", level: "AUDIT", message: odd } as never);
      log4js.getLogger("audit.event").audit({ message: odd });
      log4js.shutdown();
      const text = readFileSync(join(directory, "audit.log"), "utf8");
      assert.doesNotMatch(text, /[\u0080-\u009f\u2028\u2029]/u);
      assert.ok(text.includes("Zoë") && text.includes("\u{1f600}"));
      assert.deepEqual(
        lines("audit.log").map(({ message }) => message),
        [odd, odd],
      );
    });
  }
});

describe("createSink", () => {
  const record = { level: "API", name: "audit.request", record_id: "r1", schema: 1 } as never;

  it("writes a finished record as it is", () => {
    configure();
    createSink()(record);
    assert.deepEqual(lines("api.log"), [record]);
  });

  it("gives appenders of others the event that logger.log would give them", () => {
    configure((all) => {
      all.appenders.memory = { type: "recording" };
      all.categories["audit.request"]!.appenders.push("memory");
    });
    const recording = log4js.recording();
    recording.reset();
    createSink()(record);
    log4js.getLogger("audit.request").log("API", record);
    const [bySink, byLogger] = recording.replay().map(({ startTime: _time, ...event }) => event);
    assert.deepEqual(bySink, byLogger);
    assert.deepEqual(lines("api.log"), [record, record]);
  });

  it("follows a change of the level and a new configuration at once", () => {
    configure();
    const sink = createSink();
    sink(record);
    log4js.getLogger("audit.request").level = "OFF";
    sink(record);
    configure();
    sink(record);
    assert.deepEqual(lines("api.log"), [record, record]);
  });
});
