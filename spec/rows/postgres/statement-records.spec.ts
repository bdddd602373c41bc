import "reflect-metadata";
import { postgres } from "../databases/postgres.js";
import { describeStatementRecords } from "../statement-records.js";

const gone = "[REDACTED]";
const secret = "s3cret-Value";

describeStatementRecords(postgres, {
  "of a bulk write holds the criteria's values": {
    sql: "UPDATE account SET visits = visits + $1, hash = $2 WHERE name IN ($3, $4) OR id > $5",
    values: [1, secret, "Ann", "Bob", 0],
    record: {
      message: "UPDATE event for Account (rows: 2)",
      event_type: "UPDATE",
      row_count: 2,
      instance_ids: ["1", "2"],
      statement: "UPDATE account SET visits = visits + $1, hash = $2 WHERE name IN ($3, $4) OR id > $5",
      parameters: [1, gone, "Ann", "Bob", 0],
      redacted: ["/parameters/1"],
    },
  },
  "holds its values, and hides those of hidden columns": {
    sql: `WITH w AS (UPDATE account SET name = $1, hash = md5($2), diagnosis = $3, phone = $4, note = $5, visits = 7
      WHERE id > 0 RETURNING id) SELECT count(*) FROM w`,
    values: ["Cid", secret, secret, "+1 555 123 4567", secret],
    record: {
      message: "STATEMENT event for Account",
      statement:
        "WITH w AS (UPDATE account SET name = $1, hash = md5($2), diagnosis = $3, phone = $4, note = $5, visits = ? WHERE id > ? RETURNING id) SELECT count(*) FROM w",
      parameters: ["Cid", gone, gone, "***567", gone],
      redacted: ["/parameters/1", "/parameters/2", "/parameters/3", "/parameters/4"],
    },
  },
  "hides a value whose column cannot be told, but for what hides nothing": {
    sql: `WITH n(s, x) AS (VALUES ($1, $2::text)), w AS (UPDATE account SET hash = n.s FROM n WHERE name = n.x RETURNING 1)
      SELECT count(*) FROM w LIMIT $3`,
    values: [secret, null, 10],
    record: {
      message: "STATEMENT event for Account",
      statement:
        "WITH n(s, x) AS (VALUES ($1, $2::text)), w AS (UPDATE account SET hash = n.s FROM n WHERE name = n.x RETURNING ?) SELECT count(*) FROM w LIMIT $3",
      parameters: [gone, null, 10],
      redacted: ["/parameters/0"],
    },
  },
  "hides all where the text names a column that the redactor knows": {
    sql: "WITH w AS (INSERT INTO account (name, visits) SELECT 'token = ' || password, $1 FROM (SELECT $2::text AS password) AS p WHERE false RETURNING 1) SELECT 1",
    values: [3, secret],
    record: {
      message: "STATEMENT event for Account",
      statement:
        "WITH w AS (INSERT INTO account (name, visits) SELECT ? || password, $1 FROM (SELECT $2::text AS password) AS p WHERE false RETURNING ?) SELECT ?",
      parameters: [gone, gone],
      redacted: ["/parameters/0", "/parameters/1"],
    },
  },
  "hides a secret by its form in a column that is not hidden": {
    sql: "MERGE INTO account USING (SELECT 1) AS s ON account.id = 1 WHEN MATCHED THEN UPDATE SET name = $1, visits = $2",
    values: [
      "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
      4,
    ],
    record: {
      message: "STATEMENT event for Account (rows: 1)",
      row_count: 1,
      statement:
        "MERGE INTO account USING (SELECT ?) AS s ON account.id = ? WHEN MATCHED THEN UPDATE SET name = $1, visits = $2",
      parameters: [`Bearer ${gone}`, 4],
      redacted: ["/parameters/0#jwt"],
    },
  },
  "of a block of code has none of its values": {
    sql: "DO $$ BEGIN UPDATE account SET hash = 's3cret-Value'; END $$",
    record: {
      message: "STATEMENT event for *",
      model: "*",
      table: "*",
      statement: "DO ?",
    },
  },
});
