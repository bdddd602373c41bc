import "reflect-metadata";
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { captureDataSource, type RowCapture } from "#dist/capture/typeorm/typeorm";
import { entities, Post, Tag } from "./operations/entities.js";

describe("a SQLite connection that is captured", () => {
  let dataSource: DataSource;
  let capture: RowCapture;
  const events: RowEvent[] = [];
  const told = (): unknown[] =>
    events.splice(0).map(({ type, id, before, after }) => ({ type, id, before, after }));

  beforeEach(async () => {
    dataSource = new DataSource({ type: "sqljs", entities, synchronize: true });
    let transactions = 0;
    capture = captureDataSource(dataSource, (event) => events.push(event as RowEvent), {
      tables: "all",
      maxRowsPerStatement: 3,
      prepare: false,
      decorations: () => undefined,
      now: () => 0,
      newTransactionId: () => String((transactions += 1)),
    });
    await dataSource.initialize();
    await dataSource.query("CREATE TABLE odd (k TEXT COLLATE NOCASE UNIQUE, v)");
    events.length = 0;
  });

  afterEach(async () => {
    capture.undo();
    if (dataSource.isInitialized) await dataSource.destroy();
  });

  it("loses nothing of a value", async () => {
    await dataSource.query(
      "INSERT INTO odd VALUES ('int', 9007199254740993), ('real', 0.1), ('text', 'it''s, a' || char(0) || 'b')",
    );
    await dataSource.query("INSERT INTO odd VALUES ('blob', x'00ff'), ('null', NULL)");
    assert.deepEqual(
      events.map(({ after }) => after!["v"]),
      ["9007199254740993", 0.1, "it's, a\0b", new Uint8Array([0, 255]), null],
    );
    events.length = 0;
  });

  it("is no limit to the length of a statement", async () => {
    const long = "it''s ; alter -- ".repeat(600_000);
    await dataSource.query(`INSERT INTO odd VALUES ('long', '${long}')`);
    assert.equal(events.splice(0)[0]!.after!["v"], long.replaceAll("''", "'"));
  });

  it("tells which row an INSERT OR REPLACE has deleted, by any of the table's unique keys", async () => {
    await dataSource.query("INSERT INTO odd VALUES ('a', 1)");
    events.length = 0;
    await dataSource.query("INSERT OR IGNORE INTO odd VALUES ('A', 2)");
    await dataSource.query("REPLACE INTO odd VALUES ('A', 3)");
    assert.deepEqual(told(), [
      { type: "DELETE", id: null, before: { k: "a", v: 1 }, after: null },
      { type: "CREATE", id: null, before: null, after: { k: "A", v: 3 } },
    ]);
  });

  it("keeps changes() and last_insert_rowid() as they are without us", async () => {
    await dataSource.query("INSERT INTO odd VALUES ('a', 1), ('b', 1)");
    await dataSource.query("UPDATE odd SET v = 2");
    assert.deepEqual(await dataSource.query("SELECT changes() AS c, last_insert_rowid() AS r"), [
      { c: 2, r: 2 },
    ]);
    events.length = 0;
  });

  it("is captured again after tables were altered, also when that is rolled back", async () => {
    await dataSource.query("INSERT INTO odd VALUES ('a', 1)");
    await dataSource.query("BEGIN");
    await dataSource.query("ALTER TABLE odd ADD COLUMN w");
    await dataSource.query("UPDATE odd SET w = 1");
    await dataSource.query("ROLLBACK");
    events.length = 0;
    await dataSource.query("UPDATE odd SET v = 2");
    assert.deepEqual(told(), [
      { type: "UPDATE", id: null, before: { k: "a", v: 1 }, after: { k: "a", v: 2 } },
    ]);
  });

  it("tells one record for a statement beyond the limit of rows", async () => {
    await dataSource.query("INSERT INTO odd VALUES ('a', 1), ('b', 1), ('c', 1), ('d', 1)");
    const [event, ...others] = events.splice(0);
    assert.deepEqual(others, []);
    assert.equal(event!.type, "CREATE");
    assert.equal(event!.rowCount, 4);
    assert.equal(event!.statement, "INSERT INTO odd VALUES (?, ?), (?, ?), (?, ?), (?, ?)");
  });

  it("tells a link on the entity that owns it, besides the row of the join table", async () => {
    const tag = await dataSource.getRepository(Tag).save({ name: "t" });
    const post = await dataSource.getRepository(Post).save({ title: "p" });
    events.length = 0;
    const relation = dataSource.createQueryBuilder().relation(Post, "tags").of(post.id);
    await relation.add(tag.id);
    await relation.remove(tag.id);
    const row = { postId: 1, tagId: 1 };
    const id = JSON.stringify(row);
    assert.deepEqual(told(), [
      { type: "CREATE", id, before: null, after: row },
      { type: "LINK", id: "1", before: null, after: { tags: { id: 1 } } },
      { type: "DELETE", id, before: row, after: null },
      { type: "UNLINK", id: "1", before: { tags: { id: 1 } }, after: null },
    ]);
  });

  it("exports a database without a trace of us, and is captured after it", async () => {
    const driver = dataSource.driver as unknown as { export(): Uint8Array };
    const copy = new DataSource({ type: "sqljs", database: driver.export() });
    await copy.initialize();
    assert.deepEqual(await copy.query("SELECT name FROM sqlite_master WHERE name LIKE 'activity%'"), []);
    await copy.destroy();
    await dataSource.query("INSERT INTO odd VALUES ('a', 1)");
    assert.equal(told().length, 1);
  });

  it("is as it was after undo, and is captured no more", async () => {
    capture.undo();
    assert.deepEqual(await dataSource.query("SELECT name FROM temp.sqlite_master"), []);
    const { databaseConnection } = dataSource.driver as unknown as { databaseConnection: object };
    assert.equal(Object.hasOwn(databaseConnection, "prepare"), false);
    assert.equal(Object.hasOwn(dataSource, "initialize"), false);
    await dataSource.query("INSERT INTO odd VALUES ('a', 1)");
    assert.deepEqual(told(), []);
  });
});
