/**
 * Statements that may commit by themselves, through an outbox on PostgreSQL: told before as an intent, and exactly when
 * they have ended.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pg from "pg";
import type { DataSource } from "typeorm";
import { audit } from "activity-audit";
import { outboxServers } from "../../support/outbox-servers.js";
import { server as postgres } from "../postgres/server.js";
import type { WrittenRecord } from "../../support/schema.js";
import { brief, faults, outcome, Trail } from "./trail.js";
import { until } from "../../support/until.js";

const [server] = outboxServers(`audit_intents_${process.pid}`);

const setUp = [
  "CREATE TABLE other (id int PRIMARY KEY)",
  `CREATE PROCEDURE two(a text, b text) LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO note (name) VALUES (a); COMMIT; INSERT INTO note (name) VALUES (b); END $$`,
  `CREATE PROCEDURE half(a text) LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO note (name) VALUES (a); COMMIT; RAISE 'no more'; END $$`,
  `CREATE PROCEDURE slow() LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO note (name) VALUES ('before'); COMMIT; PERFORM pg_advisory_xact_lock(4711); END $$`,
];

const insert = (name: string): string => `INSERT INTO note (name) VALUES ('${name}')`;

/** What is sent on one connection, text by text, and what the records say of it. */
const endings: readonly (readonly [what: string, texts: readonly string[], told: readonly string[]])[] = [
  ["a transaction in one piece", [`BEGIN; ${insert("a")}; COMMIT`], ["CREATE note a success"]],
  [
    "what rolls back and goes on",
    [`BEGIN; ${insert("x")}; ROLLBACK; BEGIN; ${insert("a")}; COMMIT; ${insert("b")}`],
    ["CREATE note a success", "CREATE note b success"],
  ],
  [
    "what fails behind its COMMIT",
    [`${insert("a")}; COMMIT; BEGIN; ${insert("x")}; ${insert("a")}; COMMIT`, "ROLLBACK", insert("b")],
    ["CREATE note a success", "CREATE note b success"],
  ],
  ["what commits nothing", [`BEGIN; ${insert("x")}; ROLLBACK`, `BEGIN; ${insert("x")}; x`, "ROLLBACK"], []],
  [
    "what leaves a transaction open that is committed",
    [`${insert("a")}; COMMIT; BEGIN; ${insert("b")}`, insert("c"), "SELECT count(*) FROM note", "COMMIT"],
    ["CREATE note b success", "CREATE note c success", "CREATE note a success"],
  ],
  [
    "what leaves a transaction open that is rolled back",
    [`${insert("a")}; COMMIT; BEGIN; ${insert("x")}`, insert("y"), "ROLLBACK", insert("b")],
    ["CREATE note a success", "CREATE note b success"],
  ],
  [
    "what begins in a transaction",
    ["BEGIN", insert("a"), "COMMIT; BEGIN", insert("b"), `${insert("c")}; COMMIT; ${insert("d")}`],
    // What its own statements change is told from memory.
    ["c", "d", "a", "b"].map((name) => `CREATE note ${name} success`),
  ],
  ["a procedure", ["CALL two('a', 'b')", "TABLE note"], ["STATEMENT *  success"]],
  [
    "a procedure in a transaction",
    ["BEGIN", "CALL two('a', 'b')", "ROLLBACK", "CALL gone()", "CALL two('a', 'b')"],
    ["STATEMENT *  success"],
  ],
  [
    "a block of code",
    [`DO $$ BEGIN ${insert("a")}; COMMIT; ${insert("b")}; END $$`, "TABLE note"],
    ["STATEMENT *  success"],
  ],
  ["a block of code that cannot commit and fails", [`DO $$ BEGIN ${insert("x")}; RAISE 'no'; END $$`], []],
  [
    "a prepared statement",
    [`PREPARE p AS ${insert("a")}`, "EXECUTE p", "EXECUTE p", "EXECUTE gone", "DISCARD ALL", "EXECUTE p"],
    ["STATEMENT *  success"],
  ],
  ["what is no SQL", ["BEGIN; INSERT INTO note VALUES; COMMIT", "frobnicate"], []],
];

