/**
 * Two-phase commit. The server must allow it (`max_prepared_transactions`); one that does not refuses
 * PREPARE TRANSACTION, and that refusal is a spec of its own. `spec/with-postgres.mjs` starts one that does.
 */
import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import type pg from "pg";
import { brief, database, noServer, type Told } from "./server.js";

const row = (id: number): unknown => ["insert", "t", null, { id }];

async function run(client: pg.ClientBase, ...texts: string[]): Promise<void> {
  for (const text of texts) await client.query(text);
}

describe("two-phase commit", { skip: noServer }, () => {
  const db = database("two_phase", "CREATE TABLE t (id int PRIMARY KEY)");
  const name = `activity_audit_${process.pid}`;
  let allowed = 0;

  before(async () => {
    const { rows } = await db.plain.query("SHOW max_prepared_transactions");
    allowed = Number(rows[0].max_prepared_transactions);
  });

  /** Two connections of one pool. */
  async function pair(told: Told[]): Promise<[pg.PoolClient, pg.PoolClient]> {
    const { pool } = db.audited({ told });
    return [await pool.connect(), await pool.connect()];
  }

  const needsServer = (context: TestContext): boolean => {
    if (allowed === 0) context.skip("max_prepared_transactions is 0 on this server");
    return allowed === 0;
  };

  it("is told at COMMIT PREPARED, on whichever connection, and not at ROLLBACK PREPARED", async (context) => {
    if (needsServer(context)) return;
    const told: Told[] = [];
    const [one, other] = await pair(told);
    await run(one, "BEGIN", "INSERT INTO t VALUES (1)", `PREPARE TRANSACTION '${name}_a'`);
    await run(one, "BEGIN", "INSERT INTO t VALUES (2)", `PREPARE TRANSACTION '${name}_b'`);
    await run(one, "INSERT INTO t VALUES (3)");
    assert.deepEqual(brief(told.splice(0)), [["success", row(3)]]);
    await run(other, `COMMIT PREPARED '${name}_a'`, `ROLLBACK PREPARED '${name}_b'`);
    assert.deepEqual(brief(told), [["success", row(1)]]);
    one.release(true);
    other.release(true);
  });

  it("of changes that were prepared unseen is told as a statement", async (context) => {
    if (needsServer(context)) return;
    const told: Told[] = [];
    const [one, other] = await pair(told);
    const plain = await db.plain.connect();
    await run(plain, "BEGIN", "INSERT INTO t VALUES (10)", `PREPARE TRANSACTION '${name}_c'`);
    plain.release(true);
    await run(one, `COMMIT PREPARED '${name}_c'`);
    assert.deepEqual(brief(told.splice(0)), [["success", ["statement", "*", null]]]);
    await run(one, "BEGIN", "SELECT 1", `PREPARE TRANSACTION '${name}_d'`);
    await run(other, `COMMIT PREPARED '${name}_d'`);
    assert.deepEqual(told, []);
    one.release(true);
    other.release(true);
  });

  it("is in doubt where the connection breaks under COMMIT PREPARED", async (context) => {
    if (needsServer(context)) return;
    const told: Told[] = [];
    const [one, other] = await pair(told);
    other.on("error", () => {});
    await run(one, "BEGIN", "INSERT INTO t VALUES (20)", `PREPARE TRANSACTION '${name}_e'`);
    const answer = other.query(`COMMIT PREPARED '${name}_e'`).catch((error: Error) => error);
    (other as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    assert.ok((await answer) instanceof Error);
    assert.deepEqual(brief(told), [["unknown", row(20)]]);
    one.release(true);
    other.release(true);
    await db.plain.query(`ROLLBACK PREPARED '${name}_e'`).catch(() => {});
  });

  it("that is refused rolls back, and nothing is told", async () => {
    const told: Told[] = [];
    const [one, other] = await pair(told);
    await run(one, "BEGIN", "INSERT INTO t VALUES (30)");
    // A failed transaction is answered ROLLBACK; a server without prepared transactions answers an error.
    await one.query("SELECT 1 / 0").catch(() => {});
    await one.query(`PREPARE TRANSACTION '${name}_f'`).catch(() => {});
    await assert.rejects(one.query(`COMMIT PREPARED '${name}_f'`), { code: "42704" });
    await run(one, "BEGIN", "INSERT INTO t VALUES (31)");
    if (allowed === 0) await assert.rejects(one.query(`PREPARE TRANSACTION '${name}_g'`), { code: "55000" });
    else await assert.rejects(one.query("PREPARE TRANSACTION"), { code: "42601" });
    await run(one, "ROLLBACK", "INSERT INTO t VALUES (32)");
    assert.deepEqual(brief(told), [["success", row(32)]]);
    one.release(true);
    other.release(true);
  });
});
