/**
 * `consistency: "outbox"` as a user has it: what is in the table, what is in the file, and what happens when one of
 * the two cannot be written.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import log4js from "log4js";
import { DataSource, EntitySchema, type DataSourceOptions } from "typeorm";
import {
  audit,
  AuditEntity,
  AuditError,
  auditLogging,
  type AttachDataSourceOptions,
  type AuditOptions,
} from "activity-audit";
import { outboxServers } from "../support/outbox-servers.js";
import { assertRecord, type WrittenRecord } from "../support/schema.js";
import { until } from "../support/until.js";

class Patient {
  id!: number;
  name!: string;
  phone!: string;
  pin!: string;
}
AuditEntity<Patient>({ mask: ["phone"], redact: ["pin"], label: ({ name }) => name })(
  Patient as never,
  undefined as never,
);

const patient = new EntitySchema<Patient>({
  name: "Patient",
  target: Patient,
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: String },
    phone: { type: String },
    pin: { type: String },
  },
});

const servers = outboxServers(`audit_outbox_spec_${process.pid}`);

let directory: string;
const opened: DataSource[] = [];

function start(options: Partial<AuditOptions> = {}): void {
  log4js.configure(auditLogging({ directory, serviceName: "clinic" }));
  audit.start({ serviceName: "clinic", ...options });
}

async function open(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = await new DataSource({
    ...options,
    entities: [patient],
    synchronize: true,
  } as never).initialize();
  opened.push(dataSource);
  return dataSource;
}

const attach = (dataSource: DataSource, more: AttachDataSourceOptions = {}): void =>
  void audit.attach(dataSource, { consistency: "outbox", ...more });

const row = (text: string): Partial<Patient> => ({ name: text, phone: "0791234567", pin: "4711-secret" });

function written(): WrittenRecord[] {
  const file = join(directory, "audit.log");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map(assertRecord).filter(({ name: category }) => category === "audit.crud");
}

/** With time for a busy machine. */
const flush = () => audit.flush({ timeoutMs: 60_000 });

const names = (): unknown[] =>
  written().map(({ event_type, instance_repr }) => `${event_type} ${instance_repr.name}`);

const faults = (): unknown[] => audit.health().faults.map(({ kind }) => kind);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "audit-outbox-"));
});

afterEach(async () => {
  await audit.stop();
  for (const one of opened.splice(0)) if (one.isInitialized) await one.destroy();
  await new Promise((resolve) => log4js.shutdown(resolve));
  rmSync(directory, { recursive: true, force: true });
});

