/**
 * The text that goes to the server for each shape of statement, read off the wire; and what is told of those that
 * are left as they are.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type pg from "pg";
import { faultSummaries } from "#dist/health";
import { brief, database, noServer, type Told } from "./server.js";

const rowOf = (reference: string): string => `pg_catalog.row_to_json(${reference}.*)`;
const json = (reference: string): string => rowOf(`"${reference}"`);
const now = (reference: string): string => `${json(reference)} AS "~audit_new"`;
const was = (reference: string): string => `${json(reference)} AS "~audit_old"`;
const old = '"~audit"."~audit_old" AS "~audit_old"';

/** The rows of an UPDATE that reads ahead, locked and read by its own WHERE. */
const locked = (where: string, lock = "NO KEY UPDATE"): string =>
  `(SELECT "t"."id" AS "~audit_0", ${was("t")} FROM "t"${where} FOR ${lock}) AS "~audit"`;
const joined = '"t"."id" OPERATOR("pg_catalog".=) "~audit"."~audit_0"';
const keep = (reference: string): string =>
  `pg_catalog.set_config('activity_audit.before', ${json(reference)}::pg_catalog.text, true) IS NOT NULL`;
const kept = "pg_catalog.current_setting('activity_audit.before', true)";
const updated = (reference: string): string => `${kept} AS "~audit_old", ${now(reference)}`;
const upserted = `CASE WHEN "t".xmax::pg_catalog.text <> '0' THEN ${kept} END AS "~audit_old", ${now("t")}`;
const setting = "'activity_audit.conflict'";
const conflict = `pg_catalog.set_config(${setting}, ${json("parted")}::pg_catalog.text, true)`;
const merged = `NULLIF(pg_catalog.current_setting(${setting}, true), '') AS "~audit_old", ${now("parted")}, pg_catalog.set_config(${setting}, '', true) AS "~audit_done"`;

/** What is sent in place of what was given, on a server older than 18. */
const rewritten: Record<string, string> = {
  "INSERT INTO t VALUES (1, 1)": `INSERT INTO t VALUES (1, 1) RETURNING ${now("t")}`,
  "INSERT INTO t (id) VALUES (2), (3) RETURNING id, n -- done": `INSERT INTO t (id) VALUES (2), (3) RETURNING id, n, ${now("t")} -- done`,
  "INSERT INTO public.t AS x SELECT 4, 4": `INSERT INTO public.t AS x SELECT 4, 4 RETURNING ${now("x")}`,
  "INSERT INTO t DEFAULT VALUES ON CONFLICT DO NOTHING": `INSERT INTO t DEFAULT VALUES ON CONFLICT DO NOTHING RETURNING ${now("t")}`,
  "INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n": `INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE ${keep("t")} RETURNING ${upserted}`,
  "INSERT INTO t VALUES (1, 6) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE t.n < 100 OR false RETURNING n": `INSERT INTO t VALUES (1, 6) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE ${keep("t")} AND ( t.n < 100 OR false) RETURNING n, ${upserted}`,
  "UPDATE t SET n = 8 WHERE id = 1": `UPDATE t SET n = 8 WHERE ${keep("t")} AND ( id = 1) RETURNING ${updated("t")}`,
  "UPDATE t SET n = 9": `UPDATE t SET n = 9 WHERE ${keep("t")} RETURNING ${updated("t")}`,
  "UPDATE t AS x SET id = 10 WHERE x.id = 2 RETURNING *;": `UPDATE t AS x SET id = 10 WHERE ${keep("x")} AND ( x.id = 2) RETURNING *, ${updated("x")};`,
  "UPDATE t SET n = o.n FROM o WHERE o.id = t.id": `UPDATE t SET n = o.n FROM o, (SELECT "t"."id" AS "~audit_0", ${was("t")} FROM "t", o WHERE o.id = t.id FOR NO KEY UPDATE OF "t") AS "~audit" WHERE ${joined} AND ( o.id = t.id) RETURNING ${old}, ${now("t")}`,
  "UPDATE t SET n = new.n FROM o AS new WHERE new.id = t.id": `UPDATE t SET n = new.n FROM o AS new, (SELECT "t"."id" AS "~audit_0", ${was("t")} FROM "t", o AS new WHERE new.id = t.id FOR NO KEY UPDATE OF "t") AS "~audit" WHERE ${joined} AND ( new.id = t.id) RETURNING ${old}, ${now("t")}`,
  "INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE parted.n < 9 AND true RETURNING n": `INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE ( parted.n < 9 AND true) AND ${conflict} IS NOT NULL RETURNING n, ${merged}`,
  "INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7": `INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE ${conflict} IS NOT NULL RETURNING ${merged}`,
  "WITH w AS (SELECT 3 AS id) UPDATE t SET n = 0 WHERE id IN (SELECT id FROM w)": `WITH w AS (SELECT 3 AS id) UPDATE t SET n = 0 FROM ${locked(" WHERE id IN (SELECT id FROM w)")} WHERE ${joined} RETURNING ${old}, ${now("t")}`,
  "UPDATE t SET id = 11 WHERE id = (SELECT 10)": `UPDATE t SET id = 11 FROM ${locked(" WHERE id = (SELECT 10)", "UPDATE")} WHERE ${joined} RETURNING ${old}, ${now("t")}`,
  "UPDATE keyless SET n = 2": `UPDATE keyless SET n = 2 WHERE ${keep("keyless")} RETURNING ${updated("keyless")}`,
  "DELETE FROM t WHERE id = 10": `DELETE FROM t WHERE id = 10 RETURNING ${was("t")}`,
  "DELETE FROM t USING o WHERE o.id = t.id RETURNING t.n": `DELETE FROM t USING o WHERE o.id = t.id RETURNING t.n, ${was("t")}`,
  "UPDATE t SET n = 1 WHERE id = 4; SELECT 1; DELETE FROM t WHERE id = 4": `UPDATE t SET n = 1 WHERE ${keep("t")} AND ( id = 4) RETURNING ${updated("t")}; SELECT 1; DELETE FROM t WHERE id = 4 RETURNING ${was("t")}`,
};

