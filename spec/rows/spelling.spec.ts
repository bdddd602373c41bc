/**
 * A table that was made under another spelling than its entity has. SQLite does not tell upper from lower case in names, MySQL
 * does not in those of columns: TypeORM works with it, and so must the names, ids and masks of its records.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AuditEntity } from "activity-audit";
import { Column, DataSource, DeleteDateColumn, Entity, JoinTable, ManyToMany, PrimaryColumn } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { mariadb } from "./databases/mariadb.js";
import { sqljs } from "./databases/sqlite.js";
import { captureDecorated } from "./captured.js";

@Entity("ward")
class Ward {
  @PrimaryColumn("int", { name: "ward_id" }) id: number;
}

@Entity("legacy")
@AuditEntity<Legacy>({ mask: ["secretCode"], label: ({ firstName }) => firstName })
class Legacy {
  @PrimaryColumn("int", { name: "legacy_id" }) id: number;
  @Column("varchar", { length: 20 }) firstName: string;
  @Column("varchar", { length: 20 }) secretCode: string;
  @DeleteDateColumn() deletedAt: Date | null;
  @ManyToMany(() => Ward) @JoinTable({ name: "legacy_wards" }) wards: Ward[];
}

for (const { database, table } of [
  { database: sqljs, table: "LEGACY" },
  { database: mariadb, table: "legacy" },
]) {
  describe(`a table of another spelling on ${database.name}`, () => {
    const events: RowEvent[] = [];
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let capture: RowCapture;

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = await new DataSource({
        ...(await database.options()),
        entities: [Ward, Legacy],
      } as never).initialize();
      const join = table === "legacy" ? "legacy_wards" : "LEGACY_WARDS";
      for (const sql of [
        `CREATE TABLE ${table} (LEGACY_ID int PRIMARY KEY, FIRSTNAME varchar(20), SECRETCODE varchar(20), DELETEDAT datetime)`,
        "CREATE TABLE ward (WARD_ID int PRIMARY KEY)",
        `CREATE TABLE ${join} (LEGACYLEGACYID int, WARDWARDID int, PRIMARY KEY (LEGACYLEGACYID, WARDWARDID))`,
      ]) {
        await dataSource.query(sql);
      }
      capture = captureDecorated(dataSource, events);
    });
    after(async () => {
      if (!capture) return;
      capture.undo();
      await database.drop(dataSource);
      await dataSource.destroy();
    });

    it("is told by the names of its entity", async (context) => {
      if (unavailable !== null) return context.skip(unavailable);
      const repository = dataSource.getRepository(Legacy);
      await repository.insert({ id: 1, firstName: "Ann", secretCode: "12345678" });
      await repository.update(1, { firstName: "Bea" });
      await repository.softDelete(1);
      await dataSource.getRepository(Ward).insert({ id: 7 });
      await dataSource.createQueryBuilder().relation(Legacy, "wards").of(1).add(7);
      const fields = ["deletedAt", "firstName", "id", "secretCode"];
      assert.deepEqual(
        events.map(({ type, model, id, label, before: was, after: now }) => {
          return {
            type,
            model,
            id,
            label,
            fields: [was, now].map((row) => row && Object.keys(row).toSorted()),
          };
        }),
        [
          { type: "CREATE", model: "Legacy", id: "1", label: "Ann", fields: [null, fields] },
          { type: "UPDATE", model: "Legacy", id: "1", label: "Bea", fields: [fields, fields] },
          { type: "SOFT_DELETE", model: "Legacy", id: "1", label: "Bea", fields: [fields, fields] },
          {
            type: "CREATE",
            model: "legacy_wards",
            id: '{"legacyLegacyId":1,"wardWardId":7}',
            label: null,
            fields: [null, ["legacyLegacyId", "wardWardId"]],
          },
          { type: "LINK", model: "Legacy", id: "1", label: null, fields: [null, ["wards"]] },
        ],
      );
      assert.deepEqual(events.at(-1)!.after, { wards: { id: 7 } });
    });
  });
}
