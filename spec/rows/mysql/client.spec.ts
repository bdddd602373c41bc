/**
 * mysql2 as the application knows it: what it may do with a connection, it may do with one that is captured, and sees the
 * same; and its writes are told, whichever way they go.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { createPool, type Pool, type PoolConnection, type PoolOptions, type ResultSetHeader } from "mysql2";
import type { Connection } from "mysql2/promise";
import type { ManyRowsChange } from "#dist/capture/typeorm/family";
import { faultSummaries } from "#dist/health";
import { until } from "../../support/until.js";
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
  "CREATE TABLE item (id INT AUTO_INCREMENT PRIMARY KEY, n INT, name VARCHAR(20) UNIQUE)",
  "CREATE TABLE stamped (id INT PRIMARY KEY, n INT, at TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
  "CREATE TABLE keyless (n INT)",
  "CREATE VIEW some AS SELECT id, n FROM item",
  "CREATE TABLE attempt (n INT) ENGINE = MyISAM",
  "CREATE TABLE watched (id INT PRIMARY KEY)",
  "CREATE TRIGGER watched_insert BEFORE INSERT ON watched FOR EACH ROW INSERT INTO attempt VALUES (1)",
  "CREATE PROCEDURE touch() UPDATE item SET n = n + 1 WHERE id = 1",
];

const skip = skipReason();

const updated = (id: number, from: number, to: number, more: object): unknown => ({
  op: "update",
  table: "item",
  before: { id, n: from, ...more },
  after: { id, n: to, ...more },
});

for (const { name, adjust, returning, suffix } of kinds) {
  describe(`a mysql2 connection to ${name}`, { skip }, () => {
    const database = `audit_client_${suffix}`;
    let admin: Connection;
    let pool: Pool;
    let told: Told[];
    let undo: () => void;
    let one: PoolConnection;
    let faults: unknown;

    const open = async (options: PoolOptions = {}): Promise<void> => {
      pool = createPool({ ...server, database, ...options });
      ({ told, undo } = capture(pool, database, {
        adjust,
        includes: ({ name: table }) => !/^(?:attempt|some)$/.test(table),
      }));
      one = await new Promise((resolve, reject) => {
        pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
      });
    };
    const reopen = async (options: PoolOptions): Promise<void> => {
      undo();
      pool.end();
      await open(options);
    };
    const run = async (...statements: string[]): Promise<unknown> => {
      let result: unknown;
      for (const sql of statements) [result] = await one.promise().query(sql);
      return result;
    };
    const query = (options: { sql: string; timeout?: number }): Promise<unknown> =>
      new Promise((resolve, reject) => {
        one.query(options, (error, result) => (error ? reject(error) : resolve(result)));
      });
    /** The server is at a statement of `one` that has to do with the table. */
    const isAtItem = async (): Promise<boolean> => {
      const [rows] = await admin.query(
        "SELECT INFO AS info FROM information_schema.PROCESSLIST WHERE ID = ?",
        [one.threadId],
      );
      return ((rows as { info: string | null }[])[0]?.info ?? "").includes("item");
    };
    const a = { name: "a" };

    before(async () => {
      admin = await freshDatabase(database, tables);
    });
    after(() => dropDatabase(admin, database));
    beforeEach(async () => {
      await admin.query(
        "DELETE FROM stamped; DELETE FROM keyless; DELETE FROM attempt; DELETE FROM item; ALTER TABLE item AUTO_INCREMENT = 1; INSERT INTO item (n, name) VALUES (1, 'a'), (2, 'b'); INSERT INTO stamped VALUES (1, 1, '2020-01-01')",
      );
      faults = faultSummaries();
      await open();
    });
    afterEach(() => {
      undo();
      pool.end();
      assert.deepEqual(faultSummaries(), faults);
    });

    it("answers when the time of a query has run out, and tells what the server has done all the same", async () => {
      await run("DO 1");
      await admin.query("BEGIN; UPDATE item SET n = n WHERE id = 1");
      await assert.rejects(query({ sql: "UPDATE item SET n = 10 WHERE id = 1", timeout: 200 }), {
        code: "PROTOCOL_SEQUENCE_TIMEOUT",
      });
      await until(isAtItem);
      assert.deepEqual(told, []);
      await admin.query("ROLLBACK");
      await run("DO 1");
      assert.deepEqual(taken(told), [updated(1, 1, 10, a)]);
    });

    it("tells of a procedure whose time has run out", async () => {
      await admin.query("BEGIN; UPDATE item SET n = n WHERE id = 1");
      await assert.rejects(query({ sql: "CALL touch()", timeout: 100 }), {
        code: "PROTOCOL_SEQUENCE_TIMEOUT",
      });
      await admin.query("ROLLBACK");
      await run("DO 1");
      assert.deepEqual(
        taken(told).map(({ op }) => op),
        ["statement"],
      );
    });

    it("stops the time of a query that is answered in time", async () => {
      let command: { queryTimeout?: unknown } = {};
      await new Promise<void>((resolve) => {
        command = one.query({ sql: "UPDATE item SET n = 10 WHERE id = 1", timeout: 60_000 }, () =>
          resolve(),
        ) as object;
      });
      // As mysql2 leaves it: a timer that still runs would call back once more, and keep the process.
      assert.equal(command.queryTimeout, null);
    });

    it("says in an error which text failed: the application's", async () => {
      for (const sql of [
        "INSERT INTO item (name) VALUES ('a')",
        "UPDATE item SET name = 'b' WHERE id = 1",
        "INSERT INTO item (id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE name = 'b'",
      ]) {
        await assert.rejects(run(sql), { errno: 1062, sql });
      }
    });

    it("runs a statement once, whatever its callback throws", async () => {
      await run("INSERT INTO watched VALUES (1)");
      await admin.query("DELETE FROM attempt");
      // mysql2 takes the connection for broken then.
      const closed = once((one as unknown as { stream: Socket }).stream, "close");
      one.query("INSERT INTO watched VALUES (1)", (error) => {
        throw error;
      });
      await closed;
      await admin.query("DELETE FROM watched");
      const [rows] = await admin.query("SELECT COUNT(*) AS count FROM attempt");
      assert.deepEqual(rows, [{ count: 1 }]);
    });

    it("takes several statements in a text apart, whichever option allows them", async () => {
      await reopen({ flags: ["MULTI_STATEMENTS"] });
      await run("SELECT 1; UPDATE item SET n = 10 WHERE id = 1; UPDATE item SET n = 20 WHERE id = 2");
      assert.deepEqual(taken(told), [updated(1, 1, 10, a), updated(2, 2, 20, { name: "b" })]);
    });

    it(
      "has rows of the application's own RETURNING as its pool nests them",
      { skip: !returning },
      async () => {
        await reopen({ nestTables: true } as PoolOptions);
        assert.deepEqual(await run("INSERT INTO item (n) VALUES (3) RETURNING id, n + 1 AS m"), [
          { item: { id: 3 }, "": { m: 4 } },
        ]);
        assert.deepEqual(
          taken(told).map(({ op, table }) => [op, table]),
          [["statement", "item"]],
        );
      },
    );

    it("gives the insertId that LAST_INSERT_ID(…) sets", async () => {
      const { insertId } = (await run("INSERT INTO keyless VALUES (LAST_INSERT_ID(77))")) as {
        insertId: number;
      };
      assert.equal(insertId, 77);
      assert.deepEqual(taken(told), [{ op: "statement", table: "keyless", rowCount: 1 }]);
    });

    it("does not take words in a value for a change of the session", async () => {
      await run(
        "INSERT INTO item (n, name) VALUES (3, 'set names, sql_mode')",
        "UPDATE item SET n = 4 WHERE name = 'set names, sql_mode'",
      );
      const row = { id: 3, name: "set names, sql_mode" };
      assert.deepEqual(taken(told), [
        { op: "insert", table: "item", after: { ...row, n: 3 } },
        { op: "update", table: "item", before: { ...row, n: 3 }, after: { ...row, n: 4 } },
      ]);
    });

    it("is read anew within a text that changes the session", async () => {
      await reopen({ multipleStatements: true });
      await run(
        "SET NAMES latin1; INSERT INTO item (n, name) VALUES (3, _utf8mb4 x'f09f9982'); SET NAMES utf8mb4",
      );
      assert.deepEqual(taken(told), [{ op: "insert", table: "item", after: { id: 3, n: 3, name: "🙂" } }]);
    });

    it("counts the rows that are more than it may tell, and gives the answer of all", async () => {
      undo();
      ({ told, undo } = capture(pool, database, { adjust, limits: { maxRowsPerStatement: 30 } }));
      const [inserted] = await pool.promise().query("INSERT INTO item (n) SELECT seq FROM seq_1_to_500");
      const [deleted] = await pool
        .promise()
        .query("DELETE FROM item WHERE n <= 400 AND name IS NULL ORDER BY id");
      assert.deepEqual(
        [inserted, deleted].map((header) => {
          const { affectedRows, insertId, info } = header as ResultSetHeader;
          return { affectedRows, insertId, info };
        }),
        [
          { affectedRows: 500, insertId: 3, info: "Records: 500  Duplicates: 0  Warnings: 0" },
          { affectedRows: 400, insertId: 0, info: "" },
        ],
      );
      const first = Array.from({ length: 20 }, (_, index) => index + 3);
      assert.deepEqual(
        told.splice(0).flatMap(({ changes }) =>
          changes.map((change) => {
            const { op, verb, rowCount, first: rows } = change as ManyRowsChange;
            return { op, verb, rowCount, ids: rows?.map(({ id }) => id) };
          }),
        ),
        [
          returning
            ? { op: "statement", verb: "insert", rowCount: 500, ids: first }
            : { op: "statement", verb: undefined, rowCount: 500, ids: undefined },
          { op: "statement", verb: "delete", rowCount: 400, ids: first },
        ],
      );
    });

    it("keeps the tables that the application has locked", async () => {
      await run(
        "LOCK TABLES stamped WRITE, item WRITE",
        "UPDATE stamped SET n = 2",
        "INSERT INTO item (n) VALUES (3)",
      );
      const [locked] = await admin.query(`SHOW OPEN TABLES FROM ${database} WHERE In_use > 0`);
      assert.deepEqual((locked as { Table: string }[]).map(({ Table }) => Table).toSorted(), [
        "item",
        "stamped",
      ]);
      await run("UNLOCK TABLES");
      assert.deepEqual(
        taken(told).map(({ op, table }) => [op, table]),
        [
          ["update", "stamped"],
          ["insert", "item"],
        ],
      );
    });

    it("sees a prepared statement that is run while it is being prepared", async () => {
      const sql = "UPDATE item SET n = ? WHERE id = 1";
      // The second time it is known, and the callback is called at once.
      for (const n of [5, 6]) {
        await new Promise<void>((resolve, reject) => {
          one.prepare(sql, (error, statement) => {
            if (error) reject(error);
            else statement.execute([n], (failed) => (failed ? reject(failed) : resolve()));
          });
        });
      }
      assert.equal(taken(told).length, 2);
    });

    it("tells a prepared write to a view of the table below it", async () => {
      await one.promise().execute("UPDATE some SET n = 9 WHERE id = 1");
      assert.deepEqual(taken(told), [{ op: "statement", table: "item", rowCount: 1 }]);
    });

    it("knows the columns that a prepared ALTER has added", async () => {
      await run(
        "INSERT INTO keyless VALUES (1)",
        "CREATE TABLE grows (id INT PRIMARY KEY)",
        "INSERT INTO grows VALUES (1)",
      );
      await one.promise().execute("ALTER TABLE grows ADD COLUMN n INT");
      told.length = 0;
      await run("INSERT INTO grows VALUES (2, 3)");
      assert.deepEqual(taken(told), [{ op: "insert", table: "grows", after: { id: 2, n: 3 } }]);
      await run("DROP TABLE grows");
    });

    it("knows a table that a temporary one hid until the connection was reset", async () => {
      await run("CREATE TEMPORARY TABLE item (id INT)", "INSERT INTO item VALUES (1)");
      assert.deepEqual(told, []);
      await one.promise().reset();
      await run("UPDATE item SET n = 10 WHERE id = 1");
      assert.deepEqual(taken(told), [updated(1, 1, 10, a)]);
    });

    it("learns of tables that another process makes and alters", async () => {
      await assert.rejects(run("INSERT INTO made VALUES (1)"), { errno: 1146 });
      await admin.query("CREATE TABLE made (id INT PRIMARY KEY, n INT, old INT)");
      await run("INSERT INTO made VALUES (1, 1, 1)");
      assert.deepEqual(taken(told), [{ op: "insert", table: "made", after: { id: 1, n: 1, old: 1 } }]);
      await admin.query("ALTER TABLE made DROP COLUMN old");
      await run("UPDATE made SET n = 2");
      assert.deepEqual(
        taken(told).map(({ op, table }) => [op, table]),
        [["statement", "made"]],
      );
      await run("UPDATE made SET n = 3");
      assert.deepEqual(taken(told), [
        { op: "update", table: "made", before: { id: 1, n: 2 }, after: { id: 1, n: 3 } },
      ]);
      await run("DROP TABLE made");
      faults = faultSummaries();
    });

    for (const first of ["the pool", "the capture"]) {
      it(`does all that was sent before the end, where ${first} ends first`, async () => {
        await run("DO 1");
        await admin.query("BEGIN; UPDATE stamped SET n = n");
        const results: unknown[] = [];
        for (const sql of ["UPDATE stamped SET n = 10", "UPDATE item SET n = 11 WHERE id = 1", "DO 1"]) {
          one.query(sql, (error, result) =>
            results.push(error ?? (result as { affectedRows: number }).affectedRows),
          );
        }
        // TypeORM's destroy() ends the pool after the capture.
        if (first === "the capture") undo();
        const ended = new Promise<unknown>((resolve) => pool.end(resolve));
        undo();
        await admin.query("ROLLBACK");
        assert.equal((await ended) ?? null, null);
        assert.deepEqual(results, [1, 1, 0]);
        assert.deepEqual(
          taken(told).map(({ op, table }) => [op, table]),
          [
            ["update", "stamped"],
            ["update", "item"],
          ],
        );
        pool = createPool({ ...server, database });
      });
    }

    it("lets nothing overtake what waits when it is captured no more", async () => {
      await run("DO 1");
      await admin.query("BEGIN; UPDATE stamped SET n = n");
      const order: string[] = [];
      const send = (sql: string): void => void one.query(sql, () => order.push(sql));
      send("BEGIN");
      send("UPDATE stamped SET n = 10");
      send("UPDATE stamped SET n = 11");
      undo();
      send("ROLLBACK");
      await admin.query("ROLLBACK");
      await until(() => order.length === 4);
      assert.deepEqual(order, [
        "BEGIN",
        "UPDATE stamped SET n = 10",
        "UPDATE stamped SET n = 11",
        "ROLLBACK",
      ]);
      assert.deepEqual(told, []);
      await until(() => !Object.hasOwn(one, "addCommand"));
      const [rows] = await admin.query("SELECT n FROM stamped");
      assert.deepEqual(rows, [{ n: 1 }]);
    });

    for (const sql of [
      "UPDATE item SET n = 10 WHERE id = 1",
      "UPDATE item JOIN stamped ON stamped.id = item.id SET item.n = 10",
      "CALL touch()",
    ]) {
      it(`leaves in doubt what was under way when the connection broke: ${sql}`, async () => {
        await run("DO 1");
        await admin.query("BEGIN; UPDATE item SET n = n");
        one.query(sql, () => {});
        await until(isAtItem);
        const { stream } = one as unknown as { stream: Socket };
        const closed = once(stream, "close");
        stream.destroy();
        await closed;
        await admin.query("ROLLBACK");
        // Where its rows are locked first, in a transaction of ours, the UPDATE itself had not been sent.
        const unsent = !returning && sql.startsWith("UPDATE item SET");
        assert.deepEqual(
          told.map(({ outcome, changes }) => [outcome, changes.map(({ op, table }) => [op, table.name])]),
          unsent ? [] : [["unknown", [["statement", sql.startsWith("CALL") ? "touch" : "item"]]]],
        );
      });
    }
  });
}
