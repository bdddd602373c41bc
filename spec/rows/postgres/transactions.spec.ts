import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type pg from "pg";
import { brief, database, noServer, type Database, type Told } from "./server.js";

/** A role is the whole server's. */
const clerk = `activity_audit_clerk_${process.pid}`;
const row = (id: number): unknown => ["insert", "t", null, { id }];
const insert = (id: number): string => `INSERT INTO t VALUES (${id})`;

/** Runs the texts one after the other on one audited connection; an error is the text's own business. */
async function run(db: Database, ...texts: string[]): Promise<unknown[]> {
  const { pool, told } = db.audited();
  const client = await pool.connect();
  for (const text of texts) await client.query(text).catch(() => {});
  client.release(true);
  return brief(told);
}

describe("what is told of a transaction", { skip: noServer }, () => {
  const db = database(
    "transactions",
    `CREATE TABLE t (id int PRIMARY KEY);
     CREATE TABLE later (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);`,
  );

  it("is told at COMMIT, and only what it kept", async () => {
    assert.deepEqual(
      await run(
        db,
        "BEGIN",
        insert(1),
        "SAVEPOINT a",
        insert(2),
        "ROLLBACK TO a",
        insert(3),
        "RELEASE a",
        "COMMIT",
      ),
      [["success", row(1), row(3)]],
    );
    assert.deepEqual(await run(db, "BEGIN", insert(10), "ROLLBACK", insert(11)), [["success", row(11)]]);
    assert.deepEqual(
      await run(
        db,
        "BEGIN",
        "SAVEPOINT a",
        insert(20),
        'SAVEPOINT "A"',
        insert(21),
        'ROLLBACK TO "A"',
        "END",
      ),
      [["success", row(20)]],
    );
    assert.deepEqual(await run(db, "BEGIN", insert(30), "COMMIT AND CHAIN", insert(31), "ROLLBACK"), [
      ["success", row(30)],
    ]);
  });

  it("is not told where COMMIT is answered ROLLBACK, or fails", async () => {
    assert.deepEqual(await run(db, "BEGIN", insert(40), "SELECT 1 / 0", "COMMIT", insert(41)), [
      ["success", row(41)],
    ]);
    assert.deepEqual(await run(db, "BEGIN", "INSERT INTO later VALUES (-1)", "COMMIT"), []);
    assert.deepEqual(await run(db, "INSERT INTO later VALUES (-1)"), []);
  });

  it("is told as unknown if the connection breaks under COMMIT, and not at all before it", async () => {
    for (const [text, id, expected] of [
      ["COMMIT", 50, [["unknown", row(50)]]],
      ["SELECT pg_sleep(1)", 51, []],
    ] as const) {
      const told: Told[] = [];
      const { pool } = db.audited({ told });
      const client = await pool.connect();
      client.on("error", () => {});
      await client.query("BEGIN");
      await client.query(insert(id));
      const answer = client.query(text).catch((error: Error) => error);
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      assert.ok((await answer) instanceof Error);
      assert.deepEqual(brief(told), expected);
      client.release(true);
    }
  });

  it("is told to the end, though capture was stopped in the middle of it", async () => {
    const { pool, told, undo } = db.audited();
    const client: pg.PoolClient = await pool.connect();
    await client.query("BEGIN");
    await client.query(insert(60));
    undo();
    await client.query(insert(61));
    await client.query("COMMIT");
    await client.query(insert(62));
    assert.deepEqual(brief(told), [["success", row(60), row(61)]]);
    assert.equal(Object.hasOwn(client, "query"), false);
    client.release();
  });
});

describe("an upsert to partitions", { skip: noServer }, () => {
  const db = database(
    "partitions",
    `CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE t (id int PRIMARY KEY, n int);
     CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (100); INSERT INTO p VALUES (1, 1), (2, 2); INSERT INTO t VALUES (1, 1);`,
  );

  it("tells inserted rows from updated ones, whatever was updated, or was not, in front of them", async () => {
    const upsert = "ON CONFLICT (id) DO UPDATE SET n = excluded.n";
    assert.deepEqual(
      await run(
        db,
        "BEGIN",
        "UPDATE t SET n = 2",
        `INSERT INTO p VALUES (3, 3), (1, 4), (4, 4) ${upsert}`,
        `INSERT INTO p VALUES (2, 5), (5, 5) ${upsert} WHERE p.n > 100`,
        "COMMIT",
      ),
      [
        [
          "success",
          ["update", "t", { id: 1, n: 1 }, { id: 1, n: 2 }],
          ["insert", "p", null, { id: 3, n: 3 }],
          ["update", "p", { id: 1, n: 1 }, { id: 1, n: 4 }],
          ["insert", "p", null, { id: 4, n: 4 }],
          ["insert", "p", null, { id: 5, n: 5 }],
        ],
      ],
    );
  });
});

