import "reflect-metadata";
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DataSource, type DataSourceOptions } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { faultSummaries } from "#dist/health";
import { captureAll } from "./captured.js";
import { Plain, Up } from "./operations/entities.js";

const keyedRow = (b: number, v: number): object => ({ a: "x", b, v });
const sorted = (rows: unknown[]): unknown[] =>
  rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

describe("what only SQLite has", () => {
  const events: RowEvent[] = [];
  let dataSource: DataSource;
  let capture: RowCapture;

  const told = (): unknown[] =>
    events.splice(0).map(({ type, table, before, after }) => [type, table, before, after]);
  const start = async (options: Partial<DataSourceOptions> = {}): Promise<void> => {
    dataSource = new DataSource({
      type: "sqljs",
      entities: [Plain, Up],
      synchronize: true,
      ...options,
    } as DataSourceOptions);
    capture = captureAll(dataSource, events);
    await dataSource.initialize();
    events.length = 0;
  };

  beforeEach(() => start());
  afterEach(async () => {
    capture.undo();
    if (dataSource.isInitialized) await dataSource.destroy();
    assert.deepEqual(faultSummaries(), []);
  });

  it("a table WITHOUT ROWID: each change, its key's too, and what REPLACE deletes", async () => {
    await dataSource.query("CREATE TABLE wr (a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID");
    await dataSource.query("INSERT INTO wr VALUES ('x', 1, 10), ('x', 2, 20)");
    await dataSource.query("UPDATE wr SET b = 3, v = 30 WHERE b = 2");
    await dataSource.query("REPLACE INTO wr VALUES ('x', 1, 11)");
    await dataSource.query("DELETE FROM wr WHERE b = 3");
    assert.deepEqual(events[0]!.id, JSON.stringify({ a: "x", b: 1 }));
    assert.deepEqual(told(), [
      ["CREATE", "wr", null, keyedRow(1, 10)],
      ["CREATE", "wr", null, keyedRow(2, 20)],
      ["UPDATE", "wr", keyedRow(2, 20), keyedRow(3, 30)],
      ["DELETE", "wr", keyedRow(1, 10), null],
      ["CREATE", "wr", null, keyedRow(1, 11)],
      ["DELETE", "wr", keyedRow(3, 30), null],
    ]);
  });

  it("an attached database: its tables under its name, in the same transaction, until it is detached", async () => {
    await dataSource.query("ATTACH ':memory:' AS side");
    await dataSource.query("CREATE TABLE side.notes (id INTEGER PRIMARY KEY, text)");
    await dataSource.query("CREATE TABLE side.plain (id INTEGER PRIMARY KEY, other)");
    await dataSource.transaction(async (m) => {
      await m.query("INSERT INTO side.notes VALUES (1, 'a')");
      await m.query("INSERT INTO side.plain VALUES (1, 'side')");
      await m.insert(Up, { key: "k" });
    });
    assert.equal(new Set(events.map(({ transactionId }) => transactionId)).size, 1);
    assert.deepEqual(told(), [
      ["CREATE", "side.notes", null, { id: 1, text: "a" }],
      ["CREATE", "side.plain", null, { id: 1, other: "side" }],
      ["CREATE", "up", null, { id: 1, key: "k", val: null }],
    ]);
    await dataSource.query("BEGIN");
    await dataSource.query("DELETE FROM side.notes");
    await dataSource.query("ROLLBACK");
    assert.deepEqual(told(), []);
    await dataSource.query("DETACH side");
    await dataSource.query("INSERT INTO up (key) VALUES ('l')");
    assert.deepEqual(told(), [["CREATE", "up", null, { id: 2, key: "l", val: null }]]);
  });

  it("the application's own triggers: what they write is told too, and nothing of what they refuse", async () => {
    await dataSource.query("CREATE TABLE log (id INTEGER PRIMARY KEY, text)");
    await dataSource.query(
      "CREATE TRIGGER up_log AFTER INSERT ON up BEGIN INSERT INTO log (text) VALUES ('added ' || NEW.key); END",
    );
    await dataSource.query(
      "CREATE TRIGGER up_val BEFORE DELETE ON up BEGIN UPDATE log SET text = 'deleted ' || OLD.key; END",
    );
    await dataSource.query(
      "CREATE TRIGGER up_no BEFORE INSERT ON up WHEN NEW.key = 'no' BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    await dataSource.query("INSERT INTO up (key) VALUES ('k')");
    await assert.rejects(dataSource.query("INSERT INTO up (key) VALUES ('ok'), ('no')"), /not this one/);
    await dataSource.query("DELETE FROM up");
    const up = { id: 1, key: "k", val: null };
    const added = { id: 1, text: "added k" };
    const inserted = told();
    assert.deepEqual(
      sorted(inserted),
      sorted([
        ["CREATE", "up", null, up],
        ["CREATE", "log", null, added],
        ["UPDATE", "log", added, { id: 1, text: "deleted k" }],
        ["DELETE", "up", up, null],
      ]),
    );
    // SQLite runs AFTER triggers in an order of its own, but a BEFORE trigger's work comes before the row's.
    assert.deepEqual(inserted.at(-1), ["DELETE", "up", up, null]);
  });

  it("autoSave: what is saved has no trace of us, and all that is written between two saves is told", async () => {
    const saved: Uint8Array[] = [];
    capture.undo();
    await dataSource.destroy();
    await start({
      autoSave: true,
      autoSaveCallback: (database: Uint8Array) => saved.push(database),
    } as Partial<DataSourceOptions>);
    for (const name of ["a", "b"]) await dataSource.getRepository(Plain).save({ name });
    await dataSource.transaction((m) => m.update(Plain, { name: "a" }, { n: 1 }));
    assert.deepEqual(
      events.map(({ type, after }) => `${type} ${String(after!["name"])}`),
      ["CREATE a", "CREATE b", "UPDATE a"],
    );
    assert.ok(saved.length >= 3);
    const copy = new DataSource({ type: "sqljs", database: saved.at(-1)! });
    await copy.initialize();
    assert.deepEqual(await copy.query("SELECT name, n FROM plain"), [
      { name: "a", n: 1 },
      { name: "b", n: null },
    ]);
    assert.deepEqual(await copy.query("SELECT name FROM sqlite_master WHERE name LIKE 'activity%'"), []);
    await copy.destroy();
  });

  it("destroy() then initialize(): the new database is captured, the old one is not spoken of", async () => {
    await dataSource.getRepository(Up).insert({ key: "old" });
    await dataSource.destroy();
    assert.equal(capture.coverage().active, false);
    await dataSource.initialize();
    assert.equal(capture.coverage().active, true);
    events.length = 0;
    await dataSource.getRepository(Up).insert({ key: "new" });
    assert.deepEqual(told(), [["CREATE", "up", null, { id: 1, key: "new", val: null }]]);
  });
});
