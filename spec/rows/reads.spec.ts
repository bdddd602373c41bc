/**
 * Reads, where an entity asks for them: one event a query, with what was loaded, and no query besides.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { AuditEntity } from "activity-audit";
import {
  ChildEntity,
  Column,
  DataSource,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  TableInheritance,
  type Logger,
  type Relation,
} from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { runAs, runIgnored } from "#dist/context/run";
import { captureDecorated } from "./captured.js";

@Entity()
@AuditEntity<Ward>({ reads: true })
class Ward {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @OneToMany(() => Bed, (bed) => bed.ward) beds: Relation<Bed[]>;
}

@Entity()
@AuditEntity<Bed>({ reads: true })
class Bed {
  @PrimaryColumn() room: string;
  @PrimaryColumn() place: number;
  @ManyToOne(() => Ward, (ward) => ward.beds) ward: Ward;
}

@Entity()
@AuditEntity({ reads: true })
@TableInheritance({ column: { type: "varchar", name: "kind" } })
class Person {
  @PrimaryGeneratedColumn() id: number;
}

@ChildEntity()
@AuditEntity({ reads: true, model: "Physician" })
class Doctor extends Person {
  @Column("varchar", { nullable: true }) license: string | null;
}

@Entity()
@AuditEntity({ reads: true })
class Keyed {
  @PrimaryColumn({ type: "blob", transformer: { to: fromHex, from: toHex } }) key: string;
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll("-", ""), "hex");
}

function toHex(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 2)}-${hex.slice(2)}`;
}

@Entity()
@AuditEntity()
class Quiet {
  @PrimaryGeneratedColumn() id: number;
}

describe("reads", () => {
  const events: RowEvent[] = [];
  const queries: string[] = [];
  let dataSource: DataSource;
  let capture: RowCapture;

  before(async () => {
    const logger = { logQuery: (query: string) => queries.push(query) } as unknown as Logger;
    for (const name of ["logQueryError", "logQuerySlow", "logSchemaBuild", "logMigration", "log"] as const) {
      logger[name] = () => {};
    }
    dataSource = await new DataSource({
      type: "sqljs",
      entities: [Ward, Bed, Person, Doctor, Keyed, Quiet],
      synchronize: true,
      logging: true,
      logger,
    }).initialize();
    const wards = await dataSource.getRepository(Ward).save([{ name: "west" }, { name: "east" }]);
    await dataSource.getRepository(Bed).save([
      { room: "1", place: 1, ward: wards[0]! },
      { room: "1", place: 2, ward: wards[0]! },
    ]);
    await dataSource.getRepository(Doctor).save({ license: "L" });
    await dataSource.getRepository(Keyed).insert({ key: "0a-0b" });
    await dataSource.getRepository(Quiet).save({});
    capture = captureDecorated(dataSource, events, () => "transaction");
  });
  after(async () => {
    capture.undo();
    await dataSource.destroy();
  });
  beforeEach(() => {
    events.length = 0;
    queries.length = 0;
  });

  const told = () => events.map(({ type, model, rowCount, ids }) => ({ type, model, rowCount, ids }));

  it("are one event a query, with the ids of what was loaded", async () => {
    const wards = await dataSource.getRepository(Ward).find({ order: { id: "ASC" } });
    assert.deepEqual(told(), [{ type: "READ", model: "Ward", rowCount: 2, ids: ["1", "2"] }]);
    assert.equal(wards.length, 2);
    assert.equal(queries.length, 1);
  });

  it("are told for each entity that a query joins", async () => {
    await dataSource.getRepository(Ward).find({ relations: { beds: true }, where: { name: "west" } });
    assert.deepEqual(told(), [
      { type: "READ", model: "Ward", rowCount: 1, ids: ["1"] },
      {
        type: "READ",
        model: "Bed",
        rowCount: 2,
        ids: ['{"room":"1","place":1}', '{"room":"1","place":2}'],
      },
    ]);
    assert.equal(queries.length, 1);
  });

  it("name the class that was asked for, where one table holds several", async () => {
    await dataSource.getRepository(Doctor).find();
    await dataSource.getRepository(Person).find();
    assert.deepEqual(told(), [
      { type: "READ", model: "Physician", rowCount: 1, ids: ["1"] },
      { type: "READ", model: "Person", rowCount: 1, ids: ["1"] },
    ]);
  });

  it("give a key as the database has it, which is how other records name the row", async () => {
    assert.equal((await dataSource.getRepository(Keyed).find())[0]!.key, "0a-0b");
    assert.deepEqual(told(), [{ type: "READ", model: "Keyed", rowCount: 1, ids: ["0a0b"] }]);
    events.length = 0;
    await dataSource.query("DELETE FROM keyed");
    assert.deepEqual(
      events.map(({ type, id }) => [type, id]),
      [["DELETE", "0a0b"]],
    );
  });

  it("say that nothing was found, since that is an answer too", async () => {
    assert.equal(await dataSource.getRepository(Ward).findOneBy({ id: 99 }), null);
    assert.deepEqual(told(), [{ type: "READ", model: "Ward", rowCount: 0, ids: [] }]);
  });

  it("are told of query builders and pages, once a page", async () => {
    const [page] = await dataSource
      .getRepository(Ward)
      .createQueryBuilder("ward")
      .leftJoinAndSelect("ward.beds", "bed")
      .take(1)
      .orderBy("ward.id")
      .getManyAndCount();
    assert.equal(page.length, 1);
    assert.deepEqual(
      told().map(({ model, rowCount }) => [model, rowCount]),
      [
        ["Ward", 1],
        ["Bed", 2],
      ],
    );
  });

  it("are not told of entities that do not ask, of raw results, or where nothing is to be recorded", async () => {
    await dataSource.getRepository(Quiet).find();
    await dataSource.getRepository(Ward).createQueryBuilder("ward").getRawMany();
    await dataSource.query("SELECT * FROM ward");
    await runIgnored(() => dataSource.getRepository(Ward).find());
    assert.deepEqual(told(), []);
  });

  it("bear the context of their caller", async () => {
    await runAs({ actor: { id: "ana" } }, () => dataSource.getRepository(Ward).find());
    assert.equal(events[0]!.context!.actor()!.id, "ana");
  });

  it("fail as without us, and are not told then", async () => {
    await assert.rejects(
      dataSource.getRepository(Ward).createQueryBuilder("ward").where("ward.missing = 1").getMany(),
      /no such column/,
    );
    assert.deepEqual(told(), []);
  });

  it("are another DataSource's own business", async () => {
    const other = await new DataSource({
      type: "sqljs",
      entities: [Ward, Bed],
      synchronize: true,
    }).initialize();
    await other.getRepository(Ward).find();
    await other.destroy();
    assert.deepEqual(told(), []);
  });
});
