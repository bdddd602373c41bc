import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { scan, splitStatements, type Dialect } from "#dist/capture/typeorm/mysql/scan";
import { splice } from "#dist/capture/typeorm/mysql/splice";
import { readStatement } from "#dist/capture/typeorm/mysql/statement";

const usual: Dialect = { ansiQuotes: false, plainBackslash: false };
const texts = (sql: string, dialect = usual): string[] | undefined =>
  scan(sql, dialect)?.map(({ text }) => text);

const into = (sql: string, text: string): string | null => {
  const list = scan(sql, usual)!;
  const statement = readStatement({ sql, list });
  assert.equal(statement.kind, "update");
  return statement.kind === "update" ? splice(sql, list, [{ after: statement.set.last, text }], usual) : null;
};

const kindOf = (sql: string): string => readStatement({ sql, list: scan(sql, usual)! }).kind;

describe("reading a statement of MySQL", () => {
  it("takes no comment for code", () => {
    assert.deepEqual(texts("SELECT 1 -- x\n+ 2 # y\n/* z */ - 3 --\t"), ["SELECT", "1", "+", "2", "-", "3"]);
  });

  it("takes two dashes without a space for two minus signs", () => {
    assert.deepEqual(texts("5--3"), ["5", "-", "-", "3"]);
  });

  it("finds the end of strings by backslashes and doubled quotes", () => {
    assert.deepEqual(texts(String.raw`'a\'b' 'c''d' "e""f" 'g\\' h`), [
      String.raw`'a\'b'`,
      "'c''d'",
      '"e""f"',
      String.raw`'g\\'`,
      "H",
    ]);
  });

  it("follows NO_BACKSLASH_ESCAPES and ANSI_QUOTES", () => {
    assert.deepEqual(texts(String.raw`'a\' b`, { ...usual, plainBackslash: true }), [String.raw`'a\'`, "B"]);
    const names = scan('"a\\"', { ansiQuotes: true, plainBackslash: false });
    assert.equal(names?.[0]?.kind, "name");
  });

  it("gives up on a quote or comment that does not end, and on code in comments", () => {
    for (const sql of [
      "'abc''def",
      "`a",
      "/* x",
      "SELECT /*! 1 */",
      "SELECT /*M!100100 1 */",
      "SELECT 1 \0",
    ]) {
      assert.equal(scan(sql, usual), null, sql);
    }
  });

  it("does not run out of stack on a string of megabytes", () => {
    assert.equal(scan(`SELECT '${"x\\'".repeat(2_000_000)}'`, usual)?.length, 2);
  });

  it("takes a no-break space for a part of a name, as the server does", () => {
    assert.deepEqual(texts("a\u00a0b"), ["A\u00a0B"]);
  });

  it("splits several statements, but not at a semicolon in a string", () => {
    assert.equal(splitStatements(scan("SELECT ';'; ; SELECT 2;", usual)!).length, 2);
  });
});

describe("putting text into a statement", () => {
  it("leaves a WHERE behind a comment where it is", () => {
    assert.equal(
      into("UPDATE t SET x = 1 -- note\nWHERE id = 5", ", y = 2"),
      "UPDATE t SET x = 1 , y = 2 -- note\nWHERE id = 5",
    );
  });

  it("keeps apart what must not grow together", () => {
    assert.equal(
      into("UPDATE t SET x = 'a'WHERE id = 5", ", y = 2"),
      "UPDATE t SET x = 'a' , y = 2 WHERE id = 5",
    );
    assert.equal(
      into("UPDATE t SET x = 1/**/WHERE id = 5", ", y = 2"),
      "UPDATE t SET x = 1 , y = 2 /**/WHERE id = 5",
    );
  });

  it("refuses text that swallows what follows", () => {
    assert.equal(into("UPDATE t SET x = 1 WHERE id = 5", ", y = 2 --"), null);
    assert.equal(into("UPDATE t SET x = 1 WHERE id = 5", ", y = 'open"), null);
  });
});

describe("telling what a statement is", () => {
  for (const [sql, kind] of [
    ["START TRANSACTION READ WRITE", "begin"],
    ["BEGIN", "begin"],
    ["BEGIN NOT ATOMIC UPDATE t SET a = 1; END", "opaque"],
    ["ROLLBACK WORK TO SAVEPOINT s", "rollbackTo"],
    ["ROLLBACK AND CHAIN", "rollback"],
    ["RELEASE SAVEPOINT s", "release"],
    ["TRUNCATE t", "truncate"],
    ["CREATE TEMPORARY TABLE IF NOT EXISTS t (a INT)", "definition"],
    ["UPDATE a JOIN b ON a.id = b.id SET a.x = 1, b.y = 2", "opaque"],
    ["UPDATE `update` `set` SET `set`.`where` = 'limit'", "update"],
    ["UPDATE t SET a = (SELECT MAX(b) FROM u WHERE u.c = 1 LIMIT 1)", "update"],
    ["DELETE a FROM a JOIN b ON a.id = b.id", "opaque"],
    ["DELETE FROM db.t WHERE `limit` = 1 ORDER BY id LIMIT 1", "delete"],
    ["WITH c AS (SELECT 1) SELECT * FROM c", "other"],
    ["WITH c AS (SELECT 1) DELETE FROM t", "opaque"],
    ["SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1", "opaque"],
    ["SET @a = 1", "other"],
    ["LOAD DATA INFILE 'x' INTO TABLE t", "opaque"],
  ] as const) {
    it(`${sql} → ${kind}`, () => assert.equal(kindOf(sql), kind));
  }
});
