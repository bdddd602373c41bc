/**
 * A rewritten text that comes again is prepared under a name of ours. The application must not notice.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type pg from "pg";
import { faultSummaries } from "#dist/health";
import { brief, database, noServer, type Told } from "./server.js";

const mine = (text: string, n: number): pg.QueryConfig => ({ name: "mine", text, values: [n] });
const update = "UPDATE t SET n = $1 WHERE id = $2";
const changed = (from: unknown, to: unknown): unknown => [
  "success",
  ["update", "t", { id: 1, n: from }, { id: 1, n: to }],
];

async function prepared(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query(
    "SELECT name, statement FROM pg_prepared_statements ORDER BY prepare_time",
  );
  return rows.map(({ name, statement }) => `${/^activity_audit_\d+$/.test(name)} ${statement.slice(0, 12)}`);
}

describe("a rewritten statement that comes again", { skip: noServer }, () => {
  const db = database("prepared", "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)");

  /** A connection of its own that is captured, and given back at the end. */
  async function captured(work: (client: pg.PoolClient, told: Told[]) => Promise<void>): Promise<void> {
    const { pool, told, undo } = db.audited();
    const client = await pool.connect();
    try {
      await db.plain.query("UPDATE t SET n = 0");
      await work(client, told);
    } finally {
      undo();
      client.release(true);
    }
  }

  it("is prepared once, by a name that pg and the application's own names do not meet", () =>
    captured(async (client, told) => {
      for (const n of [1, 2, 3]) await client.query(update, [n, 1]);
      await client.query({ name: "mine", text: "UPDATE t SET n = $1", values: [4] });
      await client.query("UPDATE t SET n = 5");
      assert.deepEqual(await prepared(client), ["true UPDATE t SET", "true UPDATE t SET"]);
      assert.deepEqual(
        brief(told),
        [1, 2, 3, 4, 5].map((n) => changed(n - 1, n)),
      );
    }));

  it("is run again after the server was told to forget all names", () =>
    captured(async (client, told) => {
      for (const text of ["DISCARD ALL", "DEALLOCATE ALL", "SELECT 1"]) {
        for (const n of [1, 2, 0]) await client.query(update, [n, 1]);
        await client.query(text);
      }
      assert.equal(told.length, 9);
    }));

  it("is not prepared where the process of the server is not that of the connection, behind a pooler", () =>
    captured(async (client, told) => {
      Object.defineProperty(client, "processID", { value: 1 });
      for (const n of [1, 2, 3]) await client.query(update, [n, 1]);
      assert.deepEqual(await prepared(client), []);
      assert.equal(told.length, 3);
    }));

  it("does what it does without us after another session has altered the table", () =>
    captured(async (client, told) => {
      const star = "UPDATE t SET n = $1 WHERE id = 1 RETURNING *";
      for (const n of [1, 2]) await client.query(update, [n, 1]);
      for (const n of [3, 4]) await client.query(star, [n]);
      await db.plain.query("ALTER TABLE t ALTER n TYPE bigint, ADD m int");
      const { rows } = await client.query(star, [5]);
      assert.deepEqual(rows, [{ id: 1, n: "5", m: null }]);
      await client.query(update, ["5000000000", 1]);
      await client.query(update, ["5000000001", 1]);
      const last = told.slice(-2).flatMap(({ changes }) => changes.map(({ after }) => after?.["n"]));
      assert.deepEqual(last.map(String), ["5000000000", "5000000001"]);
      await client.query("ALTER TABLE t DROP m, ALTER n TYPE int USING 0");
      for (const n of [1, 2, 3]) await client.query(update, [n, 1]);
      assert.deepEqual(brief(told).slice(-3), [changed(0, 1), changed(1, 2), changed(2, 3)]);
    }));

  it("lets a name of the application's have another text where the server has refused the first", () =>
    captured(async (client, told) => {
      await client.query("BEGIN");
      await client.query("SAVEPOINT a");
      await assert.rejects(client.query(mine("UPDATE t SET nope = $1", 1)), { code: "42703" });
      await client.query("ROLLBACK TO a");
      await client.query(mine("UPDATE t SET n = $1", 1));
      await client.query(mine("UPDATE t SET n = $1", 2));
      await assert.rejects(client.query(mine("UPDATE t SET n = 1 + $1", 3)), /must be unique/);
      await client.query("COMMIT");
      assert.deepEqual(brief(told), [
        ["success", (changed(0, 1) as unknown[])[1], (changed(1, 2) as unknown[])[1]],
      ]);
    }));

  it("gives the application its own errors, in the words and places of its text", () =>
    captured(async (client) => {
      const plain = await db.plain.connect();
      for (const [text, values] of [
        ["UPDATE t SET n = $1 WHERE id = 1", ["no number"]],
        ["UPDATE t SET n = 1 / $1 WHERE id = 1", [0]],
        ["INSERT INTO t VALUES ($1, 0)", [1]],
      ] as const) {
        const errors: unknown[] = [];
        for (const one of [plain, client, client, client]) {
          await one.query("UPDATE t SET n = 0 WHERE id = $1", [1]);
          const { message, code, position } = (await one
            .query(text, [...values])
            .catch((error: unknown) => error)) as pg.DatabaseError;
          errors.push({ message, code, position });
        }
        for (const error of errors) assert.deepEqual(error, errors[0]);
      }
      plain.release(true);
      assert.deepEqual(faultSummaries(), []);
    }));
});
