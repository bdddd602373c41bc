import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type pg from "pg";
import { faultSummaries } from "#dist/health";
import { database, noServer } from "./server.js";
import { asTruth, truth, watch } from "./truth.js";

const WRITERS = 8;
const ROUNDS = Number(process.env.ACTIVITY_AUDIT_ROUNDS ?? 20);

/**
 * An UPDATE of several rows takes its locks in the order in which they happen to lie, and so deadlocks at times,
 * without us too. An application tries again.
 */
async function again(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      assert.equal((error as pg.DatabaseError).code, "40P01");
    }
  }
}

const works: Record<string, (client: pg.ClientBase, writer: number, round: number) => Promise<unknown>> = {
  "one hot row": (client) => client.query("UPDATE hot SET n = n + 1 WHERE id = 1"),
  "four hot rows": (client) => again(() => client.query("UPDATE hot SET n = n + 1 WHERE id BETWEEN 1 AND 4")),
  "rows that leave their own WHERE": (client, writer) =>
    again(() => client.query("UPDATE hot SET state = $1 WHERE state <> $1 AND id > 4", [writer % 3])),
  "an upsert of one key": (client, writer) =>
    client.query("INSERT INTO keyed VALUES ('k', $1) ON CONFLICT (key) DO UPDATE SET n = keyed.n + 1", [
      writer,
    ]),
  "an upsert against deletes of the same key": (client, writer, round) =>
    (writer + round) % 3 === 0
      ? client.query("DELETE FROM keyed WHERE key = 'gone'")
      : client.query("INSERT INTO keyed VALUES ('gone', 0) ON CONFLICT (key) DO UPDATE SET n = keyed.n + 1"),
  "children that come while their parent goes": async (client, writer, round) => {
    const id = round % 5;
    if (writer === 0) return client.query("DELETE FROM parent WHERE id = $1", [id]);
    await client.query("INSERT INTO parent VALUES ($1) ON CONFLICT DO NOTHING", [id]);
    // The parent may be gone by now: that is the application's error, with us as without us.
    return client
      .query("INSERT INTO child (parent) VALUES ($1)", [id])
      .catch((error: pg.DatabaseError) => assert.equal(error.code, "23503"));
  },
};

const withoutChildren = (lines: string): string =>
  lines
    .split("\n")
    .filter((line) => !line.startsWith("delete child") && !line.startsWith("statement child"))
    .join("\n");

/**
 * All that happened is told, transaction by transaction. A parent that came after we had locked and before the DELETE
 * looked is deleted with its children unseen by us; then a statement record says of the table that rows may be missing,
 * and only that transaction may lack them.
 */
function assertTold(told: string[], happened: string[]): void {
  const declared = told.filter((lines) => lines.includes("statement child"));
  const left = [...happened];
  for (const lines of told.filter((one) => !declared.includes(one))) {
    const index = left.indexOf(lines);
    assert.ok(index >= 0, `told, and did not happen:\n${lines}`);
    left.splice(index, 1);
  }
  assert.deepEqual(left.map(withoutChildren).toSorted(), declared.map(withoutChildren).toSorted());
}

describe("eight writers on the same rows", { skip: noServer }, () => {
  const db = database(
    "contention",
    `CREATE TABLE hot (id int PRIMARY KEY, n int DEFAULT 0, state int DEFAULT 0);
     INSERT INTO hot SELECT i FROM generate_series(1, 12) AS i;
     CREATE TABLE keyed (key text PRIMARY KEY, n int);
     CREATE TABLE parent (id int PRIMARY KEY);
     CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);`,
  );

  it("lose no update, and are told with exact images", async (t) => {
    await watch(db.plain);
    for (const [name, work] of Object.entries(works)) {
      await t.test(name, async () => {
        const { pool, told, undo } = db.audited({ pool: { max: WRITERS } });
        const { rows: start } = await db.plain.query("SELECT sum(n)::int AS n FROM hot");
        await Promise.all(
          Array.from({ length: WRITERS }, async (_, writer) => {
            const client = await pool.connect();
            for (let round = 0; round < ROUNDS; round += 1) await work(client, writer, round);
            client.release();
          }),
        );
        undo();
        assertTold(asTruth(told), await truth(db.plain));
        const { rows: end } = await db.plain.query("SELECT sum(n)::int AS n FROM hot");
        const rows = { "one hot row": 1, "four hot rows": 4 }[name] ?? 0;
        assert.equal(end[0].n - start[0].n, rows * WRITERS * ROUNDS);
      });
    }
    assert.deepEqual(faultSummaries(), []);
  });
});