/** Those of transactions that an intent waits for come behind. */
const inOrder = (records: readonly WrittenRecord[]): WrittenRecord[] =>
  records
    .toSorted((one, other) => Number(one["instance_id"]) - Number(other["instance_id"]))
    .map((record) => ({ ...record, transaction_id: "" }));

async function client(database = String(server!.options.database)): Promise<pg.Client> {
  const one = new pg.Client({ ...postgres, database });
  await one.connect();
  return one;
}

async function administer(text: string): Promise<void> {
  const one = await client("postgres");
  await one.query(text);
  await one.end();
}

/** On one connection. */
async function send(dataSource: DataSource, texts: readonly string[]): Promise<unknown[]> {
  const runner = dataSource.createQueryRunner();
  const seen: unknown[] = [];
  for (const text of texts) seen.push(await outcome(runner.query(text)));
  await runner.release();
  return seen;
}

/** A procedure that has committed something, and goes on when `go` is called. */
async function underWay(dataSource: DataSource): Promise<{ call: Promise<unknown>; go(): Promise<void> }> {
  const gate = await client();
  await gate.query("SELECT pg_advisory_lock(4711)");
  const call = audit.run({ actor: { id: 7 }, requestId: "request" }, () =>
    outcome(dataSource.query("CALL slow()")),
  );
  await until(async () => {
    const { rows } = await gate.query(
      "SELECT 1 FROM pg_locks JOIN pg_database ON oid = database AND datname = current_database() WHERE objid = 4711 AND NOT granted",
    );
    return rows.length > 0;
  });
  return { call, go: () => gate.end() };
}

