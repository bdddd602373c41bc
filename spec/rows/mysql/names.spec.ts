/**
 * Which table a name means: through views, and where the server does not tell upper from lower case.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPool, type Pool } from "mysql2";
import type { Connection } from "mysql2/promise";
import { capture, dropDatabase, freshDatabase, server, skipReason, taken } from "./server.js";

const tables = [
  "CREATE TABLE item (id int PRIMARY KEY, n int)",
  "CREATE TABLE other (id int PRIMARY KEY, n int)",
  "INSERT INTO other VALUES (1, 1)",
  "CREATE VIEW some AS SELECT id, n FROM item WHERE id < 100",
  "CREATE VIEW few AS SELECT id, n FROM some WHERE id < 10",
];

describe("names of tables on MariaDB", { skip: skipReason() }, () => {
  const database = `audit_names_${process.pid}`;
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

  it("a write to a view, or to a view of a view, is told of the recorded table below it", async () => {
    const { told, undo } = capture(pool, database, { includes: ({ name }) => name === "item" });
    for (const sql of [
      "INSERT INTO few VALUES (1, 1)",
      "UPDATE some SET n = 2",
      "UPDATE few JOIN other ON other.id = few.id SET few.n = 3",
      "DELETE FROM few",
    ]) {
      await pool.promise().query(sql);
    }
    undo();
    const statement = { op: "statement", table: "item", rowCount: 1 };
    assert.deepEqual(taken(told), [statement, statement, statement, statement]);
  });

  it("a table has the name of its entity where the server folds names", async () => {
    const { told, undo } = capture(pool, database, {
      adjust: (settings) => ({ ...settings, foldsNames: true }),
      entities: ["Item"],
      includes: ({ schema, name }) => schema === null && name === "Item",
    });
    await pool.promise().query(`INSERT INTO ${database}.item VALUES (2, 1)`);
    undo();
    assert.deepEqual(taken(told), [{ op: "insert", table: "Item", after: { id: 2, n: 1 } }]);
  });
});
