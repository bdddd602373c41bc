import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { boundParameters, writtenParameters, type Values } from "#dist/capture/typeorm/parameters";
import { withoutValues, type Quoting } from "#dist/capture/typeorm/statement-text";

const columns = (sql: string, values: Values, quoting: Quoting = "postgres", base = 1): unknown[] =>
  boundParameters(sql, values, quoting, base).map((one) => one.columns);

describe("the column of a parameter", () => {
  for (const [sql, expected] of [
    ["UPDATE t SET a = $1, b = lower($2) WHERE c = $3", [["a"], ["b"], ["c"]]],
    [
      'UPDATE "s"."t" AS x SET "A" = $1, x.b = coalesce(b, $2), c = 1 WHERE x."B" <> $3',
      [["a"], ["b"], null],
    ],
    ['INSERT INTO s.t (a, "b", c) VALUES ($1, $2, 3), (DEFAULT, f($3, 2), $1)', [["a", "c"], ["b"], ["b"]]],
    ["INSERT INTO t (a, b) SELECT $1, $2 FROM u WHERE b = $3", [null, null, null]],
    ["INSERT INTO t VALUES ($1, $2)", [null, null]],
    [
      "INSERT INTO t (a) VALUES ($1) ON CONFLICT (b) DO UPDATE SET c = $2, d = excluded.d || $3 WHERE t.e >= $4 RETURNING f",
      [["a"], ["c"], ["d"], ["e"]],
    ],
    ["UPDATE t SET a = CASE WHEN b = $1 THEN $2 ELSE c END WHERE d = 1", [["a", "b"], ["a"]]],
    ["UPDATE t SET (a, b) = ($1, $2), c = $3", [null, null, ["c"]]],
    ["UPDATE t SET a = (SELECT b FROM u WHERE c = $1) WHERE d = $2", [["a"], null]],
    [
      "DELETE FROM t WHERE a IN ($1, $2) AND NOT b BETWEEN $3 AND $4 OR c = ANY ($5)",
      [["a"], ["a"], ["b"], ["b"], ["c"]],
    ],
    [
      "DELETE FROM t WHERE a || b = $1 AND lower(c) = $2 AND d NOT LIKE $3 AND e = lower($4)",
      [null, null, ["d"], null],
    ],
    ["DELETE FROM t WHERE f(a => $1) OR $2 = a", [null, null]],
    ["DELETE FROM t WHERE id = $1 LIMIT $2 OFFSET $3", [["id"], [], []]],
    ["WITH w(a) AS (SELECT secret FROM t) DELETE FROM t USING w WHERE w.a = $1", [null]],
    ["WITH w AS (INSERT INTO t (a, b) VALUES ($1, $2)) UPDATE u SET c = $3", [["a"], ["b"], ["c"]]],
    [
      "MERGE INTO t USING (VALUES ($1, $2)) AS s(a, b) ON a = s.a WHEN MATCHED THEN UPDATE SET b = $3 WHEN NOT MATCHED THEN INSERT (a, b) VALUES ($4, s.b)",
      [null, null, ["b"], ["a"]],
    ],
    ["CALL p($1, b => $2)", [null, null]],
    ["UPDATE t SET a = '$2', b = $q$ $3 $q$ /* $4 */ WHERE c = $1 -- $5", [["c"], null]],
    ["UPDATE t SET a = $1; DELETE FROM t WHERE $2", [["a"], null]],
  ] as const) {
    it(sql, () => {
      const values = Array.from({ length: expected.length }, (_, index) => index);
      assert.deepEqual(columns(sql, values), expected);
    });
  }

  it("is found by the placeholders of each dialect", () => {
    const [a, b] = [["a"], ["b"]];
    assert.deepEqual(columns("UPDATE t SET a = ?, `b` = ?", [1, 2], "standard"), [a, b]);
    assert.deepEqual(columns("UPDATE t SET a = ?2, [b] = ?1", [1, 2], "standard"), [b, a]);
    assert.deepEqual(columns("UPDATE t SET a = :x, b = @y", { ":x": 1, y: 2 }, "standard"), [a, b]);
    assert.deepEqual(columns("UPDATE t SET a = @0, b = @1", [1, 2], "standard", 0), [a, b]);
    assert.deepEqual(columns("UPDATE t SET a = :1, b = :2", [1, 2], "standard"), [a, b]);
    assert.deepEqual(columns("UPDATE t SET a = c::int + ?", [1], "standard"), [a]);
  });
});