const both = `${rowOf("old")} AS "~audit_old", ${rowOf("new")} AS "~audit_new"`;

/** What is sent from PostgreSQL 18 on, where it is not the same: RETURNING knows the old row. */
const returningOld: Record<string, string> = {
  "INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n": `INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING ${both}`,
  "INSERT INTO t VALUES (1, 6) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE t.n < 100 OR false RETURNING n": `INSERT INTO t VALUES (1, 6) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE t.n < 100 OR false RETURNING n, ${both}`,
  "INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE parted.n < 9 AND true RETURNING n": `INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 WHERE parted.n < 9 AND true RETURNING n, ${both}`,
  "INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7": `INSERT INTO parted VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 7 RETURNING ${both}`,
  "UPDATE t SET n = 8 WHERE id = 1": `UPDATE t SET n = 8 WHERE id = 1 RETURNING ${both}`,
  "UPDATE t SET n = 9": `UPDATE t SET n = 9 RETURNING ${both}`,
  "UPDATE t AS x SET id = 10 WHERE x.id = 2 RETURNING *;": `UPDATE t AS x SET id = 10 WHERE x.id = 2 RETURNING *, ${both};`,
  "UPDATE t SET n = o.n FROM o WHERE o.id = t.id": `UPDATE t SET n = o.n FROM o WHERE o.id = t.id RETURNING ${both}`,
  "WITH w AS (SELECT 3 AS id) UPDATE t SET n = 0 WHERE id IN (SELECT id FROM w)": `WITH w AS (SELECT 3 AS id) UPDATE t SET n = 0 WHERE id IN (SELECT id FROM w) RETURNING ${both}`,
  "UPDATE t SET n = 1 WHERE id = 4; SELECT 1; DELETE FROM t WHERE id = 4": `UPDATE t SET n = 1 WHERE id = 4 RETURNING ${both}; SELECT 1; DELETE FROM t WHERE id = 4 RETURNING ${was("t")}`,
  "UPDATE t SET id = 11 WHERE id = (SELECT 10)": `UPDATE t SET id = 11 WHERE id = (SELECT 10) RETURNING ${both}`,
  "UPDATE keyless SET n = 2": `UPDATE keyless SET n = 2 RETURNING ${both}`,
  "UPDATE t SET n = l.n FROM (SELECT n FROM o LIMIT 1) l WHERE id = 21": `UPDATE t SET n = l.n FROM (SELECT n FROM o LIMIT 1) l WHERE id = 21 RETURNING ${both}`,
  "UPDATE t SET n = 5 FROM o TABLESAMPLE SYSTEM (100) WHERE t.id = 21": `UPDATE t SET n = 5 FROM o TABLESAMPLE SYSTEM (100) WHERE t.id = 21 RETURNING ${both}`,
  "UPDATE t SET n = 5 FROM o WHERE t.id IN (SELECT 21 FROM o FOR UPDATE SKIP LOCKED)": `UPDATE t SET n = 5 FROM o WHERE t.id IN (SELECT 21 FROM o FOR UPDATE SKIP LOCKED) RETURNING ${both}`,
  "UPDATE keyless SET n = 2 WHERE n IN (SELECT 2)": `UPDATE keyless SET n = 2 WHERE n IN (SELECT 2) RETURNING ${both}`,
  "UPDATE t SET n = u.n FROM (SELECT random() AS n) u WHERE id = 21": `UPDATE t SET n = u.n FROM (SELECT random() AS n) u WHERE id = 21 RETURNING ${both}`,
};