describe("intents on PostgreSQL", { skip: server!.reason ?? false }, () => {
  const trail = new Trail(server!, setUp);

  for (const [what, texts, told] of endings) {
    it(`give the records of ${what} as they are without an outbox`, async () => {
      const { memory, outbox } = await trail.both((dataSource) => send(dataSource, texts));
      assert.deepEqual(outbox.map(brief), told);
      assert.deepEqual(inOrder(outbox), inOrder(memory));
    });
  }

  it("give what the server refuses in another form as the statement that it is", async () => {
    trail.start();
    const dataSource = await trail.attached();
    await send(dataSource, [insert("a")]);
    // Nobody told us: under this rule the server takes no RETURNING.
    const other = await client();
    await other.query("CREATE RULE x AS ON INSERT TO note WHERE new.name = 'x' DO INSTEAD NOTHING");
    await other.end();
    assert.deepEqual(await send(dataSource, [`BEGIN; ${insert("b")}; COMMIT`, "SELECT name FROM note"]), [
      null,
      [{ name: "a" }, { name: "b" }],
    ]);
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(
      trail.written().map((record) => [brief(record), record["row_count"]]),
      [
        ["CREATE note a success", undefined],
        ["CREATE note  success", 1],
      ],
    );
    assert.deepEqual(await trail.waiting(), []);
    assert.deepEqual(faults(), ["capture.postgres_rewrite"]);
  });

  it("do not have a text sent again of which something was committed that has no record", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const texts = [
      "INSERT INTO other SELECT count(*) FROM other; COMMIT; UPDATE note SET missing = 1",
      "SELECT id FROM other",
    ];
    const [error, rows] = await send(dataSource, texts);
    assert.match(String(error), /column "missing" .* does not exist/);
    assert.deepEqual(rows, [{ id: 0 }]);
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual([trail.written(), await trail.waiting()], [[], []]);
  });

  it("tell of code that failed when it may have committed something", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const seen = await send(dataSource, ["CALL half('a')"]);
    assert.deepEqual(seen, ["QueryFailedError: no more"]);
    await audit.flush({ timeoutMs: 120_000 });
    const [only, ...more] = trail.written();
    assert.deepEqual(more, []);
    assert.deepEqual(
      [brief(only!), only!.statement, only!.row_count],
      ["STATEMENT *  failure", "CALL half(?)", undefined],
    );
    assert.deepEqual(await trail.waiting(), []);
  });

  it("stand in the table while the statement is under way, and are handed on by nobody", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const { call, go } = await underWay(dataSource);
    const [intent, ...more] = await trail.waiting();
    await audit.flush({ timeoutMs: 120_000 });
    await trail.elsewhere();
    const handedOn = trail.written();
    await go();
    const seen = await call;
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(seen, []);
    assert.deepEqual([more, handedOn], [[], []]);
    assert.deepEqual(
      [brief(intent!), intent!.statement, intent!.user, intent!.request_id],
      ["STATEMENT *  unknown", "CALL slow()", { id: 7 }, "request"],
    );
    const { timestamp, record_id, transaction_id, ...rest } = intent!;
    const [only, ...others] = trail.written();
    assert.deepEqual(others, []);
    assert.notEqual(only!.record_id, record_id);
    assert.deepEqual(only, {
      ...rest,
      timestamp: only!.timestamp,
      record_id: only!.record_id,
      transaction_id: only!.transaction_id,
      outcome: "success",
    });
    assert.ok(timestamp <= only!.timestamp && transaction_id !== only!.transaction_id);
    assert.deepEqual(await trail.waiting(), []);
  });

  it("of a connection that is lost are handed on as they are", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const { call, go } = await underWay(dataSource);
    await administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'CALL slow()'");
    assert.match(String(await call), /terminat/);
    await go();
    await until(async () => {
      await audit.flush({ timeoutMs: 120_000 });
      return (await trail.waiting()).length === 0;
    });
    assert.deepEqual(trail.written().map(brief), ["STATEMENT *  unknown"]);
  });

  it("leave no lock, and no transaction, on the connection", async () => {
    trail.start();
    const dataSource = await trail.attached();
    const runner = dataSource.createQueryRunner();
    for (const text of ["CALL two('a', 'b')", `BEGIN; ${insert("c")}; COMMIT; x`, "CALL half('d')"])
      await outcome(runner.query(text));
    const held = await runner.query(
      "SELECT locktype FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'",
    );
    await runner.release();
    assert.deepEqual(held, []);
  });

  it("that cannot be written leave the statement as it is, told from memory", async () => {
    trail.start();
    const dataSource = await trail.attached({ createOutbox: false });
    const seen = await send(dataSource, ["CALL two('a', 'b')", `BEGIN; ${insert("c")}; COMMIT`]);
    assert.deepEqual(seen, [[], null]);
    await until(() => trail.written().length >= 2);
    assert.deepEqual(trail.written().map(brief), ["STATEMENT *  success", "CREATE note c success"]);
  });

  it("that cannot be written keep the statement from being sent, if that is asked for", async () => {
    trail.start();
    const dataSource = await trail.attached({ createOutbox: false, onOutboxError: "fail" });
    const seen = await send(dataSource, [
      "CALL two('a', 'b')",
      `BEGIN; ${insert("c")}; COMMIT`,
      "TABLE note",
    ]);
    assert.match(String(seen[0]), /AUDIT_OUTBOX_FAILED/);
    assert.match(String(seen[1]), /AUDIT_OUTBOX_FAILED/);
    assert.deepEqual(seen[2], []);
    assert.deepEqual(trail.written(), []);
  });

  it("that cannot be replaced give their records from memory, and are not told themselves", async () => {
    trail.start();
    const dataSource = await trail.attached();
    // The intent is written; then the role may write no more.
    const drop = "ALTER TABLE audit_outbox ADD CHECK (substr(id::text, 15, 1) = '8') NOT VALID";
    const { call, go } = await underWay(dataSource);
    const admin = await client();
    await admin.query(drop);
    await go();
    assert.deepEqual(await call, []);
    await admin.end();
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(trail.written().map(brief), ["STATEMENT *  success"]);
    assert.deepEqual(await trail.waiting(), []);
    assert.ok(audit.health().faults.some(({ kind }) => kind === "outbox.write"));
  });
});
