import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { faultSummaries } from "#dist/health";
import { brief, database, noServer } from "./server.js";

const setUp = `CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 5) AS i;
  CREATE TABLE big (id int PRIMARY KEY, n int); INSERT INTO big SELECT i, 0 FROM generate_series(1, 2500) AS i;`;

/** What the application can see of a result. */
function seen(result: pg.QueryResult | pg.QueryArrayResult): unknown {
  const { command, rowCount, rows, fields } = result;
  return { command, rowCount, rows, fields: fields.map(({ name }) => name) };
}

const all = async (stream: QueryStream): Promise<unknown[]> => {
  const rows: unknown[] = [];
  for await (const row of stream) rows.push(row);
  return rows;
};

const update = "UPDATE t SET n = n + $1 WHERE id = 1";
const change = (from: number, to: number): unknown => [
  "success",
  ["update", "t", { id: 1, n: from }, { id: 1, n: to }],
];

describe("every form of client.query", { skip: noServer }, () => {
  const db = database("client", setUp);

  it("gives what it gives without us, and tells the row", async () => {
    const forms: Record<string, (client: pg.ClientBase) => Promise<unknown>> = {
      text: async (client) => seen(await client.query("UPDATE t SET n = n + 1 WHERE id = 1")),
      "text and values": async (client) => seen(await client.query(update, [1])),
      "a config": async (client) => seen(await client.query({ text: `${update} RETURNING *`, values: [1] })),
      "rows as arrays": async (client) =>
        seen(await client.query({ text: `${update} RETURNING n, id`, values: [1], rowMode: "array" })),
      "a callback": (client) =>
        new Promise((resolve, reject) => {
          client.query(update, [1], (error, result) => (error ? reject(error) : resolve(seen(result))));
        }),
      "a Query object with row events": (client) =>
        new Promise((resolve, reject) => {
          const rows: unknown[] = [];
          const query = new pg.Query({ text: `${update} RETURNING n - n AS zero`, values: [1] });
          assert.equal(client.query(query), query);
          query.on("row", (row) => rows.push(row)).on("error", reject);
          query.on("end", ({ rowCount }) => resolve([rows, rowCount]));
        }),
      "a name, and the name alone": async (client) => {
        const first = seen(
          await client.query({ name: "up", text: `${update} RETURNING n * 0 AS z`, values: [1] }),
        );
        const again = seen(await client.query({ name: "up", values: [-1] } as unknown as pg.QueryConfig));
        return [first, again, seen(await client.query(update, [1]))];
      },
      "a cursor": async (client) => {
        const cursor = client.query(new Cursor(`${update} RETURNING n * 0 AS z`, [1]));
        const rows = [await cursor.read(10), await cursor.read(10)];
        await cursor.close();
        return rows;
      },
      "a stream": (client) => all(client.query(new QueryStream(`${update} RETURNING id`, [1]))),
      "a stream without RETURNING": (client) => all(client.query(new QueryStream(update, [1]))),
    };
    for (const [form, run] of Object.entries(forms)) {
      const plain = await db.plain.connect();
      const expected = await run(plain);
      await plain.query("UPDATE t SET n = 1 WHERE id = 1");
      plain.release(true);
      const { pool, told, undo } = db.audited();
      const client = await pool.connect();
      assert.deepEqual(await run(client), expected, form);
      const named = [change(1, 2), change(2, 1), change(1, 2)];
      assert.deepEqual(brief(told), form.startsWith("a name") ? named : [change(1, 2)], form);
      undo();
      assert.equal(Object.hasOwn(client, "query"), false);
      await client.query("UPDATE t SET n = 1 WHERE id = 1");
      client.release();
    }
  });

  it("streams of more rows than a portal is asked for tell them all", async () => {
    const { pool, told } = db.audited({ limits: { maxRowsPerStatement: 10_000 } });
    const client = await pool.connect();
    assert.deepEqual(await all(client.query(new QueryStream("UPDATE big SET n = $1", [1]))), []);
    const rows = await all(client.query(new QueryStream("UPDATE big SET n = $1 RETURNING id", [2])));
    assert.deepEqual([rows.length, ...told.map(({ changes }) => changes.length)], [2500, 2500, 2500]);
    client.release();
  });

  it("several statements in one text are told one by one, and refused together", async () => {
    const { pool, told } = db.audited();
    const results = (await pool.query(
      "UPDATE t SET n = 7 WHERE id = 2; SELECT 1 AS one; DELETE FROM t WHERE id = 3",
    )) as never;
    assert.deepEqual([results].flat().map(seen), [
      { command: "UPDATE", rowCount: 1, rows: [], fields: [] },
      { command: "SELECT", rowCount: 1, rows: [{ one: 1 }], fields: ["one"] },
      { command: "DELETE", rowCount: 1, rows: [], fields: [] },
    ]);
    await assert.rejects(pool.query("UPDATE t SET n = 8 WHERE id = 2; SELECT 1 / 0"), { code: "22012" });
    await pool.query("BEGIN; UPDATE t SET n = 9 WHERE id = 2; COMMIT; INSERT INTO t VALUES (30, 0)");
    assert.deepEqual(brief(told), [
      ["success", ["update", "t", { id: 2, n: 2 }, { id: 2, n: 7 }], ["delete", "t", { id: 3, n: 3 }, null]],
      ["success", ["update", "t", { id: 2, n: 7 }, { id: 2, n: 9 }]],
      ["success", ["insert", "t", null, { id: 30, n: 0 }]],
    ]);
  });

  it("calls keep their order when one of them takes several steps", async () => {
    const { pool, told } = db.audited();
    const client = await pool.connect();
    const answers = await Promise.all([
      client.query("BEGIN"),
      client.query("UPDATE t SET n = 1 WHERE id = 5"),
      client.query("SELECT n FROM t WHERE id = 5"),
      client.query("TRUNCATE t"),
      client.query("SELECT count(*)::int AS n FROM t"),
      client.query("ROLLBACK"),
      client.query("UPDATE t SET n = 2 WHERE id = 5"),
    ]);
    assert.deepEqual(
      answers.map(({ rows }) => rows[0]?.n),
      [undefined, undefined, 1, undefined, 0, undefined, undefined],
    );
    assert.deepEqual(brief(told), [["success", ["update", "t", { id: 5, n: 5 }, { id: 5, n: 2 }]]]);
    client.release();
  });

  it("a connection with a pipeline is left alone, and that is said", async () => {
    const { pool, told } = db.audited({ pool: { pipeline: true } as pg.PoolConfig });
    const client = await pool.connect();
    const texts = ["BEGIN", "UPDATE t SET n = 0 WHERE id = 4", "SELECT 1 / 0", "COMMIT"];
    const answers = await Promise.allSettled(texts.map((text) => client.query(text)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      ["fulfilled", "fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual(told, []);
    assert.deepEqual(
      faultSummaries().map(({ kind }) => kind),
      ["capture.postgres_client"],
    );
    client.release();
  });

  it("past the limit of rows one entry stands for all", async () => {
    const { pool, told } = db.audited({ limits: { maxRowsPerStatement: 100 } });
    await pool.query("UPDATE big SET n = 3");
    const [{ changes }] = told as [(typeof told)[0]];
    const [{ op, ...rest }] = changes as never as [Record<string, unknown>];
    assert.deepEqual(
      [changes.length, op, rest.verb, rest.rowCount, (rest.first as unknown[]).length, rest.statement],
      [1, "statement", "update", 2500, 20, "UPDATE big SET n = ?"],
    );
  });
});
