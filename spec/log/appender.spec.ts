import assert from "node:assert/strict";
import fs, { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import log4js from "log4js";
import { consoleLayout } from "#dist/log/layouts";
import { levels } from "#dist/log/levels";
import { auditLogging } from "#dist/log/logging";
import { createSink } from "#dist/log/sink";
import { buildRecord } from "#dist/record/build";
import type { AuditRecord } from "#dist/record/types";
import { writerHealth } from "#dist/writer/writers";
import { rowEvent, STAMP } from "../record/events.js";

const TYPE = "activity-audit/appender";
let directory: string;
let filename: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "audit-appender-"));
  filename = join(directory, "a.log");
});

afterEach(() => {
  log4js.shutdown();
  rmSync(directory, { recursive: true });
});

function configure(appenders: Record<string, object>, categories: Record<string, string[]>): void {
  // The name is resolved from where log4js is; here the package is not installed under its name.
  const module = require("#dist/log/appender") as object;
  log4js.configure({
    levels,
    appenders: Object.fromEntries(
      Object.entries(appenders).map(([name, options]) => [name, { type: module, filename, ...options }]),
    ) as never,
    categories: Object.fromEntries(
      Object.entries(categories).map(([name, use]) => [name, { appenders: use, level: "INFO" }]),
    ),
    disableClustering: true,
  });
}

function broken(): () => void {
  return () => {
    throw new Error("broken");
  };
}

function named(name: string): object {
  return { layout: { type: "pattern", pattern: `${name} %m` } };
}

/** The lines of the file, once nothing is queued any more. */
function lines(): string[] {
  log4js.shutdown();
  return readFileSync(filename, "utf8").split("\n").slice(0, -1);
}

describe(`an appender of type ${TYPE}`, () => {
  it("writes what a layout of log4js makes of an event", () => {
    configure({ a: { layout: { type: "pattern", pattern: "%p %c %m" } } }, { default: ["a"] });
    log4js.getLogger("ward").warn("bed %d", 7);
    log4js.getLogger("ward").debug("below the level");
    assert.deepEqual(lines(), ["WARN ward bed 7"]);
  });

  it("writes what a layout of the user makes of an event", () => {
    log4js.addLayout(
      "upper",
      () =>
        ({ data }) =>
          String(data[0]).toUpperCase(),
    );
    configure({ a: { layout: { type: "upper" } } }, { default: ["a"] });
    log4js.getLogger().info("admitted");
    assert.deepEqual(lines(), ["ADMITTED"]);
  });

  it("writes a text of several lines as it is, and takes none of them for something of its own", () => {
    const text = "said:\n\u0001\u0009\0\0\0\0\0 not ours\nend";
    configure({ a: { layout: { type: "messagePassThrough" } } }, { default: ["a"] });
    for (const each of ["before", text, "after"]) log4js.getLogger().info(each);
    assert.deepEqual(lines(), ["before", ...text.replace("\n\u0001", "\n \u0001").split("\n"), "after"]);
  });

  it("writes what the layout for the console makes of a record of ours, also one that comes without an event", () => {
    configure({ a: { layout: consoleLayout({ colour: false }) } }, { default: ["a"], "audit.crud": ["a"] });
    const record = buildRecord(rowEvent(), STAMP) as AuditRecord;
    createSink()(record);
    log4js.getLogger("audit.crud").audit(record);
    const shown = /^AUDIT \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} - - - UPDATE event for Patient \(id: p-1\)$/u;
    assert.deepEqual(
      lines().map((line) => line.replace(shown, "shown")),
      ["shown", "shown"],
    );
  });

  it("gets a record of ours also behind an appender that throws", () => {
    configure(
      { broken: { type: { configure: broken } }, a: {} },
      { "audit.crud": ["broken", "a"], default: ["a"] },
    );
    const record = buildRecord(rowEvent(), STAMP) as AuditRecord;
    createSink()(record);
    assert.equal(lines().length, 1);
  });

  it("shares its file with others of the process, in the order of the calls", () => {
    configure({ a: named("a"), b: named("b") }, { default: ["a"], both: ["a", "b"], b: ["b"] });
    for (const [index, category] of ["default", "both", "b", "default"].entries())
      log4js.getLogger(category).info(index);
    assert.equal(writerHealth().files.length, 1);
    assert.deepEqual(lines(), ["a 0", "a 1", "b 1", "b 2", "a 3"]);
  });

  it("goes on in its file when log4js is configured anew", () => {
    for (const text of ["one", "two", "three"]) {
      configure({ a: { layout: { type: "messagePassThrough" } } }, { default: ["a"] });
      log4js.getLogger().info(text);
    }
    assert.deepEqual(lines(), ["one", "two", "three"]);
  });

  it("brings each category's lines as far as it is told before the call returns", () => {
    const durability = { "audit.login": "fsync", "audit.crud": "os", default: "memory" };
    configure({ a: { layout: { type: "messagePassThrough" }, durability } }, { default: ["a"] });
    const { fsyncSync, writeSync } = fs;
    const done: string[] = [];
    const noting = (what: string, fd: number): void => {
      if (readlinkSync(`/proc/self/fd/${fd}`) === filename) done.push(what);
    };
    fs.fsyncSync = (fd) => {
      noting("fsync", fd);
      fsyncSync(fd);
    };
    fs.writeSync = ((fd: number, ...rest: never[]) => {
      noting("write", fd);
      return Reflect.apply(writeSync, fs, [fd, ...rest]) as number;
    }) as typeof writeSync;
    try {
      const during = (category: string): string[] => {
        done.length = 0;
        log4js.getLogger(category).info(category);
        return [...done];
      };
      assert.deepEqual(during("audit.crud"), ["write"]);
      assert.deepEqual(during("audit.login"), ["write", "fsync"]);
      assert.deepEqual(during("audit.request"), []);
    } finally {
      Object.assign(fs, { fsyncSync, writeSync });
    }
    assert.deepEqual(lines(), ["audit.crud", "audit.login", "audit.request"]);
  });
});

describe("auditLogging", () => {
  it("writes in each process, whatever flags a process manager's users set for log4js", () => {
    // Not the first of PM2's instances: with its clustering on, log4js would send the event away.
    process.env.NODE_APP_INSTANCE = "1";
    try {
      log4js.configure({ ...auditLogging({ directory, console: false }), pm2: true });
      log4js.getLogger("audit.request").api({ n: 1 });
      filename = join(directory, "api.log");
      assert.equal(lines().length, 1);
    } finally {
      delete process.env.NODE_APP_INSTANCE;
    }
  });
});
