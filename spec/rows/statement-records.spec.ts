import "reflect-metadata";
import { portable } from "#dist/capture/typeorm/portable";
import { mariadb, mysqlStandIn } from "./databases/mariadb.js";
import { postgres } from "./databases/postgres.js";
import { betterSqlite3, sqljs } from "./databases/sqlite.js";
import { describeStatementRecords, type StatementCase } from "./statement-records.js";

const gone = "[REDACTED]";
const secret = "s3cret-Value";

const mysqlCases: Record<string, StatementCase> = {
  "holds the values that the driver wrote into it, and hides those of hidden columns": {
    sql: "UPDATE account a JOIN account b ON a.id = b.id SET a.name = ?, a.hash = ?, a.phone = ?, b.visits = b.visits + ? WHERE a.id = ?",
    values: ["C'id", secret, "+1 555 123 4567", 2, 1],
    record: {
      message: "STATEMENT event for Account (rows: 2)",
      row_count: 2,
      statement:
        "UPDATE account a JOIN account b ON a.id = b.id SET a.name = ?, a.hash = ?, a.phone = ?, b.visits = b.visits + ? WHERE a.id = ?",
      parameters: ["C'id", gone, "***567", 2, 1],
      redacted: ["/parameters/1", "/parameters/2"],
    },
  },
  "hides a value whose column cannot be told": {
    sql: "UPDATE account a, (SELECT ? AS s, 1 AS i) b SET a.hash = b.s WHERE a.id = b.i AND a.visits >= 0",
    values: [secret],
    record: {
      message: "STATEMENT event for Account (rows: 1)",
      row_count: 1,
      statement:
        "UPDATE account a, (SELECT ? AS s, ? AS i) b SET a.hash = b.s WHERE a.id = b.i AND a.visits >= ?",
      parameters: [gone, gone, gone],
      redacted: ["/parameters/0", "/parameters/1", "/parameters/2"],
    },
  },
};

for (const database of [mariadb, mysqlStandIn]) describeStatementRecords(database, mysqlCases);

const bulk = (...ids: string[]): Record<string, StatementCase> => ({
  "of a bulk write holds the criteria's values": {
    sql: "UPDATE account SET hash = ? WHERE name IN (?, ?)",
    values: [secret, "Ann", "Bob"],
    record: {
      message: "UPDATE event for Account (rows: 2)",
      event_type: "UPDATE",
      row_count: 2,
      instance_ids: ids,
      statement: "UPDATE account SET hash = ? WHERE name IN (?, ?)",
      parameters: [gone, "Ann", "Bob"],
      redacted: ["/parameters/0"],
    },
  },
});

// MariaDB's images stop at the limit of rows, which is one here.
describeStatementRecords(mariadb, bulk("1"));
for (const database of [sqljs, betterSqlite3]) describeStatementRecords(database, bulk("1", "2"));

/* Raw SQL is not seen there, so the statement is a builder's. */
for (const [database, number] of [
  [sqljs, (): string => "?"],
  [postgres, (place: number): string => `$${place}`],
] as const) {
  describeStatementRecords(
    { ...database, name: `${database.name} (portable)`, family: portable },
    {
      "of a bulk write by a builder holds the criteria's values": {
        run: (dataSource) =>
          dataSource
            .createQueryBuilder()
            .update("account")
            .set({ hash: secret, name: "Cid" })
            .where('"name" IN (:...names) AND "name" <> :not', { names: ["Ann", "Bob"], not: "Zed" })
            .execute(),
        record: {
          message: "UPDATE event for Account (rows: 2)",
          event_type: "UPDATE",
          row_count: 2,
          instance_ids: ["1", "2"],
          statement: `UPDATE "account" SET "hash" = ${number(1)}, "name" = ${number(2)} WHERE "name" IN (${number(3)}, ${number(4)}) AND "name" <> ${number(5)}`,
          parameters: [gone, "Cid", "Ann", "Bob", "Zed"],
          redacted: ["/parameters/0"],
        },
      },
    },
  );
}