for (const server of servers) {
  const { options, reason, waiting } = server;
  describe(`an outbox on ${options.type}`, { skip: reason ?? false }, () => {
    beforeEach(async () => {
      await server.drop();
      await server.make();
    });
    after(() => server.drop());

    it("gives the records that there would be without it, line for line", async () => {
      const runs: WrittenRecord[][] = [];
      for (const consistency of ["memory", "outbox"] as const) {
        const dataSource = await open(options);
        await dataSource.query("DELETE FROM patient");
        start({ extra: { site: "north" } });
        attach(dataSource, { consistency });
        const patients = dataSource.getRepository(Patient);
        await audit.run(
          { actor: { id: 7, role: "nurse" }, requestId: "request", reason: "round" },
          async () => {
            const one = await patients.save(row("Ada é'\"\\☃\u2028"));
            await patients.update(one.id, { phone: "0799999999", pin: "0815-secret" });
            await dataSource.transaction(async (manager) => {
              await manager.insert(Patient, [row("b"), row("c")]);
              await manager.delete(Patient, { name: "b" });
            });
          },
        );
        await flush();
        await audit.stop();
        await dataSource.destroy();
        runs.push(written().map((record) => steady(record)));
        rmSync(join(directory, "audit.log"));
      }
      assert.equal(runs[0]!.length, 5);
      assert.deepEqual(runs[1], runs[0]);
    });

    it("holds finished lines without a secret, until they are relayed", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      await flush();
      const release = await server.hold();
      await audit.run({ actor: { id: 7 } }, () => dataSource.getRepository(Patient).save(row("Ada")));
      const [only, ...more] = (await dataSource.query(waiting)) as { records: string }[];
      assert.deepEqual(more, []);
      assert.ok(!/4711|0791234567/.test(only!.records));
      assert.equal(assertRecord(only!.records).user.id, 7);
      assert.deepEqual(names(), []);
      await release();
      await flush();
      assert.equal(readFileSync(join(directory, "audit.log"), "utf8").split("\n").at(-2), only!.records);
      assert.deepEqual(await dataSource.query(waiting), []);
    });

    it("keeps nothing of what is rolled back, by transaction or by savepoint", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      const release = await server.hold();
      await assert.rejects(
        dataSource.transaction(async (manager) => {
          await manager.insert(Patient, row("gone"));
          throw new Error("no");
        }),
      );
      await dataSource.transaction(async (manager) => {
        await manager.insert(Patient, row("kept"));
        await manager
          .transaction((inner) => inner.insert(Patient, row("inner")).then(() => Promise.reject(new Error())))
          .catch(() => {});
      });
      const rows = (await dataSource.query(waiting)) as { records: string }[];
      await release();
      await flush();
      assert.deepEqual(
        rows.map(({ records }) => assertRecord(records).instance_repr.name),
        ["kept"],
      );
      assert.deepEqual(names(), ["CREATE kept"]);
      assert.deepEqual(faults(), []);
    });

    it("holds what a procedure does in a transaction of the application's", async () => {
      const dataSource = await open(options);
      const body =
        options.type === "postgres"
          ? "LANGUAGE sql AS $$ UPDATE patient SET name = 'called' $$"
          : "UPDATE patient SET name = 'called'";
      await dataSource.query(`CREATE PROCEDURE rename_all() ${body}`);
      start();
      attach(dataSource);
      await dataSource.getRepository(Patient).insert(row("Ada"));
      await flush();
      const release = await server.hold();
      await dataSource.transaction((manager) => manager.query("CALL rename_all()"));
      const rows = (await dataSource.query(waiting)) as { records: string }[];
      await release();
      await flush();
      assert.deepEqual(
        rows.map(({ records }) => [assertRecord(records).event_type, assertRecord(records).statement]),
        [["STATEMENT", "CALL rename_all()"]],
      );
    });

    it("keeps rows whose file cannot be written, and gives them once it can", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      const patients = dataSource.getRepository(Patient);
      await patients.insert(row("a"));
      await flush();
      log4js.getLogger("audit.crud").level = "OFF";
      await patients.insert(row("b"));
      await assert.rejects(audit.flush({ timeoutMs: 300 }), { code: "AUDIT_FLUSH_TIMEOUT" });
      assert.equal(((await dataSource.query(waiting)) as unknown[]).length, 1);
      assert.ok(faults().includes("outbox.relay"));
      log4js.getLogger("audit.crud").level = "ALL";
      await flush();
      assert.deepEqual(names(), ["CREATE a", "CREATE b"]);
      assert.deepEqual(await dataSource.query(waiting), []);
    });

    it("deletes a row only when its line stands in the file", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      const patients = dataSource.getRepository(Patient);
      await patients.insert(row("a"));
      await flush();
      const file = join(directory, "audit.log");
      // A directory in the place of the file: nobody can write there.
      renameSync(file, `${file}.1`);
      mkdirSync(file);
      await patients.insert(row("b"));
      await assert.rejects(audit.flush({ timeoutMs: 300 }), { code: "AUDIT_FLUSH_TIMEOUT" });
      assert.equal(((await dataSource.query(waiting)) as unknown[]).length, 1);
      rmdirSync(file);
      await flush();
      assert.deepEqual(names(), ["CREATE b"]);
      assert.deepEqual(await dataSource.query(waiting), []);
    });

    it("relayed by two at once gives each record once", async () => {
      const sources = [await open(options), await open(options)];
      start();
      for (const one of sources) attach(one);
      await Promise.all(
        sources.map(async (one, index) => {
          for (let n = 0; n < 40; n += 1) await one.getRepository(Patient).insert(row(`${index}.${n}`));
        }),
      );
      await flush();
      const found = written().map(({ record_id }) => record_id as string);
      assert.equal(found.length, 80);
      assert.equal(new Set(found).size, 80);
    });

    it("that is missing is told of, and the records come from memory", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource, { createOutbox: false });
      await dataSource.getRepository(Patient).save(row("a"));
      await dataSource.transaction((manager) => manager.insert(Patient, row("b")));
      await audit.flush({ timeoutMs: 500 }).catch(() => {});
      await until(() => names().length >= 2);
      assert.deepEqual(names(), ["CREATE a", "CREATE b"]);
      const told = audit.health().faults.find(({ kind }) => kind === "outbox.table");
      assert.match(told!.last_message, /CREATE TABLE .*audit_outbox.*\[AUDIT_OUTBOX_MISSING\]/);
    });

    it("that is missing fails what cannot be recorded, if that is asked for", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource, { createOutbox: false, onOutboxError: "fail" });
      const patients = dataSource.getRepository(Patient);
      await assert.rejects(patients.insert(row("a")), isOurs);
      await assert.rejects(
        dataSource.transaction((manager) => manager.insert(Patient, row("b"))),
        isOurs,
      );
      assert.equal(await patients.count(), 0);
      assert.deepEqual(names(), []);
    });

    it("that is dropped is made again", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      const patients = dataSource.getRepository(Patient);
      await patients.insert(row("a"));
      await flush();
      await dataSource.query("DROP TABLE audit_outbox");
      await dataSource.transaction((manager) => manager.insert(Patient, row("b")));
      await patients.insert(row("c"));
      await flush();
      assert.deepEqual(names().toSorted(), ["CREATE a", "CREATE b", "CREATE c"]);
      assert.deepEqual(await dataSource.query(waiting), []);
    });

    it("is relayed again when the relay has lost its connection", async () => {
      const dataSource = await open(options);
      start();
      attach(dataSource);
      await dataSource.getRepository(Patient).insert(row("a"));
      await flush();
      await server.cut();
      // The pool's own connections are gone as well: a second DataSource writes.
      const other = await open(options);
      attach(other);
      await other.getRepository(Patient).insert(row("b"));
      await flush();
      assert.deepEqual(names(), ["CREATE a", "CREATE b"]);
      assert.deepEqual(await other.query(waiting), []);
    });

    it("is never recorded itself", async () => {
      const dataSource = await open(options);
      start({ rows: { consistency: "outbox", outboxTable: "letters" } });
      audit.attach(dataSource, { tables: "all" });
      await dataSource.getRepository(Patient).insert(row("a"));
      await flush();
      await dataSource.query("DELETE FROM letters");
      await flush();
      assert.deepEqual(
        written().map(({ table }) => table),
        ["patient"],
      );
      const [coverage] = audit.coverage().dataSources;
      assert.equal(coverage?.consistency, "outbox");
      assert.ok(coverage.blind.some((sentence) => sentence.startsWith("Not in the outbox")));
    });
  });
}

