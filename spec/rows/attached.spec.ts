/**
 * What `audit.attach(dataSource)` promises beyond single rows, on each database, as it stands in the files: every table
 * where that is asked for, bounds of rows and bytes, reads with their ids up to a limit.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import log4js from "log4js";
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from "typeorm";
import { audit, AuditEntity, auditLogging, type AuditOptions } from "activity-audit";
import { assertRecords, type WrittenRecord } from "../support/schema.js";
import { mariadb } from "./databases/mariadb.js";
import { postgres } from "./databases/postgres.js";
import { betterSqlite3, sqljs } from "./databases/sqlite.js";
import type { Database } from "./operations/operation.js";

@Entity()
@AuditEntity<Note>({ reads: true })
class Note {
  @PrimaryGeneratedColumn() id: number;
  @Column("text") text: string;
}

@Entity()
class Unnoticed {
  @PrimaryGeneratedColumn() id: number;
  @Column("int") n: number;
}

/** Longer than any image in these specs may be. */
const LONG = "x".repeat(10_000);

for (const database of [sqljs, betterSqlite3, postgres, mariadb]) describeAttached(database);

const told = ({ event_type, table, model, instance_id }: WrittenRecord) => [
  event_type,
  table,
  model,
  instance_id,
];

/** A row of each table, by an entity where there is one. */
async function writeAll(dataSource: DataSource): Promise<void> {
  await dataSource.getRepository(Note).save({ text: "a" });
  await dataSource.getRepository(Unnoticed).save({ n: 1 });
  await dataSource.query("INSERT INTO bare (a, b) VALUES (1, 2)");
  await dataSource.query("DELETE FROM bare");
}

