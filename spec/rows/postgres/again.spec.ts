/**
 * A text that fails may be sent once more, as it was given, in case it is our form of it that the server refuses. What it
 * did before it failed must not be done twice: results, errors, sequences, transaction and rows are held against the same
 * texts without us, and what is told against row triggers.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type pg from "pg";
import { asTruth, truth, watch } from "./truth.js";
import { brief, database, noServer } from "./server.js";

/** Loses the right to read rows after we have asked for it, so that a RETURNING of ours is refused. */
const role = `activity_audit_again_${process.pid}`;

const setUp = "CREATE TABLE t (id serial PRIMARY KEY, n int)";

const texts = [
  "UPDATE t SET n = n + 1; COMMIT; UPDATE missing SET x = 1",
  "UPDATE t SET n = n + 1; COMMIT; UPDATE t SET missing = 1",
  "BEGIN; UPDATE t SET n = n + 1; COMMIT; SELECT missing FROM t",
  "BEGIN; UPDATE t SET n = n + 1; SELECT missing FROM t; COMMIT",
  "BEGIN; UPDATE t SET n = n + 1; UPDATE t SET missing = 1; COMMIT",
  "UPDATE t SET n = n + 1; SELECT missing FROM t",
  "INSERT INTO t (n) VALUES (5); SELECT missing FROM t",
  "UPDATE t SET n = n + 1; ROLLBACK; UPDATE t SET n = n + 10; COMMIT; SELECT missing",
  "UPDATE t SET n = n + 1; ROLLBACK; UPDATE t SET n = n + 10; UPDATE t SET missing = 1",
  "SAVEPOINT a; UPDATE t SET n = n + 1; UPDATE t SET missing = 1",
  "INSERT INTO t (n) VALUES (6); COMMIT AND CHAIN; UPDATE t SET missing = 1",
];

const countsOf = (result: unknown): unknown =>
  [result].flat().map((one) => [(one as pg.QueryResult).command, (one as pg.QueryResult).rowCount]);

/** All that an application can see of a text, and of what it leaves behind. */
async function seen(pool: pg.Pool, text: string): Promise<unknown> {
  const client = await pool.connect();
  // A text that is sent twice says them twice.
  const notices = new Set<unknown>();
  client.on("notice", ({ message }) => notices.add(message));
  const answer = await client.query(text).then(countsOf, (error: Record<string, unknown>) => {
    const { message, code, position } = error;
    return { message, code, position };
  });
  const open = await client.query("SELECT 1").then(() => "usable", String);
  await client.query("ROLLBACK");
  const { rows } = await client.query("SELECT id, n, nextval('t_id_seq') AS next FROM t ORDER BY id");
  client.release(true);
  return { answer, notices, open, rows };
}

describe("a text that fails amid transactions of its own", { skip: noServer }, () => {
  const bare = database("again_bare", setUp);
  const db = database("again", setUp);
  beforeEach(async () => {
    for (const { plain } of [bare, db]) {
      await plain.query("DROP TABLE IF EXISTS truth; DROP FUNCTION IF EXISTS truth CASCADE");
      await plain.query("TRUNCATE t RESTART IDENTITY; INSERT INTO t (n) VALUES (0), (1)");
      await watch(plain);
    }
  });

  for (const text of texts) {
    it(text, async () => {
      const { pool, told, undo } = db.audited({ includes: ({ name }) => name !== "truth" });
      const expected = await seen(bare.plain, text);
      assert.deepEqual(await seen(pool, text), expected);
      // Known by now, and perhaps given up.
      assert.deepEqual(await seen(pool, text), await seen(bare.plain, text));
      undo();
      assert.deepEqual(asTruth(told), await truth(db.plain));
    });
  }

  for (const text of ["UPDATE t SET n = 5", "BEGIN; UPDATE t SET n = 6; COMMIT"]) {
    it(`${text}: refused in our form only, it is done once, as it was given`, async () => {
      const { pool, told, undo } = db.audited({ includes: ({ name }) => name !== "truth" });
      await db.plain.query(`CREATE ROLE ${role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
      const client = await pool.connect();
      try {
        await client.query(`SET ROLE ${role}`);
        await client.query("UPDATE t SET n = 4");
        assert.equal(asTruth(told.splice(0)).join(), (await truth(db.plain)).join());
        await db.plain.query(`REVOKE SELECT ON t FROM ${role}`);
        for (const result of [await client.query(text)].flat())
          if (result.command === "UPDATE") assert.equal(result.rowCount, 2);
        assert.equal((await truth(db.plain)).join().split("\n").length, 2);
        assert.deepEqual(brief(told), [["success", ["statement", "t", 2]]]);
      } finally {
        client.release(true);
        undo();
        await db.plain.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      }
    });
  }
});
