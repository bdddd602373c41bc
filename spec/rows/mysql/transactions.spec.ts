/**
 * What is told, and when: driven by the server's answers, whoever begins and ends a transaction.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { createPool, type Pool, type PoolConnection } from "mysql2";
import type { Connection } from "mysql2/promise";
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
  "CREATE TABLE logged (id INT AUTO_INCREMENT PRIMARY KEY, n INT) ENGINE=MyISAM",
  "CREATE PROCEDURE touch() UPDATE item SET n = n + 1",
  "CREATE PROCEDURE half() BEGIN UPDATE item SET n = n + 1 WHERE id = 1; INSERT INTO item (name) VALUES ('a'); END",
];

const skip = skipReason();

const run = async (connection: PoolConnection, ...statements: string[]): Promise<void> => {
  for (const sql of statements) await connection.promise().query(sql);
};

for (const { name, adjust, suffix } of kinds) {
  describe(`transactions on ${name}`, { skip }, () => {
    const database = `audit_transactions_${suffix}`;
    let admin: Connection;
    let pool: Pool;
    let told: Told[];
    let undo: () => void;
    let one: PoolConnection;
    let other: PoolConnection;

    const acquire = (): Promise<PoolConnection> =>
      new Promise((resolve, reject) => {
        pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
      });
    const numbers = (): unknown[] =>
      taken(told).map((change) => {
        const {
          op,
          before: was,
          after: now,
        } = change as { op: string; before?: { n: number }; after?: { n: number } };
        return [op, was?.n, now?.n].filter((part) => part !== undefined).join(" ");
      });

    before(async () => {
      admin = await freshDatabase(database, tables);
    });
    after(() => dropDatabase(admin, database));

    beforeEach(async () => {
      await admin.query(
        "DELETE FROM item; ALTER TABLE item AUTO_INCREMENT = 1; INSERT INTO item (n, name) VALUES (1, 'a'), (2, 'b')",
      );
      pool = createPool({ ...server, database, multipleStatements: true });
      ({ told, undo } = capture(pool, database, { adjust }));
      [one, other] = await Promise.all([acquire(), acquire()]);
    });
    afterEach(() => {
      undo();
      pool.end();
    });

    it("are told at COMMIT, in order, as one", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1", "INSERT INTO item (n) VALUES (3)");
      assert.deepEqual(told, []);
      await run(one, "DELETE FROM item WHERE id = 2", "COMMIT");
      assert.equal(told.length, 1);
      assert.deepEqual(numbers(), ["update 1 10", "insert 3", "delete 2"]);
    });

    it("tell nothing of what was rolled back", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10", "ROLLBACK", "COMMIT");
      assert.deepEqual(told, []);
    });

    it("tell what is left after ROLLBACK TO, also where a savepoint takes the name of another", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1", "SAVEPOINT s");
      await run(
        one,
        "UPDATE item SET n = 20 WHERE id = 1",
        "SAVEPOINT S",
        "UPDATE item SET n = 30 WHERE id = 1",
      );
      await run(one, "ROLLBACK TO s", "INSERT INTO item (n) VALUES (4)", "RELEASE SAVEPOINT s", "COMMIT");
      assert.deepEqual(numbers(), ["update 1 10", "update 10 20", "insert 4"]);
    });

    it("are committed by DDL and by a second BEGIN", async () => {
      await run(
        one,
        "BEGIN",
        "UPDATE item SET n = 10 WHERE id = 1",
        "CREATE TABLE extra (id INT)",
        "ROLLBACK",
      );
      assert.deepEqual(numbers(), ["update 1 10"]);
      await run(one, "DROP TABLE extra", "BEGIN", "UPDATE item SET n = 11 WHERE id = 1", "BEGIN", "ROLLBACK");
      assert.deepEqual(numbers(), ["update 10 11"]);
    });

    it("are committed by DDL that then fails", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      await assert.rejects(run(one, "CREATE TABLE item (id INT)"), { errno: 1050 });
      await run(one, "ROLLBACK");
      assert.deepEqual(numbers(), ["update 1 10"]);
    });

    it("go on after an error, without the statement that failed", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      await assert.rejects(run(one, "INSERT INTO item (n, name) VALUES (5, 'a')"), { errno: 1062 });
      await run(one, "UPDATE item SET n = 20 WHERE id = 2", "COMMIT");
      assert.deepEqual(numbers(), ["update 1 10", "update 2 20"]);
    });

    it("are dropped by a deadlock, and what follows is told at once", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      await run(other, "BEGIN", "UPDATE item SET n = 20 WHERE id = 2");
      const results = await Promise.allSettled([
        run(one, "UPDATE item SET n = 11 WHERE id = 2"),
        run(other, "UPDATE item SET n = 21 WHERE id = 1"),
      ]);
      const loser = results[0].status === "rejected" ? one : other;
      const winner = loser === one ? other : one;
      await run(winner, "COMMIT");
      const won = numbers();
      assert.deepEqual(won, winner === one ? ["update 1 10", "update 2 11"] : ["update 2 20", "update 1 21"]);
      await run(loser, "INSERT INTO item (n) VALUES (7)");
      assert.deepEqual(numbers(), ["insert 7"]);
      await run(loser, "COMMIT");
      assert.deepEqual(told, []);
    });

    it("keep the rest after a lock wait that timed out", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      await run(other, "SET innodb_lock_wait_timeout = 1", "BEGIN", "UPDATE item SET n = 20 WHERE id = 2");
      await assert.rejects(run(other, "UPDATE item SET n = 21 WHERE id = 1"), { errno: 1205 });
      await run(other, "COMMIT");
      assert.deepEqual(numbers(), ["update 2 20"]);
      await run(one, "ROLLBACK");
      assert.deepEqual(told, []);
    });

    it("are rolled back as a whole where a read of ours meets a row that has changed since the snapshot", async () => {
      await run(one, "SET innodb_snapshot_isolation = ON", "BEGIN", "SELECT * FROM item");
      await run(other, "UPDATE item SET n = 20 WHERE id = 2");
      told.length = 0;
      await run(one, "UPDATE item SET n = 10 WHERE id = 1");
      // Rows are read first, because of the query inside.
      await assert.rejects(run(one, "UPDATE item SET n = 21 WHERE id = (SELECT 2)"), { errno: 1020 });
      await run(one, "COMMIT");
      assert.deepEqual(told, []);
      const [rows] = await admin.query("SELECT n FROM item ORDER BY id");
      assert.deepEqual(rows, [{ n: 1 }, { n: 20 }]);
    });

    it("need no BEGIN under autocommit=0, and are committed by autocommit=1", async () => {
      await run(one, "SET autocommit = 0", "UPDATE item SET n = 10 WHERE id = 1");
      assert.deepEqual(told, []);
      await run(one, "COMMIT", "UPDATE item SET n = 11 WHERE id = 1", "ROLLBACK");
      assert.deepEqual(numbers(), ["update 1 10"]);
      await run(one, "UPDATE item SET n = 12 WHERE id = 1", "SET autocommit = 1");
      assert.deepEqual(numbers(), ["update 10 12"]);
    });

    it("tell nothing of a connection that was killed", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      await admin.query(`KILL ${one.threadId}`);
      await assert.rejects(run(one, "COMMIT"));
      // The kill came before the COMMIT could: nothing, or what is said to be in doubt.
      assert.ok(told.every(({ outcome }) => outcome === "unknown"));
    });

    it("are in doubt where the connection breaks under a COMMIT", async () => {
      await run(one, "BEGIN", "UPDATE item SET n = 10 WHERE id = 1");
      run(one, "COMMIT").catch(() => {});
      one.destroy();
      (one as unknown as { stream: { destroy(error: Error): void } }).stream.destroy(new Error("cut"));
      await until(() => told.length > 0);
      assert.deepEqual(
        told.map(({ outcome }) => outcome),
        ["unknown"],
      );
    });

    it("take several statements in one string one by one", async () => {
      const [results] = await one
        .promise()
        .query(
          "BEGIN; UPDATE item SET n = 10 WHERE id = 1; INSERT INTO item (n) VALUES (3); SELECT 1 AS one; COMMIT",
        );
      assert.equal((results as unknown[]).length, 5);
      assert.deepEqual((results as unknown[])[3], [{ one: 1 }]);
      assert.deepEqual(numbers(), ["update 1 10", "insert 3"]);
    });

    it("do not hold back what an engine without transactions has done", async () => {
      await run(one, "BEGIN", "INSERT INTO logged (n) VALUES (1)", "ROLLBACK");
      assert.deepEqual(numbers(), ["insert 1"]);
    });

    it("tell of a failure there, for the rows before it stay", async () => {
      await run(one, "BEGIN");
      await assert.rejects(run(one, "INSERT INTO logged (id, n) VALUES (100, 1), (100, 2)"), { errno: 1062 });
      await assert.rejects(run(one, "INSERT INTO logged (id, n) VALUES (100, 1)"), { errno: 1062 });
      await run(one, "ROLLBACK");
      assert.deepEqual(
        told
          .splice(0)
          .map(({ outcome, changes }) => [outcome, changes.map(({ op, table }) => [op, table.name])]),
        [["failure", [["statement", "logged"]]]],
      );
      const [rows] = await admin.query("SELECT n FROM logged WHERE id = 100");
      assert.deepEqual(rows, [{ n: 1 }]);
    });

    it("tell a procedure and a prepared statement as one entry", async () => {
      await run(one, "CALL touch()");
      assert.deepEqual(
        taken(told).map(({ op }) => op),
        ["statement"],
      );
      await one.promise().execute("UPDATE item SET n = ? WHERE id = ?", [5, 1]);
      assert.deepEqual(taken(told), [{ op: "statement", table: "item", rowCount: 1 }]);
    });

    it("tell of code that failed: what it had done before is there", async () => {
      await assert.rejects(run(one, "CALL half()"), { errno: 1062 });
      assert.deepEqual(
        told.splice(0).map(({ outcome, changes }) => [outcome, changes.map(({ op }) => op)]),
        [["failure", ["statement"]]],
      );
      await run(one, "BEGIN");
      await assert.rejects(run(one, "CALL half()"), { errno: 1062 });
      assert.equal(told.length, 0);
      await run(one, "COMMIT");
      assert.deepEqual(
        told.splice(0).map(({ outcome, changes }) => [outcome, changes.map(({ op }) => op)]),
        [["success", ["statement"]]],
      );
      const [rows] = await admin.query("SELECT n FROM item WHERE id = 1");
      assert.deepEqual(rows, [{ n: 3 }]);
      await run(one, "BEGIN");
      await assert.rejects(run(one, "CALL half()"), { errno: 1062 });
      await run(one, "ROLLBACK");
      // Its last word was never understood, and may be a secret.
      await assert.rejects(run(one, "UPDATE item SET name = 'secret"), { errno: 1064 });
      assert.deepEqual(told, []);
    });

    it("see the writes of a stream and of the pool's own query", async () => {
      await new Promise((resolve, reject) => {
        one
          .query("UPDATE item SET n = 10 WHERE id = 1")
          .stream()
          .on("data", () => {})
          .on("end", resolve)
          .on("error", reject);
      });
      assert.deepEqual(numbers(), ["update 1 10"]);
      await pool.promise().query("UPDATE item SET n = 11 WHERE id = 1");
      assert.deepEqual(numbers(), ["update 10 11"]);
    });

    it("tell every row exactly under eight writers on the same rows", async () => {
      const writers = await Promise.all(Array.from({ length: 8 }, acquire));
      await Promise.all(
        writers.map(async (connection) => {
          for (let index = 0; index < 15; index += 1)
            await run(connection, "UPDATE item SET n = n + 1 WHERE id = 1");
        }),
      );
      const steps = taken(told).map((change) => {
        const { before: was, after: now } = change as { before: { n: number }; after: { n: number } };
        return [was.n, now.n];
      });
      const expected = Array.from({ length: 120 }, (_, index) => [index + 1, index + 2]);
      assert.deepEqual(
        steps.toSorted(([a], [b]) => a! - b!),
        expected,
      );
      for (const connection of writers) connection.release();
    });

    it("leave a pool that is no longer captured as it was", async () => {
      undo();
      const never = await acquire();
      const [left, bare] = [one, never].map((connection) =>
        (connection as unknown as { stream: Socket }).stream.listenerCount("close"),
      );
      assert.equal(left, bare);
      await run(one, "UPDATE item SET n = 10 WHERE id = 1");
      assert.deepEqual(told, []);
      assert.equal(Object.hasOwn(one, "addCommand"), false);
    });
  });
}