function describeAttached(database: Database): void {
  describe(`a DataSource that is attached, on ${database.name}`, () => {
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let directory: string;

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = new DataSource({ ...(await database.options()), entities: [Note, Unnoticed] } as never);
      await dataSource.initialize();
      await dataSource.synchronize();
      await dataSource.query("CREATE TABLE bare (a int PRIMARY KEY, b int)");
    });
    after(async () => {
      if (unavailable !== null) return;
      await database.drop(dataSource);
      await dataSource.destroy();
    });
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), "attached-"));
      log4js.configure(auditLogging({ directory, console: false }));
    });
    afterEach(async () => {
      await audit.stop();
      await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
      rmSync(directory, { recursive: true });
    });

    const spec = (name: string, work: () => Promise<void>): void => {
      it(name, async (context) => {
        if (unavailable !== null) return context.skip(unavailable);
        await work();
        assert.deepEqual(audit.health().faults, []);
      });
    };
    const start = (rows: AuditOptions["rows"] = {}, tables: "decorated" | "all" = "decorated"): void => {
      audit.start({ serviceName: "spec", rows });
      audit.attach(dataSource, { tables });
    };
    const rows = async (): Promise<WrittenRecord[]> => {
      await audit.flush();
      const records = assertRecords(readFileSync(join(directory, "audit.log"), "utf8"));
      return records.filter(({ name }) => name === "audit.crud");
    };
    const fill = async (count: number): Promise<void> => {
      await audit.ignore(async () => {
        await dataSource.query("DELETE FROM note");
        for (let done = 0; done < count; done += 100)
          await dataSource.getRepository(Note).insert(Array.from({ length: 100 }, () => ({ text: "short" })));
      });
    };

    spec("is recorded by its decorated entities, or in every table where that is asked for", async () => {
      start();
      await writeAll(dataSource);
      const decorated = await rows();
      await audit.stop();
      start({}, "all");
      await writeAll(dataSource);
      assert.deepEqual(decorated.filter(({ event_type }) => event_type !== "READ").map(told), [
        ["CREATE", "note", "Note", decorated[0]!["instance_id"]],
      ]);
      const all = (await rows()).slice(decorated.length).filter(({ event_type }) => event_type !== "READ");
      assert.deepEqual(
        all.map((record) => told(record).slice(0, 3)),
        [
          ["CREATE", "note", "Note"],
          ["CREATE", "unnoticed", "Unnoticed"],
          ["CREATE", "bare", "bare"],
          ["DELETE", "bare", "bare"],
        ],
      );
      assert.deepEqual(
        all.slice(2).map(({ instance_repr }) => instance_repr),
        [
          { a: 1, b: 2 },
          { a: 1, b: 2 },
        ],
      );
    });

    spec(
      "holds no more images of a statement than it may, by bytes, and counts the rows all the same",
      async () => {
        await fill(100);
        const first = await audit.ignore(() =>
          dataSource.getRepository(Note).findOneByOrFail({ text: "short" }),
        );
        start({ maxImageBytes: 200_000 });
        await dataSource.query(`UPDATE note SET text = '${LONG}'`);
        await dataSource.query("UPDATE note SET text = 'short again'");
        await dataSource.query(`UPDATE note SET text = 'few' WHERE id = ${first.id}`);
        const [large, back, few, ...others] = await rows();
        assert.deepEqual(others, []);
        for (const record of [large!, back!]) {
          assert.deepEqual(
            [record["event_type"], record["row_count"], record["instance_repr"]],
            ["UPDATE", 100, null],
          );
          assert.equal(record["instance_ids"].length, 20);
          assert.ok(JSON.stringify(record).length < 5000, "no image is in it");
        }
        assert.deepEqual(few!["changed_fields"], { text: { from: "short again", to: "few" } });
      },
    );

    spec("holds no more images of a transaction than it may, and tells what was before", async () => {
      await fill(100);
      start({ maxImageBytes: 200_000 });
      await dataSource.transaction(async (manager) => {
        const notes = await audit.ignore(() => manager.find(Note, { order: { id: "ASC" } }));
        for (const { id } of notes.slice(0, 30)) await manager.update(Note, { id }, { text: LONG });
      });
      const records = await rows();
      const whole = records.filter(({ row_count: count }) => count === undefined);
      const counted = records.filter(({ row_count: count }) => count !== undefined);
      assert.ok(whole.length > 0 && whole.length < 20, `${whole.length} with their images`);
      assert.equal(
        counted.reduce((sum, { row_count: count }) => sum + count, 0),
        30 - whole.length,
      );
      for (const { changed_fields: changed } of whole) assert.equal(changed.text.from, "short");
    });

    spec("tells each row up to the limit of rows, and one record beyond it", async () => {
      await fill(100);
      start({ maxRowsPerStatement: 99 });
      const ids = (
        await audit.ignore(() => dataSource.getRepository(Note).find({ order: { id: "ASC" } }))
      ).map(({ id }) => id);
      await dataSource.query(`UPDATE note SET text = 'most' WHERE id <> ${ids[0]}`);
      await dataSource.query("DELETE FROM note");
      const records = await rows();
      assert.deepEqual(
        records
          .slice(0, 99)
          .map(({ instance_id: id, changed_fields: changed }) => [id, changed.text.to])
          .toSorted(),
        ids
          .slice(1)
          .map((id) => [String(id), "most"])
          .toSorted(),
      );
      const [removed, ...others] = records.slice(99);
      assert.deepEqual(others, []);
      assert.deepEqual([removed!["event_type"], removed!["row_count"]], ["DELETE", 100]);
      assert.deepEqual(removed!["instance_ids"].length, 20);
    });

    spec("tells a read of many rows with the first hundred ids, and how many there were", async () => {
      await fill(300);
      start();
      const notes = await dataSource.getRepository(Note).find({ order: { id: "ASC" } });
      await dataSource.getRepository(Note).findOneByOrFail({ id: notes[7]!.id });
      assert.deepEqual(
        (await rows()).map(({ event_type, row_count, instance_ids, instance_repr }) => [
          event_type,
          row_count,
          instance_ids,
          instance_repr,
        ]),
        [
          ["READ", 300, notes.slice(0, 100).map(({ id }) => String(id)), null],
          ["READ", 1, [String(notes[7]!.id)], null],
        ],
      );
    });
  });
}
