/**
 * UPDATE with a query inside of it, of the table itself too: MariaDB may gather the new values first, and store them then.
 * The rows, the answers and the records must be those of the statement as it was written.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPool, type Pool, type ResultSetHeader } from "mysql2";
import type { Connection } from "mysql2/promise";
import { capture, dropDatabase, freshDatabase, server, skipReason, taken } from "./server.js";

const tables = [
  "CREATE TABLE item (id int PRIMARY KEY, n int, text text)",
  "CREATE TABLE other (id int PRIMARY KEY, n int)",
  "INSERT INTO other VALUES (1, 10), (2, 20), (3, 30)",
];
const ROWS = "INSERT INTO item VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')";

const UPDATES = [
  "UPDATE item SET text = 'x' WHERE id = (SELECT min(i.id) FROM item i)",
  "UPDATE item SET text = 'x' WHERE id IN (SELECT i.id FROM item i WHERE i.n > 1)",
  "UPDATE item SET text = 'x' WHERE id = (SELECT min(i.id) FROM (SELECT id FROM item) i)",
  "UPDATE item SET n = (SELECT max(i.n) FROM item i) + 1 WHERE id < 3",
  "UPDATE item SET n = n + 1, text = concat(n, text) WHERE EXISTS (SELECT 1 FROM item i WHERE i.n = 3)",
  "UPDATE item i SET n = 7 WHERE i.id IN (SELECT o.id FROM other o WHERE o.n > 10)",
  "UPDATE item SET n = (SELECT o.n FROM other o WHERE o.id = item.id)",
  "UPDATE item SET n = 8 WHERE id IN (VALUES (1), (3))",
  "UPDATE item SET n = n + 1 WHERE id NOT IN (SELECT i.id FROM item i WHERE i.n = 2) ORDER BY id DESC LIMIT 1",
];

const byId = (one: any, two: any): number => one.after.id - two.after.id;

describe("an UPDATE with a query inside, on MariaDB", { skip: skipReason() }, () => {
  const database = `audit_queries_${process.pid}`;
  let admin: Connection;
  let pool: Pool;
  before(async () => {
    admin = await freshDatabase(database, tables);
    pool = createPool({ ...server, database, connectionLimit: 1 });
  });
  after(async () => {
    pool.end();
    await dropDatabase(admin, database);
  });

  /** What the application and anybody else can see of it. */
  async function run(sql: string): Promise<{ header: unknown; rows: { id: number }[] }> {
    await admin.query(`DELETE FROM ${database}.item`);
    await admin.query(ROWS.replace("item", `${database}.item`));
    const [{ affectedRows, changedRows, info }] = await pool.promise().query<ResultSetHeader>(sql);
    const [rows] = await admin.query(`SELECT * FROM ${database}.item ORDER BY id`);
    return { header: { affectedRows, changedRows, info }, rows: rows as { id: number }[] };
  }

  for (const sql of UPDATES) {
    it(sql, async () => {
      const alone = await run(sql);
      const { told, undo } = capture(pool, database, { includes: ({ name }) => name === "item" });
      const withUs = await run(sql);
      undo();
      assert.deepEqual(withUs, alone);
      const was = [1, 2, 3].map((n) => ({ id: n, n, text: "abc"[n - 1] }));
      const changes = alone.rows.flatMap((now, index) =>
        JSON.stringify(now) === JSON.stringify(was[index])
          ? []
          : [{ op: "update", table: "item", before: was[index], after: now }],
      );
      assert.ok(changes.length > 0);
      assert.deepEqual(taken(told).toSorted(byId), changes);
    });
  }
});
