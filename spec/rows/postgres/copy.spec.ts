import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import type pg from "pg";
import { from, to } from "pg-copy-streams";
import { faultSummaries } from "#dist/health";
import { brief, database, noServer } from "./server.js";

const rows = (count: number, first: number): Readable =>
  Readable.from(Array.from({ length: count }, (_, index) => `${first + index}\tv\n`));

/** What the application sees of a COPY and of a named statement behind it. */
const seen = async (client: pg.ClientBase): Promise<unknown> => {
  const stream = client.query(from("COPY other FROM STDIN"));
  await pipeline(rows(5, 1), stream);
  const after = await client.query({ name: "later", text: "SELECT $1::int AS n", values: [1] });
  return [stream.rowCount, after.rows];
};

describe("COPY", { skip: noServer }, () => {
  const db = database(
    "copy",
    `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int, v text);
     CREATE TABLE child (id int REFERENCES t ON DELETE CASCADE)`,
  );
  const count = async (): Promise<number> =>
    Number((await db.plain.query("SELECT count(*) FROM t")).rows[0].count);

  it("FROM a stream is one entry with the table and the count, told when it is committed", async () => {
    const { pool, told, undo } = db.audited();
    const client = await pool.connect();
    await pipeline(rows(3000, 1), client.query(from("COPY t (id, v) FROM STDIN")));
    assert.deepEqual(brief(told.splice(0)), [["success", ["statement", "t", 3000]]]);
    await client.query("BEGIN");
    await client.query("INSERT INTO t VALUES (5000, 'mine')");
    await pipeline(rows(2, 6000), client.query(from("COPY public.t FROM STDIN WITH (FORMAT text)")));
    assert.deepEqual(told, []);
    await client.query("COMMIT");
    assert.deepEqual(brief(told.splice(0)), [
      ["success", ["insert", "t", null, { id: 5000, v: "mine" }], ["statement", "t", 2]],
    ]);
    assert.equal(await count(), 3003);
    client.release();
    undo();
  });

  it("FROM is not told where it was rolled back, refused, or broken off", async () => {
    const { pool, told, undo } = db.audited();
    const client = await pool.connect();
    const before = await count();
    await client.query("BEGIN");
    await pipeline(rows(2, 7000), client.query(from("COPY t FROM STDIN")));
    await client.query("ROLLBACK");
    await assert.rejects(pipeline(rows(2, 1), client.query(from("COPY t FROM STDIN"))), { code: "23505" });
    const broken = client.query(from("COPY t FROM STDIN"));
    broken.write("8000\tv\n");
    const failed = new Promise((resolve) => broken.on("error", resolve));
    broken.destroy(new Error("given up"));
    assert.match(String(await failed), /COPY from stdin failed: given up/);
    assert.deepEqual((await client.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
    assert.equal(await count(), before);
    assert.deepEqual(told, []);
    client.release();
    undo();
  });

  it("FROM of a table that is not recorded, and of no rows, is not told", async () => {
    const { pool, told, undo } = db.audited({ includes: ({ name }) => name === "t" });
    const client = await pool.connect();
    await pipeline(rows(2, 1), client.query(from("COPY other FROM STDIN")));
    await pipeline(rows(0, 1), client.query(from("COPY t FROM STDIN")));
    assert.deepEqual(told, []);
    client.release();
    undo();
  });

  it("TO gives its bytes as without us and is no entry, but for a change inside of it", async () => {
    const { pool, told, undo } = db.audited();
    const client = await pool.connect();
    assert.equal(
      await text(client.query(to("COPY (SELECT id FROM t WHERE id < 4 ORDER BY 1) TO STDOUT"))),
      "1\n2\n3\n",
    );
    assert.equal((await text(client.query(to("COPY other TO STDOUT")))).length, 8);
    assert.deepEqual(told, []);
    const changing = "COPY (DELETE FROM t WHERE id = 1 RETURNING id, v) TO STDOUT";
    assert.equal(await text(client.query(to(changing))), "1\tv\n");
    assert.deepEqual(brief(told), [["success", ["statement", "t", 1]]]);
    client.release();
    undo();
  });

  it("FROM with a callback and a name of its own behaves as without us", async () => {
    const plain = await db.plain.connect();
    const expected = await seen(plain);
    plain.release(true);
    const { pool, undo } = db.audited();
    const client = await pool.connect();
    assert.deepEqual(await seen(client), expected);
    client.release();
    undo();
    assert.deepEqual(faultSummaries(), []);
  });
});
