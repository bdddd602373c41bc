import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { faultSummaries } from "#dist/health";
import { database, noServer, type Told } from "./server.js";
import { asTruth, truth, watch } from "./truth.js";

const setUp = `
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'where');
  CREATE TABLE t (id int PRIMARY KEY, n int, "where" text DEFAULT 'd', big bigint, price numeric(12,3), m mood,
    tags text[], js json, jb jsonb, by bytea, at timestamptz, "Col Ünï" text, gen int GENERATED ALWAYS AS (n * 2) STORED);
  CREATE TABLE pair (a int, b text, v int, PRIMARY KEY (a, b));
  CREATE TABLE "Select" (id uuid PRIMARY KEY DEFAULT '00000000-0000-0000-0000-0000000000ff', "returning" text, u int UNIQUE);
  CREATE TABLE keyless (x int, y text);
  CREATE TABLE owner (id int PRIMARY KEY, name text UNIQUE);
  CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owner ON DELETE CASCADE);
  CREATE TABLE named (id int PRIMARY KEY, name text REFERENCES owner (name) ON UPDATE CASCADE ON DELETE SET NULL);
  CREATE TABLE part (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
  CREATE TABLE part_0 PARTITION OF part FOR VALUES IN (0);
  CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1, 2, 3, 4);`;

const fill = `
  INSERT INTO t (id, n, big, price, m, tags, js, jb, by, at, "Col Ünï")
    SELECT i, i % 4, 9007199254740990 + i, i * 1.10, (ARRAY['sad', 'ok', 'where'])[i % 3 + 1]::mood, ARRAY['a', NULL, 'b"c'],
      '{"b": 1.5, "c": [100, null], "a": 12345678901234567890}', '{"x": {"y": 0.1}}', '\\x00ff10',
      '2026-01-01 00:00:00.123456+00', E'line\\nbreak '' "quoted" \\\\ ünï 😀'
    FROM generate_series(1, 8) AS i;
  INSERT INTO pair SELECT i, 'b' || i % 2, i FROM generate_series(1, 6) AS i;
  INSERT INTO "Select" (id, "returning", u) SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, 'r' || i, i FROM generate_series(1, 5) AS i;
  INSERT INTO keyless SELECT i / 2, 'y' FROM generate_series(1, 4) AS i;
  INSERT INTO owner SELECT i, 'o' || i FROM generate_series(1, 4) AS i;
  INSERT INTO owned SELECT i, i % 4 + 1 FROM generate_series(1, 8) AS i;
  INSERT INTO named SELECT i, 'o' || (i % 3 + 1) FROM generate_series(1, 8) AS i;
  INSERT INTO part SELECT i, i % 3, 'v' FROM generate_series(1, 6) AS i;`;

const tables = ["t", "pair", '"Select"', "keyless", "owner", "owned", "named", "part"];

/** What may stand between any two words of a statement. */
const gap = fc.constantFrom(
  " ",
  "\n",
  " /* WHERE 1 = 0 */ ",
  " -- RETURNING *\n",
  " /* nested /* ' */ \" */ ",
  "\t",
  " /* ; -- */ ",
  " -- ; $$ ' /*\n",
  "\r\n",
);

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Parts of a statement: `?` stands for the next parameter. */
interface Part {
  readonly sql: string;
  readonly values?: unknown[];
}

const part = (sql: string, ...values: unknown[]): Part => ({ sql, values });

const setOfT = fc.constantFrom(
  part("n = n + 1"),
  part("n = ?", 3),
  part('"where" = ?', "WHERE id = 1 -- '"),
  part("\"where\" = 'it''s $1 -- WHERE'"),
  part('"where" = $tag$ WHERE false; RETURNING $tag$'),
  part("\"where\" = E'\\' WHERE 1=1 --'"),
  part("big = big + ?::bigint, price = price / 3", 2),
  part("m = 'where', tags = ARRAY[?, 'x']", "t"),
  part("js = ?, jb = jsonb_set(jb, '{x,y}', '12345678901234567890')", '{"k": 1.5}'),
  part("\"Col Ünï\" = U&\"Col \\00dcn\\00ef\" || 'ß😀', at = at + interval '1 second'"),
  part('(n, "where") = (SELECT max(u), \'sub\' FROM "Select" WHERE u < 4)'),
  part("n = DEFAULT, by = NULL"),
  part("n = CASE WHEN id % 2 = 0 THEN ? ELSE n END", 9),
  part("id = id + ?", 100),
  part("n = (SELECT count(*) FROM pair WHERE pair.a = t.id)"),
);

