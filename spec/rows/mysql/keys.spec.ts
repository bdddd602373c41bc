/**
 * What foreign keys carry on to other tables: no result and no trigger shows it, so it is read before, and what became of it
 * follows from the rule.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { createPool, type Pool } from "mysql2";
import type { Connection } from "mysql2/promise";
import {
  capture,
  dropDatabase,
  freshDatabase,
  kinds,
  server,
  skipReason,
  taken,
  type Told,
} from "./server.js";

const tables = [
  "CREATE TABLE orders (id INT PRIMARY KEY, code VARCHAR(10) UNIQUE, n INT)",
  "CREATE TABLE line (ord INT, no INT, PRIMARY KEY (ord, no), FOREIGN KEY (ord) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE)",
  "CREATE TABLE allocation (id INT PRIMARY KEY, ord INT, no INT, FOREIGN KEY (ord, no) REFERENCES line (ord, no) ON DELETE CASCADE ON UPDATE CASCADE)",
  "CREATE TABLE label (id INT PRIMARY KEY, code VARCHAR(10), FOREIGN KEY (code) REFERENCES orders (code) ON DELETE SET NULL ON UPDATE CASCADE)",
];
const ROWS = [
  ...["allocation", "line", "label", "orders"].map((table) => `DELETE FROM ${table}`),
  "INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 1)",
  "INSERT INTO line VALUES (1, 1), (2, 1)",
  "INSERT INTO allocation VALUES (1, 1, 1), (2, 2, 1)",
  "INSERT INTO label VALUES (1, 'a'), (2, 'b')",
];

const names = ["orders", "line", "allocation", "label"];

for (const { name, adjust, returning, suffix } of kinds) {
  describe(`foreign keys on ${name}`, { skip: skipReason() }, () => {
    const database = `audit_keys_${suffix}`;
    let admin: Connection;
    let pool: Pool;
    let told: Told[];
    let undo: () => void;

    before(async () => {
      admin = await freshDatabase(database, tables);
      pool = createPool({ ...server, database, connectionLimit: 1 });
    });
    after(async () => {
      pool.end();
      await dropDatabase(admin, database);
    });
    beforeEach(async () => {
      for (const sql of ROWS) await admin.query(sql);
      ({ told, undo } = capture(pool, database, { adjust }));
    });
    afterEach(() => undo());

    const run = async (...statements: string[]): Promise<void> => {
      for (const sql of statements) await pool.promise().query(sql);
    };

    /** Each row that is not what it was, by table: what must be told, in whatever order. */
    async function changed(...statements: string[]): Promise<void> {
      const was = await rows();
      await run(...statements);
      const now = await rows();
      const changes = taken(told);
      const left = Object.fromEntries(names.map((table) => [table, new Set(was[table])]));
      for (const { table, before: old, after: fresh } of changes) {
        const list = left[table as string]!;
        if (old) assert.ok(list.delete(JSON.stringify(old)), `no such row: ${table} ${JSON.stringify(old)}`);
        if (fresh) list.add(JSON.stringify(fresh));
      }
      assert.ok(changes.length > 0);
      assert.ok(changes.every(({ op }) => op !== "statement"));
      assert.deepEqual(
        names.map((table) => [...left[table]!].toSorted()),
        names.map((table) => now[table]),
      );
    }

    async function rows(): Promise<Record<string, string[]>> {
      const found: Record<string, string[]> = {};
      for (const table of names) {
        const [list] = await admin.query(`SELECT * FROM ${table}`);
        found[table] = (list as object[]).map((row) => JSON.stringify(row)).toSorted();
      }
      return found;
    }

    it("are told of a DELETE, through all tables", () => changed("DELETE FROM orders WHERE id = 1"));

    it("are told of a REPLACE, which deletes first", () =>
      changed("REPLACE INTO orders VALUES (1, 'c', 2), (3, 'b', 2)"));

    it("are told of an UPDATE of another key than the primary one", () =>
      changed("UPDATE orders SET code = 'c' WHERE id = 1"));

    it("are told of an UPDATE with a query inside", () =>
      changed("UPDATE orders SET code = 'c' WHERE id = (SELECT MIN(ord) FROM line)"));

    it("are told of an upsert", () =>
      changed("INSERT INTO orders VALUES (1, 'x', 1), (3, 'd', 1) ON DUPLICATE KEY UPDATE code = 'c'"));

    it("are told of an UPDATE through all tables", { skip: !returning }, () =>
      changed("UPDATE orders SET id = id + 10"),
    );

    it("are told of more rows than one query can name", async () => {
      undo();
      await admin.query("INSERT INTO orders SELECT seq, CONCAT('c', seq), 1 FROM seq_10_to_2509");
      await admin.query("INSERT INTO line SELECT seq, 1 FROM seq_10_to_2509");
      ({ told, undo } = capture(pool, database, { adjust, limits: { maxRowsPerStatement: 10_000 } }));
      await changed("DELETE FROM orders");
    });

    it("are not told where they are not obeyed", async () => {
      await changed("SET foreign_key_checks = 0", "DELETE FROM orders WHERE id = 1");
      await changed("UPDATE orders SET code = 'c' WHERE id = 2");
      await changed("SET foreign_key_checks = 1", "REPLACE INTO orders VALUES (2, 'd', 1)");
    });

    it("are told of a prepared statement, where only the table below is recorded", async () => {
      undo();
      ({ told, undo } = capture(pool, database, {
        adjust,
        includes: ({ name: table }) => table === "allocation",
      }));
      await pool.promise().execute("UPDATE orders SET n = 2");
      await pool.promise().execute("INSERT INTO orders VALUES (3, 'c', 1)");
      assert.deepEqual(taken(told), []);
      await pool.promise().execute("DELETE FROM orders WHERE id = 1");
      await run("DELETE o FROM orders o JOIN label l ON l.code = o.code");
      const statement = { op: "statement", table: "allocation", rowCount: 1 };
      assert.deepEqual(taken(told), [statement, statement]);
    });

    it(
      "of an upsert that changes the primary key without RETURNING: the statement",
      { skip: returning },
      async () => {
        await run("INSERT INTO orders VALUES (1, 'x', 1) ON DUPLICATE KEY UPDATE id = 9");
        assert.deepEqual(taken(told), [{ op: "statement", table: "orders", rowCount: 2 }]);
      },
    );
  });
}