describe("an outbox", () => {
  it("that is missing on SQLite is an error of the attach", async () => {
    const dataSource = await open({ type: "sqljs" });
    start();
    assert.throws(() => attach(dataSource, { createOutbox: false }), { code: "AUDIT_OUTBOX_MISSING" });
  });

  it("outside of the main database of SQLite is an error of the attach, before initialize() and after it", async () => {
    start();
    const options = { outboxTable: "other.box" };
    const refused = { code: "AUDIT_OPTION_INVALID" };
    const later = new DataSource({ type: "sqljs", entities: [patient] });
    assert.throws(() => attach(later, options), refused);
    const dataSource = await open({ type: "sqljs" });
    assert.throws(() => attach(dataSource, options), refused);
  });

  it(
    "whose database does not answer holds audit.stop() up for its five seconds, and no longer",
    { skip: servers[0]!.reason ?? false },
    async () => {
      const { options, make, drop } = servers[0]!;
      await drop();
      await make();
      const dataSource = await open(options);
      start();
      attach(dataSource);
      await dataSource.getRepository(Patient).save(row("a"));
      await flush();
      const holder = await new DataSource(options).initialize();
      await holder.query("BEGIN; LOCK TABLE audit_outbox");
      try {
        const stopped = audit.stop().then(() => "stopped");
        // Both timers are of one event loop: whatever else the machine does, the earlier one comes first.
        assert.equal(await Promise.race([stopped, sleep(9500, "still stopping")]), "stopped");
      } finally {
        await holder.destroy();
        await dataSource.destroy();
        await drop();
      }
    },
  );

  it("is refused where no record can be written into the application's transactions", async () => {
    const dataSource = await open({ type: "sqljs" });
    start();
    assert.throws(() => attach(dataSource, { rows: "portable" }), { code: "AUDIT_OUTBOX_UNSUPPORTED" });
  });

  it("on SQLite leaves changes() and last_insert_rowid() as they are, and gives the deleted rows of REPLACE", async () => {
    const dataSource = await open({ type: "sqljs" });
    start();
    attach(dataSource);
    const ask = (): Promise<unknown> => dataSource.query("SELECT changes() AS c, last_insert_rowid() AS id");
    await dataSource.query("INSERT INTO patient VALUES (5, 'a', '', ''), (6, 'b', '', '')");
    await flush();
    assert.deepEqual(await ask(), [{ c: 2, id: 6 }]);
    await dataSource.query("REPLACE INTO patient VALUES (5, 'new', '', '')");
    assert.deepEqual(await ask(), [{ c: 1, id: 5 }]);
    await flush();
    assert.deepEqual(names(), ["CREATE a", "CREATE b", "DELETE a", "CREATE new"]);
    // What is relayed goes with the next write.
    await dataSource.query("UPDATE patient SET name = 'x' WHERE id = 6");
    assert.deepEqual(await ask(), [{ c: 1, id: 5 }]);
    assert.deepEqual(await dataSource.query("SELECT count(*) AS n FROM audit_outbox"), [{ n: 1 }]);
  });
});

/** What differs from run to run. */
function steady(record: WrittenRecord): WrittenRecord {
  const text = JSON.stringify({
    ...record,
    timestamp: "",
    record_id: "",
    transaction_id: "",
    span_id: "",
    trace_id: "",
  });
  const { instance_id, instance_repr, message } = record;
  return {
    ...JSON.parse(text),
    instance_id: typeof instance_id,
    message: message.replace(/\d+/, "1"),
    instance_repr: { ...instance_repr, id: 1 },
  };
}

/** As it is, or as TypeORM has wrapped it. */
function isOurs(error: unknown): boolean {
  const { driverError } = error as { driverError?: unknown };
  const found = driverError ?? error;
  return found instanceof AuditError && found.code === "AUDIT_OUTBOX_FAILED";
}