const whereOfT = fc.constantFrom(
  part("id = ?", 3),
  part("id IN (?, ?, ?)", 1, 2, 99),
  part("n = 1 OR n IS NULL"),
  part("\"where\" = 'd' AND NOT id > ?", 5),
  part("t.id BETWEEN 2 AND 6"),
  part("public.t.id = 4"),
  part("id = ANY (?::int[])", [1, 5, 7]),
  part("EXISTS (SELECT 1 FROM pair WHERE pair.a = t.id AND pair.v > ?)", 2),
  part("id IN (SELECT a FROM pair WHERE b = ? ORDER BY a LIMIT 2)", "b1"),
  part("m IS DISTINCT FROM 'where' AND n IN (1, 2)"),
  part("(id, n) IN ((1, 1), (2, 2))"),
  part("\"Col Ünï\" LIKE '%ünï%' AND id < 4"),
  part("tags @> ARRAY['a'] AND jb @> '{}' AND id > 6"),
  part("false"),
  part("id = ? AND n = ?", 1, 1),
);

const returningOfT = fc.constantFrom<Part | null>(
  null,
  part("*"),
  part("id, n AS where"),
  part('t.*, "where" AS returning, ?::text AS given', "p"),
  part("id * 2 AS double, gen"),
  part("to_json(t) AS whole"),
);

function compose(parts: readonly (Part | string | null)[], gaps: readonly string[]): Statement {
  const values: unknown[] = [];
  let index = 0;
  let text = "";
  for (const one of parts) {
    if (one === null) continue;
    const { sql, values: given = [] } = typeof one === "string" ? part(one) : one;
    let next = 0;
    const numbered = sql.replace(/\?/g, () => {
      values.push(given[next]);
      next += 1;
      return `$${values.length}`;
    });
    text += (text === "" ? "" : gaps[index % gaps.length]) + numbered;
    index += 1;
  }
  return { text, values };
}

const gaps = fc.array(gap, { minLength: 6, maxLength: 6 });
const ending = fc.constantFrom("", ";", " -- the end", " /* the end */ ;", "\n;\n");

const updates = fc
  .tuple(setOfT, fc.option(whereOfT), returningOfT, gaps, ending, fc.constantFrom("t", '"t"', "public.t"))
  .map(([set, where, returning, between, end, name]) => {
    const parts = ["UPDATE", name, "SET", set, where && "WHERE", where, returning && "RETURNING", returning];
    const { text, values } = compose(parts, between);
    return { text: text + end, values };
  });

const deletes = fc.tuple(whereOfT, returningOfT, gaps, ending).map(([where, returning, between, end]) => {
  const { text, values } = compose(
    ["DELETE FROM t WHERE", where, returning && "RETURNING", returning],
    between,
  );
  return { text: text + end, values };
});