/** What is sent as it was given, and the entries that it gives. */
const asGiven: Record<string, unknown[]> = {
  "SELECT * FROM t": [],
  "WITH w AS (INSERT INTO t VALUES (20, 1) RETURNING id) SELECT * FROM w": [["statement", "t", null]],
  "WITH w AS (DELETE FROM t RETURNING id) INSERT INTO o SELECT id FROM w": [
    ["statement", "o", null],
    ["statement", "t", null],
  ],
  "MERGE INTO t USING (SELECT 21 AS id) s ON s.id = t.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, 0)": [
    ["statement", "t", 1],
  ],
  "UPDATE ONLY t SET n = 2 WHERE id = 21": [["statement", "t", 1]],
  "UPDATE keyless SET n = 2 WHERE n IN (SELECT 2)": [["statement", "keyless", 1]],
  "UPDATE v SET n = 3 WHERE id = 21": [["statement", "v", 1]],
  "EXPLAIN ANALYZE UPDATE t SET n = 4 WHERE id = 21": [["statement", "t", null]],
  "EXPLAIN UPDATE t SET n = 4 WHERE id = 21": [],
  "UPDATE t SET n = u.n FROM (SELECT random() AS n) u WHERE id = 21": [["statement", "t", 1]],
  "UPDATE t SET n = l.n FROM (SELECT n FROM o LIMIT 1) l WHERE id = 21": [["statement", "t", 1]],
  "UPDATE t SET n = 5 FROM o TABLESAMPLE SYSTEM (100) WHERE t.id = 21": [["statement", "t", 1]],
  "UPDATE t SET n = 5 FROM o WHERE t.id IN (SELECT 21 FROM o FOR UPDATE SKIP LOCKED)": [
    ["statement", "t", 1],
  ],
  "EXPLAIN (ANALYZE off) UPDATE t SET n = 4 WHERE id = 21": [],
  "CREATE TABLE moved AS WITH w AS (UPDATE t SET n = 4 WHERE id = 21 RETURNING id) SELECT id FROM w": [
    ["statement", "t", null],
  ],
  "WITH w AS (UPDATE t SET n = 4 WHERE id = 21 RETURNING id) SELECT id INTO moved_too FROM w": [
    ["statement", "t", null],
  ],
  'SELECT 1 AS "~audit"; UPDATE t SET n = 5 WHERE id = 21': [["statement", "t", 1]],
  "CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)": [["statement", "later", 1]],
  "PREPARE p AS UPDATE t SET n = $1 WHERE id = 21": [],
  "EXECUTE p(6)": [["statement", "*", 1]],
  "CALL touch()": [["statement", "*", null]],
  "DO $$ BEGIN UPDATE t SET n = 7 WHERE id = 21; END $$": [["statement", "*", null]],
  "SELECT touched()": [],
  "DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE": [],
};

describe("the text that is sent", { skip: noServer }, () => {
  let client: pg.PoolClient;
  // In front of the database's own, which waits for it.
  after(() => client?.release(true));
  const db = database(
    "rewriting",
    `CREATE TABLE t (id int PRIMARY KEY DEFAULT 99, n int); CREATE TABLE o (id int, n int DEFAULT 1);
     CREATE TABLE keyless (n int); INSERT INTO keyless VALUES (1); INSERT INTO o VALUES (3, 30);
     CREATE VIEW v AS SELECT * FROM t;
     CREATE TABLE parted (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
     CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
     CREATE PROCEDURE touch() LANGUAGE sql AS $$ UPDATE t SET n = 0 WHERE id = 21 $$;
     CREATE FUNCTION touched() RETURNS int LANGUAGE sql AS $$ UPDATE t SET n = 0 WHERE id = 21 RETURNING n $$;`,
  );
  const told: Told[] = [];
  const sent: string[] = [];
  let returnsOld = false;

  before(async () => {
    if (noServer) return;
    const { rows } = await db.plain.query("SHOW server_version_num");
    returnsOld = Number(rows[0].server_version_num) >= 180_000;
    const { pool } = db.audited({ told });
    client = await pool.connect();
    const { connection } = client as unknown as { connection: { query(text: string): void } };
    const query = connection.query.bind(connection);
    connection.query = (text) => {
      sent.push(text);
      query(text);
    };
  });
  for (const [given, expected] of Object.entries(rewritten)) {
    it(given, async () => {
      sent.length = 0;
      await client.query(given);
      assert.equal(sent.at(-1), returnsOld ? (returningOld[given] ?? expected) : expected);
    });
  }

  for (const [given, expected] of Object.entries(asGiven)) {
    it(`as it is: ${given}`, async () => {
      told.length = 0;
      sent.length = 0;
      if (returnsOld && given in returningOld) {
        await client.query(given);
        assert.equal(sent.at(-1), returningOld[given]);
        return;
      }
      const inside = given.startsWith("DECLARE");
      if (inside) await client.query("BEGIN");
      await client.query(given);
      assert.equal(sent.at(-1), given);
      if (inside) {
        await client.query("FETCH c; UPDATE t SET n = 9 WHERE CURRENT OF c; COMMIT");
        assert.deepEqual(brief(told), [["success", ["statement", "t", 1]]]);
        return;
      }
      assert.deepEqual(brief(told), expected.length > 0 ? [["success", ...expected]] : []);
    });
  }

  it("is no fault of ours", () => assert.deepEqual(faultSummaries(), []));
});
