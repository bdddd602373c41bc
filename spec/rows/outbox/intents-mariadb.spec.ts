/**
 * Statements that commit by themselves, through an outbox on MariaDB: told before as an intent, and exactly when they
 * have ended.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createConnection, type Connection } from "mysql2/promise";
import type { DataSource } from "typeorm";
import { audit } from "activity-audit";
import { outboxServers } from "../../support/outbox-servers.js";
import { server as mysql } from "../mysql/server.js";
import { brief, outcome, Trail } from "./trail.js";
import { until } from "../../support/until.js";

const [, server] = outboxServers(`audit_intents_${process.pid}`);

const insert = (name: string): string => `INSERT INTO note (name, pin) VALUES ('${name}', '')`;

const setUp = [
  `CREATE PROCEDURE two() BEGIN ${insert("a")}; ${insert("b")}; END`,
  `CREATE PROCEDURE half() BEGIN ${insert("a")}; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more'; END`,
  `CREATE PROCEDURE opens() BEGIN ${insert("a")}; START TRANSACTION; ${insert("b")}; END`,
  `CREATE PROCEDURE slow() BEGIN ${insert("before")}; DO GET_LOCK('intents', 60); DO RELEASE_LOCK('intents'); END`,
];
const plain = "ALTER TABLE note ENGINE = MyISAM";
const list = "SELECT name FROM note ORDER BY id";

/** What is sent on one connection, text by text, and what the records say of it. */
const endings: readonly (readonly [what: string, texts: readonly string[], told: readonly string[]])[] = [
  ["TRUNCATE", [insert("a"), "TRUNCATE note", list], ["CREATE note a success", "TRUNCATE note  success"]],
  [
    "TRUNCATE in a transaction",
    ["BEGIN", insert("a"), "TRUNCATE TABLE note", insert("b"), "ROLLBACK", list],
    ["CREATE note a success", "CREATE note b success", "TRUNCATE note  success"],
  ],
  [
    "TRUNCATE of what is not there",
    ["BEGIN", insert("a"), "TRUNCATE gone", "TRUNCATE note x", "COMMIT"],
    ["CREATE note a success"],
  ],
  [
    "TRUNCATE without autocommit",
    [insert("a"), "SET autocommit = 0", "TRUNCATE note", insert("b"), "COMMIT", list],
    ["CREATE note a success", "TRUNCATE note  success", "CREATE note b success"],
  ],
  ["a procedure", ["CALL two()", list], ["STATEMENT two  success"]],
  [
    "a procedure that leaves a transaction open",
    ["CALL opens()", insert("c"), "COMMIT", list],
    ["STATEMENT opens  success", "CREATE note c success"],
  ],
  ["a block", [`BEGIN NOT ATOMIC ${insert("a")}; ${insert("b")}; END`, list], ["STATEMENT   success"]],
  ["code in a comment", [`/*! ${insert("a")} */`, list], ["STATEMENT   success"]],
  [
    "several at once",
    [`CALL two(); TRUNCATE note; ${insert("c")}; ${list}`],
    ["STATEMENT two  success", "TRUNCATE note  success", "CREATE note c success"],
  ],
  ["a statement that was prepared", [`EXECUTE IMMEDIATE "${insert("a")}"`, list], ["STATEMENT   success"]],
  [
    "a table without transactions",
    [plain, insert("a"), "UPDATE note SET name = 'b'", "DELETE FROM note", list],
    ["CREATE note a success", "UPDATE note b success", "DELETE note b success"],
  ],
  [
    "a transaction of its own choice",
    ["SET TRANSACTION READ ONLY", "CALL two()", list, "TRUNCATE note"],
    ["TRUNCATE note  success"],
  ],
];

/** On one connection. */
async function send(dataSource: DataSource, texts: readonly string[]): Promise<unknown[]> {
  const runner = dataSource.createQueryRunner();
  const seen: unknown[] = [];
  for (const text of texts) seen.push(await outcome(runner.query(text)));
  await runner.query("SET autocommit = 1");
  await runner.release();
  return seen;
}

const client = (): Promise<Connection> =>
  createConnection({ ...mysql, database: String(server!.options.database) });

/** A procedure that has committed something, and goes on when `go` is called. */
async function underWay(dataSource: DataSource): Promise<{ call: Promise<unknown>; go(): Promise<void> }> {
  const gate = await client();
  await gate.query("DO GET_LOCK('intents', 60)");
  const call = audit.run({ actor: { id: 7 }, requestId: "request" }, () =>
    outcome(dataSource.query("CALL slow()")),
  );
  await until(async () => {
    const [rows] = await gate.query(
      "SELECT 1 FROM information_schema.processlist WHERE state = 'User lock' AND db = database()",
    );
    return (rows as unknown[]).length > 0;
  });
  return { call, go: () => gate.end() };
}

