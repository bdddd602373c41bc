/**
 * Statements that the application waits for no longer, or that were never run: what the server made of them is told, and
 * nothing else, and the connection is as it would be without us.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { until } from "../../support/until.js";
import { brief, database, noServer } from "./server.js";

const inTime = (text: string): pg.QueryConfig => ({ text, query_timeout: 100 }) as pg.QueryConfig;
const row = (id: number, n: number): unknown => ({ id, n, note: "" });
/** Is not done before this lock is free: a pause could be over before the time of the query is, on a busy machine. */
const GATE = "pg_advisory_xact_lock(1)";
const slowly = (id: number): pg.QueryConfig =>
  inTime(`UPDATE t SET n = n + 1 + length(${GATE}::text) WHERE id = ${id}`);
const late = { message: "Query read timeout" };

/** What an answer loses against that never comes. */
const waited = (): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, 120_000, "waited").unref());

describe("a statement that is given up", { skip: noServer }, () => {
  const db = database(
    "given_up",
    `CREATE TABLE t (id int PRIMARY KEY, n int, note text); INSERT INTO t SELECT i, 0, '' FROM generate_series(1, 2500) AS i;
     CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2), (3);
     CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE); INSERT INTO child VALUES (1, 1), (2, 2);
     CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM ${GATE}; RETURN OLD; END $$;
     CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '42501'; END $$;
     CREATE TRIGGER refused BEFORE DELETE ON parent FOR EACH ROW WHEN (OLD.id = 3) EXECUTE FUNCTION refuse();
     CREATE TRIGGER slow BEFORE DELETE ON parent FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION wait();`,
  );

  /** Runs the work while the gate is closed. */
  async function whileClosed(work: () => Promise<void>): Promise<void> {
    const gate = await db.plain.connect();
    await gate.query("SELECT pg_advisory_lock(1)");
    try {
      await work();
    } finally {
      await gate.query("SELECT pg_advisory_unlock(1)");
      gate.release();
    }
  }

  it("is told when it was committed all the same", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    const givenUp = (id: number): Promise<void> =>
      whileClosed(() => assert.rejects(client.query(slowly(id)), late));
    await givenUp(1);
    await client.query("BEGIN");
    await givenUp(2);
    await client.query("COMMIT");
    await client.query("BEGIN");
    await givenUp(3);
    await client.query("ROLLBACK");
    assert.deepEqual(
      brief(told),
      [1, 2].map((id) => ["success", ["update", "t", row(id, 0), row(id, 1)]]),
    );
    client.release();
  });

  it("leaves no transaction of ours open, in which later writes would be lost", async () => {
    const { pool, told } = db.audited({ pool: { query_timeout: 1000 } });
    const client = await pool.connect();
    await whileClosed(() => assert.rejects(client.query("DELETE FROM parent WHERE id = 1"), late));
    const deleted = { ids: "1,2,3" };
    const ids = "SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM parent";
    const written = async (): Promise<boolean> => {
      await client.query("UPDATE t SET n = 7 WHERE id = 4");
      return true;
    };
    await until(() => written().catch(() => false));
    assert.deepEqual((await db.plain.query("SELECT n FROM t WHERE id = 4")).rows, [{ n: 7 }]);
    assert.deepEqual((await db.plain.query(ids)).rows, [deleted]);
    assert.deepEqual(brief(told)[0], ["success", ["update", "t", row(4, 0), row(4, 7)]]);
    client.release();
  });

  it("is given up in time where it waits for a lock of ours, and is not run later", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    const other = await db.plain.connect();
    for (const transaction of [false, true]) {
      await other.query("BEGIN");
      await other.query("SELECT FROM parent WHERE id = 2 FOR UPDATE");
      if (transaction) await client.query("BEGIN");
      const answer = client.query(inTime("DELETE FROM parent WHERE id = 2"));
      await assert.rejects(Promise.race([answer, waited()]), late);
      await other.query("COMMIT");
      if (transaction) await client.query("COMMIT");
      assert.deepEqual((await client.query("SELECT id FROM parent WHERE id = 2")).rows, [{ id: 2 }]);
    }
    assert.deepEqual(brief(told), []);
    other.release();
    client.release();
  });

  it("is not run when it was cancelled while it waits for a lock of ours", async () => {
    const { pool, told } = db.audited();
    const other = await db.plain.connect();
    const errors: unknown[] = [];
    for (const one of [db.plain, pool, pool]) {
      const client = await one.connect();
      await client.query(one === pool && errors.length === 2 ? "BEGIN" : "SELECT 1");
      await other.query("BEGIN");
      await other.query("SELECT FROM parent WHERE id = 2 FOR UPDATE");
      const answer = client
        .query("DELETE FROM parent WHERE id = 2")
        .catch((error: pg.DatabaseError) => error);
      const { processID } = client as unknown as { processID: number };
      const waits = `SELECT FROM pg_stat_activity WHERE pid = ${processID} AND wait_event_type = 'Lock'`;
      await until(async () => (await db.plain.query(waits)).rowCount === 1);
      await other.query("SELECT pg_cancel_backend($1)", [processID]);
      const { message, code, position } = (await answer) as pg.DatabaseError;
      errors.push({ message, code, position });
      await other.query("COMMIT");
      client.release(true);
    }
    assert.deepEqual(errors.slice(1), [errors[0], errors[0]]);
    assert.equal((await db.plain.query("SELECT FROM parent WHERE id = 2")).rowCount, 1);
    assert.deepEqual(brief(told), []);
    other.release();
  });

  it("is not told where its values could not be sent", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    const text = "UPDATE t SET note = $1 WHERE id = 5";
    const cannotBeSent: unknown[] = [{ n: 1n }];
    for (const value of [cannotBeSent, ["a"], ["b"], cannotBeSent, ["c"]]) {
      const answer = client.query(text, value);
      if (value === cannotBeSent) await assert.rejects(answer, /BigInt/);
      else await answer;
    }
    await client.query("BEGIN");
    await assert.rejects(client.query(text, cannotBeSent), /BigInt/);
    await client.query("COMMIT");
    assert.deepEqual(
      brief(told),
      ["", "a", "b"].map((before, index) => [
        "success",
        ["update", "t", { id: 5, n: 0, note: before }, { id: 5, n: 0, note: "abc"[index] }],
      ]),
    );
    client.release();
  });

  it("is told its error where the connection is lost before it can be sent again", async () => {
    const { pool } = db.audited();
    const client = await pool.connect();
    client.on("error", () => {});
    const { connection } = client as unknown as {
      connection: { query(text: string): void; stream: { destroy(): void } };
    };
    const query = connection.query.bind(connection);
    connection.query = (text) => (text === "ROLLBACK" ? connection.stream.destroy() : query(text));
    const answer = Promise.race([client.query("DELETE FROM parent WHERE id = 3"), waited()]);
    await assert.rejects(answer, { code: "42501" });
    client.release(true);
  });

  it("is told by what ran of a cursor or a stream", async () => {
    const { pool, told } = db.audited({ limits: { maxRowsPerStatement: 10 } });
    const client = await pool.connect();
    const update = "UPDATE t SET n = 9 WHERE id < 0 RETURNING id";
    // Known then, and sent at once.
    await client.query(update);
    await client.query(new Cursor(update)).close();
    assert.deepEqual(brief(told), []);
    for (const text of [
      "UPDATE t SET n = n + 1 RETURNING id",
      "WITH w AS (UPDATE t SET n = n + 1 RETURNING id) SELECT id FROM w",
    ]) {
      for await (const _ of client.query(new QueryStream(text))) break;
      await client.query("SELECT 1");
    }
    client.release();
    const [[, seen, rest], ...more] = brief(told) as [unknown[], ...unknown[]];
    // As many as the stream had asked for.
    assert.equal((seen as unknown[])[0], "statement");
    assert.deepEqual(
      [rest, ...more],
      [
        ["statement", "t", null],
        ["success", ["statement", "t", null]],
      ],
    );
  });

  it("is closed where that was asked for before it was sent", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    // Each for the first time, so that the database is asked something first.
    const cursor = client.query(new Cursor("UPDATE t SET n = 11 RETURNING id"));
    await cursor.close();
    // pg itself forgets the closing of a stream that waits in its queue.
    await client.query("SELECT 1");
    const stream = client.query(new QueryStream("UPDATE t SET n = 12 RETURNING id"));
    stream.destroy();
    const answer = client.query("SELECT count(*)::int AS changed FROM t WHERE n IN (11, 12)");
    const { rows } = (await Promise.race([answer, waited()])) as pg.QueryResult;
    assert.deepEqual(rows, [{ changed: 0 }]);
    assert.equal(Object.hasOwn(cursor, "close"), false);
    assert.deepEqual(brief(told), []);
    client.release();
  });
});
