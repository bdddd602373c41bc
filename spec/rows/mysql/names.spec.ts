/**
 * Which table a name means: through views, and where the server does not tell upper from lower case.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AuditEntity } from "activity-audit";
import { createPool, type Pool } from "mysql2";
import type { Connection } from "mysql2/promise";
import { Column, DataSource, Entity, JoinTable, ManyToMany, PrimaryColumn } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { capture, dropDatabase, freshDatabase, server, skipReason, taken } from "./server.js";
import { captureDecorated } from "../captured.js";

const tables = [
  "CREATE TABLE item (id int PRIMARY KEY, n int)",
  "CREATE TABLE other (id int PRIMARY KEY, n int)",
  "INSERT INTO other VALUES (1, 1)",
  "CREATE VIEW some AS SELECT id, n FROM item WHERE id < 100",
  "CREATE VIEW few AS SELECT id, n FROM some WHERE id < 10",
];

const elsewhere = `audit_names_elsewhere_${process.pid}`;

@Entity("patient")
@AuditEntity({ reads: true })
class Here {
  @PrimaryColumn("int") id: number;
}

/** A table of the same name in another database. */
@Entity({ name: "patient", database: elsewhere })
@AuditEntity({ reads: true })
class There {
  @PrimaryColumn("int") number: number;
  @Column("int") n: number;
  @ManyToMany(() => Here, { createForeignKeyConstraints: false })
  @JoinTable({ name: "both", database: elsewhere })
  others: Here[];
}

describe("names of tables on MariaDB", { skip: skipReason() }, () => {
  const database = `audit_names_${process.pid}`;
  let admin: Connection;
  let pool: Pool;

  before(async () => {
    admin = await freshDatabase(database, tables);
    pool = createPool({ ...server, database, connectionLimit: 1 });
  });

  after(async () => {
    pool.end();
    await dropDatabase(admin, database);
  });

  it("a write to a view, or to a view of a view, is told of the recorded table below it", async () => {
    const { told, undo } = capture(pool, database, { includes: ({ name }) => name === "item" });
    for (const sql of [
      "INSERT INTO few VALUES (1, 1)",
      "UPDATE some SET n = 2",
      "UPDATE few JOIN other ON other.id = few.id SET few.n = 3",
      "DELETE FROM few",
    ]) {
      await pool.promise().query(sql);
    }
    undo();
    const statement = { op: "statement", table: "item", rowCount: 1 };
    assert.deepEqual(taken(told), [statement, statement, statement, statement]);
  });

  it("a table has the name of its entity where the server folds names", async () => {
    const { told, undo } = capture(pool, database, {
      adjust: (settings) => ({ ...settings, foldsNames: true }),
      entities: ["Item"],
      includes: ({ schema, name }) => schema === null && name === "Item",
    });
    await pool.promise().query(`INSERT INTO ${database}.item VALUES (2, 1)`);
    undo();
    assert.deepEqual(taken(told), [{ op: "insert", table: "Item", after: { id: 2, n: 1 } }]);
  });

  it("a temporary table hides the one of its name, for as long as it is there", async () => {
    await admin.query("DELETE FROM item");
    const { told, undo } = capture(pool, database, { includes: ({ name }) => name === "item" });
    for (const made of [
      ["CREATE TEMPORARY TABLE item (id int, n int)"],
      ["CREATE OR REPLACE TEMPORARY TABLE item (id int, n int)"],
      ["CREATE TEMPORARY TABLE item (id int)", "ALTER TABLE item ADD COLUMN n int"],
    ]) {
      for (const drop of ["DROP TEMPORARY TABLE IF EXISTS item", "DROP TABLE nothing, item"]) {
        if (drop.includes("nothing")) await admin.query("CREATE TABLE nothing (id int)");
        for (const sql of [...made, "INSERT INTO item VALUES (1, 1)", "DELETE FROM item", drop]) {
          await pool.promise().query(sql);
        }
        assert.deepEqual(taken(told), []);
        await pool.promise().query("INSERT INTO item VALUES (1, 1)");
        assert.deepEqual(
          taken(told),
          [{ op: "insert", table: "item", after: { id: 1, n: 1 } }],
          `${made} … ${drop}`,
        );
        await admin.query("DELETE FROM item");
      }
    }
    undo();
  });

  it("tables of the same name in two databases are two entities, whatever is done to them", async () => {
    const second = await freshDatabase(elsewhere, []);
    const dataSource = await new DataSource({
      type: "mariadb",
      host: server.host,
      port: server.port,
      username: server.user,
      password: server.password,
      database,
      entities: [Here, There],
      synchronize: true,
    }).initialize();
    const events: RowEvent[] = [];
    const running = captureDecorated(dataSource, events);
    await dataSource.getRepository(Here).insert({ id: 1 });
    await dataSource.getRepository(There).insert({ number: 2, n: 2 });
    await dataSource.createQueryBuilder().relation(There, "others").of(2).add(1);
    await dataSource.getRepository(Here).find();
    await dataSource.getRepository(There).find();
    running.undo();
    await dataSource.destroy();
    await dropDatabase(second, elsewhere);
    const there = { model: "There", table: `${elsewhere}.patient`, after: null };
    assert.deepEqual(
      events.map(({ type, model, table, after: now, ids }) => ({ type, model, table, after: now, ids })),
      [
        { type: "CREATE", model: "Here", table: "patient", after: { id: 1 }, ids: undefined },
        { ...there, type: "CREATE", after: { number: 2, n: 2 }, ids: undefined },
        {
          type: "CREATE",
          model: "both",
          table: `${elsewhere}.both`,
          after: { patientNumber: 2, patientId: 1 },
          ids: undefined,
        },
        { ...there, type: "LINK", after: { others: { id: 1 } }, ids: undefined },
        { type: "READ", model: "Here", table: "patient", after: null, ids: ["1"] },
        { ...there, type: "READ", ids: ["2"] },
      ],
    );
  });
});