describe("intents on MariaDB", { skip: server!.reason ?? false }, () => {
  const trail = new Trail(server!, setUp);

  for (const [what, texts, told] of endings) {
    it(`give the records of ${what} as they are without an outbox`, async () => {
      const { memory, outbox } = await trail.both((dataSource) => send(dataSource, texts));
      assert.deepEqual(outbox.map(brief).toSorted(), [...told].toSorted());
      const whole = (records: typeof outbox): string[] =>
        records.map((record) => JSON.stringify({ ...record, transaction_id: "" })).toSorted();
      assert.deepEqual(whole(outbox), whole(memory));
    });
  }

  it("tell of code that failed when it may have committed something", async () => {
    trail.start();
    const dataSource = await trail.attached();
    assert.deepEqual(await send(dataSource, ["CALL half()", list]), [
      "QueryFailedError: no more",
      [{ name: "a" }],
    ]);
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(
      trail.written().map((record) => [brief(record), record["statement"]]),
      [["STATEMENT half  failure", "CALL half()"]],
    );
    assert.deepEqual(await trail.waiting(), []);
  });

  it("tell of a procedure whose transaction is rolled back that it may have committed something", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const seen = await send(dataSource, ["CALL opens()", "ROLLBACK", list]);
    assert.deepEqual(seen[2], [{ name: "a" }]);
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(trail.written().map(brief), ["STATEMENT opens  unknown"]);
    assert.deepEqual(await trail.waiting(), []);
  });

  it("tell of a statement that failed on a table without transactions, and changed some of it", async () => {
    trail.start();
    const dataSource = await trail.attached();
    await send(dataSource, [plain, `${insert("a")}, ('b', ''), ('a', '')`]);
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(await dataSource.query(list), [{ name: "a" }, { name: "b" }]);
    assert.deepEqual(trail.written().map(brief), ["STATEMENT note  failure"]);
  });

  it("hold what connection.execute changes", async () => {
    const { memory, outbox } = await trail.both(async (dataSource) => {
      const runner = dataSource.createQueryRunner();
      const connection = (await runner.connect()) as { execute: Function };
      const sql = "INSERT INTO note (name, pin) VALUES (?, ?)";
      const seen: unknown[] = [];
      for (const name of ["a", "a", "b"])
        seen.push(
          await outcome(
            new Promise((resolve) =>
              connection.execute(sql, [name, "4711-secret"], (error: unknown) => resolve(String(error))),
            ),
          ),
        );
      await runner.release();
      return seen;
    });
    assert.deepEqual(outbox.map(brief), ["STATEMENT note  success", "STATEMENT note  success"]);
    assert.deepEqual(outbox, memory);
  });

  it("stand in the table while the statement is under way, and are handed on by nobody", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const { call, go } = await underWay(dataSource);
    const waiting = await trail.waiting();
    await audit.flush({ timeoutMs: 120_000 });
    await trail.elsewhere();
    const handedOn = trail.written();
    await go();
    await call;
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(handedOn, []);
    assert.deepEqual(
      [...waiting, ...trail.written()].map((record) => [
        brief(record),
        record["statement"],
        record["request_id"],
      ]),
      [
        ["STATEMENT slow  unknown", "CALL slow()", "request"],
        ["STATEMENT slow  success", "CALL slow()", "request"],
      ],
    );
    assert.deepEqual(await trail.waiting(), []);
    const [locks] = (await dataSource.query("SELECT IS_USED_LOCK('activity_audit') AS held")) as {
      held: unknown;
    }[];
    assert.equal(locks!.held, null);
  });

  it("of a connection that is lost are handed on as they are", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const { call, go } = await underWay(dataSource);
    const admin = await client();
    const [rows] = await admin.query(
      "SELECT id FROM information_schema.processlist WHERE info LIKE 'DO GET_LOCK%60)' AND db = database()",
    );
    for (const { id } of rows as { id: number }[]) await admin.query(`KILL ${id}`);
    await admin.end();
    assert.match(String(await call), /[Cc]onnection/);
    await go().catch(() => {});
    await until(async () => {
      await audit.flush({ timeoutMs: 120_000 });
      return (await trail.waiting()).length === 0;
    });
    assert.deepEqual(trail.written().map(brief), ["STATEMENT slow  unknown"]);
  });

  it("that cannot be written leave the statement as it is, told from memory", async () => {
    trail.start();
    const dataSource = await trail.attached({ createOutbox: false });
    await send(dataSource, ["CALL two()", "TRUNCATE note"]);
    await until(() => trail.written().length >= 2);
    assert.deepEqual(trail.written().map(brief), ["STATEMENT two  success", "TRUNCATE note  success"]);
  });

  it("that cannot be written keep the statement from being sent, if that is asked for", async () => {
    trail.start();
    const dataSource = await trail.attached({ createOutbox: false, onOutboxError: "fail" });
    const seen = await send(dataSource, ["CALL two()", "TRUNCATE note", "CALL two(); TRUNCATE note", list]);
    for (const one of seen.slice(0, 3)) assert.match(String(one), /AUDIT_OUTBOX_FAILED/);
    assert.deepEqual([seen[3], trail.written()], [[], []]);
  });
});