describe("what cannot be told row by row", { skip: noServer }, () => {
  const db = database(
    "untold",
    `CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 9) AS i;
     CREATE VIEW v AS SELECT * FROM t; CREATE VIEW vv AS SELECT id, n FROM v WHERE id > 0;
     CREATE TABLE alone (id int); INSERT INTO alone VALUES (1); CREATE VIEW elsewhere AS SELECT * FROM alone;
     CREATE TABLE ruled (id int PRIMARY KEY); CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO t VALUES (NEW.id, 0);
     CREATE TABLE secured (id int PRIMARY KEY, who text); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
     CREATE POLICY p ON secured USING (who = current_user) WITH CHECK (true);
     CREATE TABLE blind (id int PRIMARY KEY, secret text); INSERT INTO blind VALUES (1, 's');
     CREATE PROCEDURE touch() LANGUAGE sql AS $$ UPDATE t SET n = 0 WHERE id = 9 $$;
     CREATE ROLE ${clerk};
     GRANT SELECT, INSERT, UPDATE ON secured TO ${clerk};
     GRANT INSERT, UPDATE ON blind TO ${clerk}; GRANT SELECT (id) ON blind TO ${clerk};`,
  );

  it("runs as it is, and gives one entry with table and count", async () => {
    const texts: Record<string, unknown[]> = {
      "UPDATE v SET n = 5 WHERE id = 1": ["statement", "v", 1],
      "INSERT INTO ruled VALUES (100)": ["statement", "ruled", 1],
      "WITH w AS (DELETE FROM t WHERE id = 2 RETURNING *) SELECT * FROM w": ["statement", "t", null],
      "MERGE INTO t USING (VALUES (3)) s(i) ON t.id = i WHEN MATCHED THEN UPDATE SET n = 7": [
        "statement",
        "t",
        1,
      ],
      "DELETE FROM ONLY t WHERE id = 4": ["statement", "t", 1],
      "EXPLAIN ANALYZE UPDATE t SET n = 1 WHERE id = 5": ["statement", "t", null],
      "CALL touch()": ["statement", "*", null],
      "DO $$ BEGIN UPDATE t SET n = 0 WHERE id = 8; END $$": ["statement", "*", null],
      "TRUNCATE t": ["truncate", "t", 8],
    };
    const { pool, told } = db.audited();
    for (const [text, expected] of Object.entries(texts)) {
      await pool.query(text);
      assert.deepEqual(brief(told.splice(0)), [["success", expected]], text);
    }
    assert.deepEqual([await pool.query("UPDATE v SET n = 0 WHERE id = -1"), brief(told)].slice(1), [[]]);
  });

  it("names the recorded tables behind a view that is not recorded itself", async () => {
    const { pool, told } = db.audited({ includes: ({ name }) => name === "t" });
    await pool.query("INSERT INTO v VALUES (50, 0)");
    await pool.query("UPDATE vv SET n = 5 WHERE id = 50");
    await pool.query("DELETE FROM elsewhere");
    const entry = ["success", ["statement", "t", 1]];
    assert.deepEqual(brief(told), [entry, entry]);
  });

  it("a role that may not read the rows changes them as before", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    for (const transaction of [["BEGIN", "COMMIT"], []]) {
      await client.query(`SET ROLE ${clerk}`);
      if (transaction[0]) await client.query(transaction[0]);
      await client.query("INSERT INTO secured VALUES ($1, 'another')", [transaction.length]);
      await client.query("UPDATE blind SET secret = 'x' WHERE id = 1");
      if (transaction[1]) await client.query(transaction[1]);
      await client.query("RESET ROLE");
    }
    await client.query("UPDATE blind SET secret = 'y' WHERE id = 1");
    client.release();
    const entries = [
      ["statement", "secured", 1],
      ["statement", "blind", 1],
    ];
    assert.deepEqual(brief(told), [
      ["success", ...entries],
      ...entries.map((entry) => ["success", entry]),
      ["success", ["update", "blind", { id: 1, secret: "x" }, { id: 1, secret: "y" }]],
    ]);
    await db.plain.query(`DROP OWNED BY ${clerk}; DROP ROLE ${clerk}`);
  });
});
