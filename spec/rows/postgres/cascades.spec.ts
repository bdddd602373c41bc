import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brief, database, noServer } from "./server.js";

const gone = (table: string, row: object): unknown => ["delete", table, row, null];

describe("rows that foreign keys delete", { skip: noServer }, () => {
  const db = database(
    "cascades",
    `CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 9);
     CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
     INSERT INTO child SELECT i, i FROM generate_series(1, 9) AS i;
     CREATE FUNCTION spare() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
     CREATE TRIGGER spared BEFORE DELETE ON parent FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION spare();
     CREATE TABLE many (id int PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 50001);
     CREATE TABLE part (id int PRIMARY KEY, many int REFERENCES many ON DELETE CASCADE);
     CREATE INDEX ON part (many); INSERT INTO part VALUES (1, 7);`,
  );

  it("are not told where a trigger has spared what they refer to", async () => {
    const { pool, told } = db.audited();
    await pool.query("DELETE FROM parent WHERE id < 3");
    assert.deepEqual(brief(told), [
      ["success", gone("parent", { id: 2 }), gone("child", { id: 2, parent: 2 })],
    ]);
    assert.deepEqual((await db.plain.query("SELECT id FROM child WHERE id < 3")).rows, [{ id: 1 }]);
  });

  it("are not told while foreign keys do not act", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    const texts = [
      "SET session_replication_role = replica",
      "DELETE FROM parent WHERE id = 3",
      "RESET session_replication_role",
      "DELETE FROM parent WHERE id = 4",
      "ALTER TABLE parent DISABLE TRIGGER ALL",
      "DELETE FROM parent WHERE id = 5",
      "ALTER TABLE parent ENABLE TRIGGER ALL",
      "DELETE FROM parent WHERE id = 6",
    ];
    for (const text of texts) await client.query(text);
    const both = (id: number): unknown => [
      "success",
      gone("parent", { id }),
      gone("child", { id, parent: id }),
    ];
    assert.deepEqual(brief(told), [
      ["success", gone("parent", { id: 3 })],
      both(4),
      ["success", gone("parent", { id: 5 })],
      both(6),
    ]);
    const { rows } = await db.plain.query("SELECT id FROM child WHERE id BETWEEN 3 AND 6 ORDER BY id");
    assert.deepEqual(rows, [{ id: 3 }, { id: 5 }]);
    client.release();
  });

  it("are one entry where there are more than can be held", async () => {
    const { pool, told } = db.audited();
    await pool.query("DELETE FROM many WHERE id > 0");
    assert.deepEqual(brief(told), [["success", ["statement", "many", 50_001], ["statement", "part", null]]]);
    assert.equal((await db.plain.query("SELECT FROM part")).rowCount, 0);
  });
});
