/**
 * Only decorated entities: which tables that takes in, and which class of an inheritance a row is told as.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  ChildEntity,
  Column,
  Entity,
  JoinTable,
  ManyToMany,
  PrimaryGeneratedColumn,
  TableInheritance,
  type DataSource,
} from "typeorm";
import { AuditEntity, AuditIgnore, AuditMask } from "activity-audit";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { captureDecorated, prepared } from "./captured.js";
import type { Database } from "./operations/operation.js";

@Entity()
class Keyword {
  @PrimaryGeneratedColumn() id: number;
  @Column() word: string;
}

@Entity()
@AuditEntity<Person>({ label: ({ name }) => name, redact: ["name"] })
@TableInheritance({ column: { type: "varchar", name: "type" } })
class Person {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @ManyToMany(() => Keyword) @JoinTable() keywords: Keyword[];
}

@ChildEntity()
@AuditEntity<Doctor>({ model: "Physician", mask: ["license"] })
class Doctor extends Person {
  @Column({ nullable: true, type: "varchar" }) license: string | null;
}

@ChildEntity()
class Patient extends Person {
  @AuditMask() @Column({ nullable: true, type: "varchar" }) insurance: string | null;
  @AuditIgnore() @Column({ nullable: true, type: "int" }) visits: number | null;
}

/** Declares the specs of decorated entities on this database. */
export function describeDecorated(database: Database): void {
  describe(`decorated entities on ${database.name}`, () => {
    const events: RowEvent[] = [];
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let capture: RowCapture;

    const told = (): unknown[] =>
      events.splice(0).map(({ type, model, table, label, before: was, after: now, rules }) => ({
        type,
        model,
        table,
        label,
        row: now ?? was,
        hidden: [...rules.redact, ...rules.mask, ...rules.exclude].toSorted(),
      }));

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = await prepared(database, [Keyword, Person, Doctor, Patient]);
      let transactions = 0;
      capture = captureDecorated(dataSource, events, () => String((transactions += 1)));
    });
    after(async () => {
      if (!capture) return;
      capture.undo();
      await database.drop(dataSource);
      await dataSource.destroy();
    });

    it("are told as the class that the row is of, with that class's names, masks and labels", async (context) => {
      if (unavailable !== null) return context.skip(unavailable);
      await dataSource.getRepository(Doctor).save({ name: "Ann", license: "L-1" });
      await dataSource.getRepository(Patient).save({ name: "Bob", insurance: "I-1", visits: 3 });
      await dataSource.query("UPDATE person SET name = 'Cid' WHERE name = 'Ann'");
      await dataSource.getRepository(Person).delete({ name: "Bob" });
      const doctor = { id: 1, type: "Doctor", name: "Ann", license: "L-1" };
      const patient = { id: 2, type: "Patient", name: "Bob", insurance: "I-1", visits: 3 };
      const asDoctor = { model: "Physician", table: "person", hidden: ["license", "name"] };
      const asPatient = {
        model: "Patient",
        table: "person",
        label: "Bob",
        row: patient,
        hidden: ["insurance", "name", "visits"],
      };
      assert.deepEqual(told(), [
        { ...asDoctor, type: "CREATE", label: "Ann", row: doctor },
        { ...asPatient, type: "CREATE" },
        { ...asDoctor, type: "UPDATE", label: "Cid", row: { ...doctor, name: "Cid" } },
        { ...asPatient, type: "DELETE" },
      ]);
    });

    it("take in their join tables, and not the tables of others", async (context) => {
      if (unavailable !== null) return context.skip(unavailable);
      const [keyword] = await dataSource.getRepository(Keyword).save([{ word: "w" }]);
      await dataSource.query("UPDATE keyword SET word = 'x'");
      assert.deepEqual(told(), []);
      const [{ id }] = (await dataSource.query("SELECT id FROM person")) as [{ id: number }];
      await dataSource.createQueryBuilder().relation(Person, "keywords").of(id).add(keyword!.id);
      assert.deepEqual(
        events.map(({ type, model }) => `${type} ${model}`),
        ["CREATE person_keywords_keyword", "LINK Person"],
      );
    });
  });
}
