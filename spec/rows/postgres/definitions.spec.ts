/**
 * What is known of tables, and of who asks, holds until it changes: in a transaction, at its end, and in texts that are sent
 * before the one in front of them is answered.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type pg from "pg";
import { faultSummaries } from "#dist/health";
import { until } from "../../support/until.js";
import { brief, database, noServer, type Told } from "./server.js";

const gone = (table: string, row: object): unknown => ["delete", table, row, null];
const come = (table: string, row: object): unknown => ["insert", table, null, row];

describe("what is known of tables", { skip: noServer }, () => {
  const db = database(
    "definitions",
    `CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 9);
     CREATE TABLE child (id int PRIMARY KEY, parent int);
     INSERT INTO child SELECT i, i FROM generate_series(1, 9) AS i;
     CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY);`,
  );
  const addKey =
    "ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (parent) REFERENCES parent ON DELETE CASCADE";
  const dropKey = "ALTER TABLE child DROP CONSTRAINT k";

  async function captured(
    work: (client: pg.PoolClient, told: Told[], pool: pg.Pool) => Promise<void>,
  ): Promise<void> {
    const { pool, told, undo } = db.audited();
    const client = await pool.connect();
    try {
      await work(client, told, pool);
    } finally {
      undo();
      client.release(true);
    }
    assert.deepEqual(faultSummaries(), []);
  }

  it("is asked anew when a transaction that altered them ends, by whomever it was read meanwhile", () =>
    captured(async (client, told, pool) => {
      await client.query("BEGIN");
      await client.query(addKey);
      // It reads the tables as they were, and waits for the lock.
      const meanwhile = pool.query("DELETE FROM parent WHERE id = 1");
      const waits =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      await until(async () => (await db.plain.query(waits)).rowCount === 1);
      await client.query("COMMIT");
      await meanwhile;
      told.length = 0;
      await pool.query("DELETE FROM parent WHERE id = 2");
      await client.query("BEGIN");
      await client.query("SAVEPOINT a");
      await client.query(dropKey);
      await client.query("DELETE FROM parent WHERE id = 3");
      await client.query("ROLLBACK TO a");
      await client.query("DELETE FROM parent WHERE id = 4");
      await client.query(dropKey);
      await client.query("DELETE FROM parent WHERE id = 5");
      await client.query("ROLLBACK");
      await client.query("DELETE FROM parent WHERE id = 6");
      assert.deepEqual(
        brief(told),
        [2, 6].map((id) => ["success", gone("parent", { id }), gone("child", { id, parent: id })]),
      );
      await client.query(dropKey);
    }));

  it("is asked anew after code that defines", () =>
    captured(async (client, told) => {
      await client.query("DELETE FROM parent WHERE id < 0");
      await client.query(`DO $$ BEGIN ${addKey}; END $$`);
      told.length = 0;
      await client.query("DELETE FROM parent WHERE id = 8");
      assert.deepEqual(brief(told), [
        ["success", gone("parent", { id: 8 }), gone("child", { id: 8, parent: 8 })],
      ]);
    }));

  it("is asked anew of a table that was not there, and that another process has made", () =>
    captured(async (client, told) => {
      const insert = "INSERT INTO made VALUES (1)";
      await assert.rejects(client.query(insert), { code: "42P01" });
      await db.plain.query("CREATE TABLE made (id int PRIMARY KEY)");
      await client.query(insert);
      assert.deepEqual(brief(told), [["success", come("made", { id: 1 })]]);
    }));

  it("is of the schema where the name is looked up, also behind a text that is not answered yet", () =>
    captured(async (client, told) => {
      await client.query("INSERT INTO t VALUES (1)");
      await Promise.all([client.query("SET search_path = other"), client.query("INSERT INTO t VALUES (2)")]);
      await Promise.all([client.query("RESET search_path"), client.query("INSERT INTO t VALUES (3)")]);
      await client.query("BEGIN");
      await client.query("SAVEPOINT a");
      await client.query("SET search_path = other");
      await client.query("INSERT INTO t VALUES (4)");
      await client.query("ROLLBACK TO a");
      await client.query("INSERT INTO t VALUES (5)");
      await client.query("COMMIT");
      assert.deepEqual(
        brief(told),
        ["t 1", "other.t 2", "t 3", "t 5"].map((one) => {
          const [table, id] = one.split(" ");
          return ["success", come(table!, { id: Number(id) })];
        }),
      );
    }));

  it("is not that of a temporary table of the same name when that is gone", () =>
    captured(async (client, told) => {
      const temporary = "CREATE TEMP TABLE t (id int PRIMARY KEY, of text)";
      await client.query("BEGIN");
      await client.query(`${temporary} ON COMMIT DROP`);
      await client.query("INSERT INTO t VALUES (10)");
      await client.query("COMMIT");
      await client.query("INSERT INTO t VALUES (11)");
      await client.query(temporary);
      await client.query("INSERT INTO t VALUES (12)");
      await client.query("DISCARD ALL");
      await client.query("INSERT INTO t VALUES (13)");
      const ours = told.flatMap(({ changes }) => changes).filter(({ table }) => table.schema === null);
      assert.deepEqual(
        ours.map(({ after }) => after),
        [{ id: 11 }, { id: 13 }],
      );
    }));

  it("is not asked in front of what must come before any query of its transaction", () =>
    captured(async (client) => {
      await client.query("BEGIN");
      await client.query("SET LOCAL search_path = other");
      await client.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
      const { rows } = await client.query("SHOW transaction_isolation");
      assert.deepEqual(rows, [{ transaction_isolation: "serializable" }]);
      await client.query("ROLLBACK");
    }));

  it("is not asked anew after a setting of the application's own", () =>
    captured(async (client) => {
      const sent: string[] = [];
      const { connection } = client as unknown as {
        connection: { parse(query: { text: string }): void; query(text: string): void };
      };
      const [parse, query] = [connection.parse.bind(connection), connection.query.bind(connection)];
      connection.parse = (one) => {
        sent.push(one.text);
        parse(one);
      };
      connection.query = (text) => {
        sent.push(text);
        query(text);
      };
      await client.query("INSERT INTO t VALUES ($1)", [20]);
      sent.length = 0;
      await client.query("SELECT set_config('app.tenant', $1, false)", ["a"]);
      await client.query("INSERT INTO t VALUES ($1)", [21]);
      assert.equal(sent.length, 2);
      await client.query("SELECT set_config('Search_Path', $1, false)", ["other"]);
      await client.query("INSERT INTO t VALUES ($1)", [22]);
      assert.ok(sent.some((text) => text.includes("current_schemas")));
    }));
});
