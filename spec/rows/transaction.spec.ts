import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FamilyLimits, RowChange } from "#dist/capture/typeorm/family";
import { TransactionBuffer } from "#dist/capture/typeorm/transaction";
import { withoutValues } from "#dist/capture/typeorm/statement-text";

const limits: FamilyLimits = { maxRowsPerStatement: 3, maxImageBytes: 10_000, prepare: false };

const row = (n: number): RowChange => ({
  op: "insert",
  table: { schema: null, name: "t" },
  before: null,
  after: { n },
  context: undefined,
});

function buffer(own = limits): { transaction: TransactionBuffer; add: (...rows: number[]) => void } {
  const transaction = new TransactionBuffer(own);
  transaction.begin();
  return {
    transaction,
    add: (...rows) => transaction.add({ changes: rows.map(row), statement: "INSERT INTO t VALUES (?)" }),
  };
}

const numbers = (changes: readonly RowChange[]): unknown[] =>
  changes.map(
    (change) => change.after?.["n"] ?? (change.op === "statement" ? `many ${change.rowCount}` : null),
  );

describe("the changes of one open transaction", () => {
  it("are told in order at commit, and only once", () => {
    const { transaction, add } = buffer();
    add(1);
    add(2, 3);
    assert.deepEqual(numbers(transaction.commit()), [1, 2, 3]);
    assert.deepEqual(transaction.commit(), []);
    assert.equal(transaction.open, false);
  });

  it("are gone after a rollback", () => {
    const { transaction, add } = buffer();
    add(1);
    transaction.rollback();
    transaction.begin();
    add(2);
    assert.deepEqual(numbers(transaction.commit()), [2]);
  });

  it("keep what was changed before a savepoint that is rolled back to, and what follows", () => {
    const { transaction, add } = buffer();
    add(1);
    transaction.savepoint("a");
    add(2);
    transaction.rollbackTo("a");
    add(3);
    transaction.rollbackTo("a");
    add(4);
    assert.deepEqual(numbers(transaction.commit()), [1, 4]);
  });

  it("lose all inner savepoints with an outer one", () => {
    const { transaction, add } = buffer();
    transaction.savepoint("a");
    add(1);
    transaction.savepoint("b");
    add(2);
    transaction.release("b");
    transaction.rollbackTo("a");
    assert.deepEqual(numbers(transaction.commit()), []);
  });

  it("hide a savepoint behind a younger one of the same name", () => {
    const { transaction, add } = buffer();
    transaction.savepoint("s");
    add(1);
    transaction.savepoint("s");
    add(2);
    transaction.rollbackTo("s");
    transaction.release("s");
    add(3);
    assert.deepEqual(numbers(transaction.commit()), [1, 3]);
  });

  it("move a savepoint of the same name where the database does", () => {
    const { transaction, add } = buffer();
    transaction.savepoint("s");
    add(1);
    transaction.savepoint("s", { replace: true });
    add(2);
    transaction.rollbackTo("s");
    assert.deepEqual(numbers(transaction.commit()), [1]);
  });

  it("are all told when the transaction is committed with savepoints still open", () => {
    const { transaction, add } = buffer();
    add(1);
    transaction.savepoint("s");
    add(2);
    assert.deepEqual(numbers(transaction.commit()), [1, 2]);
  });

  it("are counted beyond the limit of rows a statement", () => {
    const { transaction, add } = buffer();
    add(1);
    add(2, 3, 4, 5);
    assert.deepEqual(numbers(transaction.commit()), [1, "many 4"]);
  });

  it("are counted once their images need more bytes than allowed", () => {
    const { transaction, add } = buffer({ ...limits, maxImageBytes: 200 });
    add(1, 2);
    add(3, 4);
    assert.deepEqual(numbers(transaction.commit()), [1, 2, "many 2"]);
  });
});

describe("a statement in a record", () => {
  for (const [sql, expected] of [
    ["UPDATE t SET a = 'it''s', b=-1.5e3 WHERE c2 = $1", "UPDATE t SET a = ?, b=-? WHERE c2 = $1"],
    ["SELECT 1 -- 'secret'\n, /* x */ \"na'me\", E'a\\'b', $q$ se'cret $q$", 'SELECT ? , "na\'me", ?, ?'],
    ["INSERT INTO [o'k] VALUES (X'00ff', NULL)", "INSERT INTO [o'k] VALUES (?, NULL)"],
  ] as const) {
    it(`has no values: ${JSON.stringify(expected)}`, () => assert.equal(withoutValues(sql), expected));
  }

  it("takes a backslash for what it is in the dialect", () => {
    assert.equal(withoutValues(String.raw`VALUES ('C:\', 'secret')`), "VALUES (?, ?)");
    assert.equal(withoutValues(String.raw`VALUES ('a\', b', "it's") # '`, "mysql"), "VALUES (?, ?)");
  });
});
