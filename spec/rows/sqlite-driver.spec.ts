/**
 * What an application may do with its SQLite connection beside TypeORM: it is captured all the same, and sees nothing of it.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { faultSummaries } from "#dist/health";
import { captureAll, type Captured } from "./captured.js";
import { betterSqlite3, sqljs } from "./databases/sqlite.js";

interface Statement {
  run(...values: unknown[]): unknown;
  step(): boolean;
  free(): void;
}

interface Driver {
  prepare(sql: string): Statement;
  run(sql: string): unknown;
  exec(sql: string): unknown;
  updateHook(hook: ((operation: string, schema: string, table: string) => void) | null): void;
  defaultSafeIntegers(on: boolean): void;
}

for (const database of [sqljs, betterSqlite3]) {
  describe(`the driver's own connection of ${database.name}`, { skip: database.reason ?? false }, () => {
    const events: RowEvent[] = [];
    let dataSource: DataSource;
    let capture: Captured;
    let driver: Driver;
    let faults: unknown;
    const onlyBetter = database === sqljs ? { skip: "better-sqlite3 only" } : {};
    const onlySqljs = database === sqljs ? {} : { skip: "sql.js only" };

    const told = (): unknown[] =>
      events.splice(0).map(({ type, table, after, rowCount }) => [type, table, after ?? rowCount ?? null]);
    const begin = (): void => {
      capture = captureAll(dataSource, events);
      driver = (dataSource.driver as unknown as { databaseConnection: Driver }).databaseConnection;
    };

    beforeEach(async () => {
      faults = faultSummaries();
      dataSource = await new DataSource(await database.options()).initialize();
      await dataSource.query("CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER)");
      await dataSource.query("CREATE TABLE other (id INTEGER PRIMARY KEY, n INTEGER)");
      await dataSource.query("CREATE TABLE pair (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID");
      events.length = 0;
    });
    afterEach(async () => {
      capture.undo();
      await dataSource.destroy();
      assert.deepEqual(faultSummaries(), faults);
    });

    it("is captured on when what is temporary is moved", async () => {
      begin();
      for (let id = 1; id <= 3; id += 1) await dataSource.query(`INSERT INTO item VALUES (${id}, 0)`);
      assert.equal(told().length, 3);
      await dataSource.query("PRAGMA temp_store = MEMORY");
      await dataSource.query("INSERT INTO item VALUES (4, 0)");
      await dataSource.query("UPDATE item SET n = 1 WHERE id = 1");
      assert.deepEqual(told(), [
        ["CREATE", "item", { id: 4, n: 0 }],
        ["UPDATE", "item", { id: 1, n: 1 }],
      ]);
    });

    it("is captured for as long as a query is open", onlySqljs, () => {
      begin();
      driver.run("INSERT INTO other VALUES (1, 1), (2, 2)");
      const open = driver.prepare("SELECT * FROM other");
      open.step();
      for (let id = 1; id <= 1100; id += 1) driver.run(`INSERT INTO item VALUES (${id}, 0)`);
      open.free();
      driver.run("INSERT INTO item VALUES (1101, 0)");
      assert.equal(told().length, 1103);
    });

    it("tells nothing twice where a capture before could not take its table along", onlySqljs, () => {
      begin();
      driver.run("INSERT INTO other VALUES (1, 1), (2, 2)");
      const open = driver.prepare("SELECT * FROM other");
      open.step();
      capture.undo();
      open.free();
      // The table that it could not drop; that much is counted.
      faults = faultSummaries();
      events.length = 0;
      begin();
      driver.run("INSERT INTO item VALUES (1, 1)");
      assert.deepEqual(told(), [["CREATE", "item", { id: 1, n: 1 }]]);
    });

    it("leaves a statement that is kept alone when it is captured no more", onlySqljs, () => {
      begin();
      const kept = driver.prepare("INSERT INTO item (n) VALUES (1)");
      kept.run();
      driver.run("ALTER TABLE other ADD COLUMN text");
      capture.undo();
      kept.run();
      kept.free();
      assert.deepEqual(told(), [["CREATE", "item", { id: 1, n: 1 }]]);
      assert.equal(driver.prepare("SELECT name FROM temp.sqlite_master").step(), false);
    });

    it("keeps its rows from an update hook of the application's", onlySqljs, () => {
      begin();
      const hooked: string[] = [];
      driver.updateHook((operation, schema, table) => hooked.push(`${operation} ${schema}.${table}`));
      driver.run("REPLACE INTO item VALUES (1, 1)");
      driver.updateHook(null);
      driver.run("UPDATE item SET n = 2");
      assert.deepEqual(hooked, ["insert main.item"]);
      assert.equal(told().length, 2);
    });

    it("is captured in a text that alters another table", () => {
      begin();
      driver.exec("ALTER TABLE other ADD COLUMN text; INSERT INTO item VALUES (1, 1); DELETE FROM item");
      driver.exec(
        '-- alter table item\nALTER TABLE "other" RENAME TO "item two"; INSERT INTO item VALUES (2, 2)',
      );
      assert.deepEqual(told(), [
        ["CREATE", "item", { id: 1, n: 1 }],
        ["DELETE", "item", null],
        ["CREATE", "item", { id: 2, n: 2 }],
      ]);
      driver.exec('INSERT INTO "item two" VALUES (1, 1, 1)');
      assert.deepEqual(told(), [["CREATE", "item two", { id: 1, n: 1, text: 1 }]]);
    });

    it("is captured where all integers are BigInts", onlyBetter, () => {
      driver = (dataSource.driver as unknown as { databaseConnection: Driver }).databaseConnection;
      driver.defaultSafeIntegers(true);
      begin();
      driver.prepare("INSERT INTO item VALUES (1, 9007199254740993)").run();
      driver.prepare("REPLACE INTO pair VALUES (1, 2)").run();
      driver.prepare("UPDATE pair SET b = 3").run();
      assert.deepEqual(told(), [
        ["CREATE", "item", { id: 1, n: "9007199254740993" }],
        ["CREATE", "pair", { a: 1, b: 2 }],
        ["UPDATE", "pair", { a: 1, b: 3 }],
      ]);
    });
  });
}