describe("the values of a statement", () => {
  it("are plain copies of limited size and number", () => {
    const many = Array.from({ length: 250 }, (_, index) => index);
    const told = boundParameters("SELECT 1", many);
    assert.equal(told.length, 101);
    assert.deepEqual(told.at(-1), { value: { $clipped: "array", length: 250 }, columns: [] });
    const values = [Buffer.alloc(9), new Date(0), 10n ** 20n, "x".repeat(3000), undefined, { a: { b: [1] } }];
    assert.deepEqual(
      boundParameters("SELECT 1", values).map(({ value }) => value),
      [
        { $binary: 9 },
        "1970-01-01T00:00:00.000Z",
        "100000000000000000000",
        { $clipped: "string", length: 3000 },
        null,
        { a: { b: [1] } },
      ],
    );
  });

  it("are read from the text, where a driver puts them there: one for each question mark", () => {
    const sql = String.raw`UPDATE a JOIN b SET a.x = 'it''s \'q\' \n', b.y = -1.5, z = X'00ff', w = NULL WHERE a.id IN (9007199254740993, "d""q")`;
    assert.equal(
      withoutValues(sql, "mysql"),
      "UPDATE a JOIN b SET a.x = ?, b.y = -?, z = ?, w = NULL WHERE a.id IN (?, ?)",
    );
    assert.deepEqual(writtenParameters(sql, "mysql"), [
      { value: "it's 'q' \n", columns: ["x"] },
      { value: 1.5, columns: ["y"] },
      { value: { $binary: 2 }, columns: ["z"] },
      { value: "9007199254740993", columns: ["id"] },
      { value: 'd"q', columns: ["id"] },
    ]);
    assert.deepEqual(
      writtenParameters("UPDATE t SET a = ?, b = 2 WHERE c = ?", "mysql", [1, 3]).map(({ value }) => value),
      [1, 2, 3],
    );
  });

  it("stand whole in a text of megabytes, and are taken out whole", () => {
    const long = "it''s \\\\ ".repeat(500_000);
    for (const quoting of ["standard", "postgres", "mysql", "mysql-plain"] as const) {
      assert.equal(
        withoutValues(`UPDATE t SET a = '${long}' WHERE b = 2`, quoting),
        "UPDATE t SET a = ? WHERE b = ?",
      );
    }
  });

  it("are values, too, where they are written as hexadecimal or binary numbers", () => {
    const sql = "UPDATE t SET a = 0xDEADBEEF, b = 0b101 WHERE c = 0Xff";
    for (const quoting of ["standard", "postgres", "mysql", "mysql-plain"] as const) {
      assert.equal(withoutValues(sql, quoting), "UPDATE t SET a = ?, b = ? WHERE c = ?");
    }
    assert.deepEqual(writtenParameters(sql, "mysql"), [
      { value: { $binary: 4 }, columns: ["a"] },
      { value: "0b101", columns: ["b"] },
      { value: { $binary: 1 }, columns: ["c"] },
    ]);
  });

  it("are not taken for names where brackets are no quotes", () => {
    assert.equal(withoutValues("UPDATE t SET a = ARRAY['secret']", "postgres"), "UPDATE t SET a = ARRAY[?]");
    assert.equal(withoutValues(String.raw`SET a = 'a\', b = 'secret'`, "mysql-plain"), "SET a = ?, b = ?");
  });
});