const others: fc.Arbitrary<Statement> = fc.constantFrom(
  { text: "UPDATE t AS x SET n = y.v FROM pair y WHERE x.id = y.a RETURNING x.id, y.v", values: [] },
  {
    text: "UPDATE t x SET n = v.n FROM (VALUES (1, 10), (2, 20), (2, 30)) AS v(id, n) WHERE x.id = v.id AND v.n < $1 RETURNING *",
    values: [25],
  },
  {
    text: "UPDATE t SET n = u.n FROM unnest($1::int[], $2::int[]) AS u(id, n) WHERE t.id = u.id",
    values: [
      [1, 2],
      [7, 8],
    ],
  },
  {
    text: "UPDATE t SET n = a.v FROM pair a JOIN pair b ON a.a = b.a AND a.b = b.b LEFT JOIN owner o ON o.id = a.a WHERE t.id = a.a",
    values: [],
  },
  { text: "UPDATE t SET n = 1 FROM pair", values: [] },
  {
    text: "UPDATE t SET n = 5 FROM (SELECT a FROM pair ORDER BY a LIMIT 2) AS p WHERE t.id = p.a",
    values: [],
  },
  {
    text: "WITH w AS (SELECT id FROM t WHERE n = 1 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) UPDATE t SET n = 5 FROM w WHERE t.id = w.id RETURNING t.id",
    values: [1],
  },
  { text: "UPDATE t SET n = new.v FROM pair AS new WHERE new.a = t.id", values: [] },
  {
    text: "UPDATE t SET n = 5 FROM generate_series(1, 3) AS g(i) WHERE t.id = g.i -- WHERE false",
    values: [],
  },
  { text: "UPDATE t SET n = random() * 0 + 1 WHERE id = 1", values: [] },
  {
    text: "WITH w AS (SELECT a FROM pair WHERE v > $1) UPDATE t SET n = 0 WHERE id IN (SELECT a FROM w) RETURNING id",
    values: [3],
  },
  { text: "WITH t AS (SELECT 1 AS id) UPDATE t SET n = 0 WHERE id IN (SELECT id FROM t)", values: [] },
  {
    text: "WITH w AS (UPDATE pair SET v = 0 WHERE a = 1 RETURNING a) UPDATE t SET n = 0 WHERE id IN (SELECT a FROM w)",
    values: [],
  },
  { text: "WITH w AS (DELETE FROM pair RETURNING *) SELECT count(*) FROM w", values: [] },
  { text: "UPDATE ONLY t SET n = 0 WHERE id = 2", values: [] },
  { text: "UPDATE pair SET v = v + 1 WHERE (a, b) IN (($1, $2))", values: [1, "b1"] },
  { text: "UPDATE pair SET a = a + 100, b = 'q' RETURNING *", values: [] },
  {
    text: 'UPDATE "Select" SET "returning" = \'where\', u = -u WHERE "Select".returning <> $1 RETURNING "Select".returning, u',
    values: ["r1"],
  },
  { text: "UPDATE keyless SET x = x + 1 WHERE y = 'y'", values: [] },
  { text: "DELETE FROM keyless WHERE x = 1", values: [] },
  { text: "DELETE FROM t AS d USING pair p WHERE d.id = p.a AND p.v > $1 RETURNING d.id, p.*", values: [2] },
  { text: "DELETE FROM pair", values: [] },
  { text: "INSERT INTO t (id, n) VALUES ($1, $2), ($3, DEFAULT)", values: [50, 1, 51] },
  { text: "INSERT INTO t (id, big) VALUES (60, 9223372036854775807) RETURNING *", values: [] },
  {
    text: 'INSERT INTO t (id, n) SELECT a + 200, v FROM pair WHERE v > $1 RETURNING id AS "where"',
    values: [2],
  },
  {
    text: "INSERT INTO t AS i (id, n) VALUES (1, 50), (70, 51) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE i.n <> 1000 RETURNING i.id, i.n",
    values: [],
  },
  { text: "INSERT INTO t (id, n) VALUES (1, 50), (71, 51) ON CONFLICT DO NOTHING RETURNING id", values: [] },
  {
    text: "INSERT INTO t (id, n) VALUES (1, 50), (2, 51) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE t.id = 2 OR false",
    values: [],
  },
  {
    text: 'INSERT INTO "Select" (u, "returning") VALUES ($1, \'x\'), ($2, \'y\') ON CONFLICT (u) DO UPDATE SET "returning" = excluded.returning || \'z\', u = "Select".u + 10',
    values: [1, 77],
  },
  {
    text: "INSERT INTO t (id, n) VALUES (1, 1), (1, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
    values: [],
  },
  {
    text: "INSERT INTO part VALUES (1, 1, 'again'), (20, 0, 'new'), (3, 0, 'again') ON CONFLICT (id, k) DO UPDATE SET v = excluded.v RETURNING *",
    values: [],
  },
  { text: "UPDATE part SET k = 5 - k, v = 'changed' WHERE k > 0 AND id < $1", values: [5] },
  { text: "DELETE FROM part WHERE k = 1 RETURNING v", values: [] },
  { text: "UPDATE part_1 SET v = 'direct'", values: [] },
  { text: "DELETE FROM owner WHERE id IN (1, 2) RETURNING name", values: [] },
  { text: "DELETE FROM owner", values: [] },
  { text: "UPDATE owner SET name = name || $1 WHERE id <= $2", values: ["x", 2] },
  { text: "UPDATE owner SET id = id WHERE id = 1", values: [] },
  { text: "TRUNCATE owned", values: [] },
  { text: "TRUNCATE owner CASCADE", values: [] },
  { text: "INSERT INTO t (id) VALUES (1)", values: [] },
  { text: "UPDATE t SET nope = 1 WHERE id = 1", values: [] },
  { text: "UPDATE t SET n = 'x' || $1 WHERE id = 1", values: ["y"] },
  { text: "UPDATE t SET n = 1 WHERE nope = 1 RETURNING id", values: [] },
  { text: "UPDATE t SET n = 1 / (id - 3)", values: [] },
  { text: "UPDATE t SET n = 1 WHER id = 1", values: [] },
  { text: "DELETE FROM t WHERE id = 1 RETURNING nope", values: [] },
  { text: "INSERT INTO owned VALUES (99, 12345)", values: [] },
  {
    text: "UPDATE t SET n = 1 WHERE id = 2; DELETE FROM pair WHERE a = 1; SELECT 1 AS one; INSERT INTO keyless VALUES (1, 'z')",
    values: [],
  },
  { text: "UPDATE t SET n = 1 WHERE id = 2 RETURNING id; UPDATE t SET n = 1 / 0", values: [] },
  { text: "DO $do$ BEGIN UPDATE t SET n = 0; END $do$", values: [] },
  { text: "EXPLAIN (COSTS OFF) UPDATE t SET n = 0", values: [] },
  {
    text: "MERGE INTO t USING pair p ON t.id = p.a WHEN MATCHED THEN UPDATE SET n = p.v WHEN NOT MATCHED THEN INSERT (id) VALUES (p.a + 1000)",
    values: [],
  },
);

interface Outcome {
  readonly result: unknown;
  readonly dump: string[];
}

/** Runs the statement and looks at all tables, and leaves them as they were. */
async function outcomeOf(
  client: pg.ClientBase,
  statement: Statement,
  look: pg.ClientBase = client,
): Promise<Outcome> {
  await client.query("SAVEPOINT before");
  let result: unknown;
  try {
    const answer = await client.query({ ...statement, rowMode: "array" });
    result = [answer].flat().map(({ command, rowCount, rows, fields }) => ({
      command,
      rowCount,
      rows: rows.map((row) => JSON.stringify(row)).toSorted(),
      fields: fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
    }));
  } catch (error) {
    const { message, code, position, detail, hint, constraint } = error as pg.DatabaseError;
    await client.query("ROLLBACK TO before");
    result = { message, code, position, detail, hint, constraint };
  }
  const dump: string[] = [];
  for (const table of tables) {
    const { rows } = await look.query(`SELECT row_to_json(one.*)::text AS row FROM ${table} one`);
    dump.push(...rows.map(({ row }) => `${table} ${row}`).toSorted());
  }
  return { result, dump };
}

describe("a rewritten statement", { skip: noServer }, () => {
  const db = database("same", setUp);

  it("does what the original does, to rows, results and errors, and tells exactly the rows it changed", async () => {
    await watch(db.plain);
    await db.plain.query(fill);
    await truth(db.plain);
    const told: Told[] = [];
    const { pool } = db.audited({ told });
    const plain = await db.plain.connect();
    const audited = await pool.connect();
    const exact = { told: 0, counted: 0 };

    const property = fc.asyncProperty(
      fc.oneof(
        { weight: 3, arbitrary: updates },
        { weight: 1, arbitrary: deletes },
        { weight: 3, arbitrary: others },
      ),
      async (statement) => {
        // A sequence or a generated key would differ between two runs; none of these statements has one.
        await plain.query("BEGIN");
        const expected = await outcomeOf(plain, statement);
        await plain.query("ROLLBACK");
        await audited.query("BEGIN");
        const found = await outcomeOf(audited, statement, audited);
        assert.deepEqual(found, expected, statement.text);
        const changed = await audited.query("SELECT name, op, old, new FROM truth");
        const before = told.length;
        await audited.query("COMMIT");
        const mine = told.slice(before);
        const many = mine.some(({ changes }) =>
          changes.some(({ op }) => op === "statement" || op === "truncate"),
        );
        if (many) exact.counted += 1;
        else {
          exact.told += changed.rows.length;
          const real = await truth(db.plain);
          assert.deepEqual(asTruth(mine), real, statement.text);
        }
        await db.plain.query(`TRUNCATE ${tables.join(", ")}, truth; ${fill} TRUNCATE truth`);
      },
    );
    const runs = Number(process.env.ACTIVITY_AUDIT_RUNS ?? 80);
    try {
      await fc.assert(property, { numRuns: runs, endOnFailure: true });
    } finally {
      plain.release(true);
      audited.release(true);
    }
    assert.ok(exact.told > runs / 2, `only ${exact.told} rows were told`);
    assert.deepEqual(faultSummaries(), []);
  });
});
