/**
 * Whole records of statements that cannot be taken apart: what stands in them of their values, and what never does.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Column, Entity, PrimaryGeneratedColumn, type DataSource } from "typeorm";
import { AuditEntity, AuditIgnore, AuditMask } from "activity-audit";
import type { RowEvent } from "#dist/capture/event";
import { captureDataSource, type RowCapture } from "#dist/capture/typeorm/typeorm";
import { entityMetadata } from "#dist/decorate/readers";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { assertRecord, type WrittenRecord } from "../support/schema.js";
import { prepared } from "./captured.js";
import type { Database } from "./operations/operation.js";

@Entity()
@AuditEntity({ redact: ["diagnosis"] })
class Account {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column({ default: 0 }) visits: number;
  @Column({ select: false, default: "" }) hash: string;
  @Column({ default: "" }) diagnosis: string;
  @AuditMask() @Column({ default: "" }) phone: string;
  @AuditIgnore() @Column({ default: "" }) note: string;
}

/** One statement, and what its record holds beside what is the same in all. */
export interface StatementCase {
  readonly sql?: string;
  readonly values?: readonly unknown[];
  /** In place of `sql`. */
  readonly run?: (dataSource: DataSource) => Promise<unknown>;
  readonly record: Partial<WrittenRecord>;
}

const ID = "01945d2c-3a01-7000-8000-0000000000aa";

/** No value of a hidden column may stand in any record. */
const SECRET = "s3cret-Value";

const always = {
  timestamp: "1970-01-01 00:00:00.000",
  level: "AUDIT",
  name: "audit.crud",
  service_name: "spec",
  user: null,
  record_id: ID,
  schema: 1,
  request_id: null,
  parent_id: null,
  trace_id: null,
  span_id: null,
  outcome: "success",
  extra: {},
  model: "Account",
  table: "account",
  event_type: "STATEMENT",
  instance_id: null,
  instance_label: null,
  instance_repr: null,
  changed_fields: {},
  transaction_id: "tx",
};

/** Declares a spec for each statement, on a table `account` with two rows. */
export function describeStatementRecords(
  database: Database,
  cases: Readonly<Record<string, StatementCase>>,
): void {
  describe(`the record of a statement on ${database.name}`, () => {
    const events: RowEvent[] = [];
    let unavailable: string | null = null;
    let dataSource: DataSource;
    let capture: RowCapture | undefined;

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable !== null) return;
      dataSource = await prepared(database, [Account]);
      await dataSource.getRepository(Account).insert([{ name: "Ann" }, { name: "Bob" }]);
      capture = captureDataSource(dataSource, (event) => events.push(event as RowEvent), {
        family: database.family,
        decorations: entityMetadata,
        maxRowsPerStatement: 1,
        now: () => 0,
        newTransactionId: () => "tx",
      });
    });
    after(async () => {
      if (!capture) return;
      capture.undo();
      await database.drop(dataSource);
      await dataSource.destroy();
    });

    for (const [name, { sql, values, run, record }] of Object.entries(cases)) {
      it(name, async (context) => {
        if (unavailable !== null) return context.skip(unavailable);
        await (run ? run(dataSource) : dataSource.query(sql!, values as never));
        const redactor = createRedactor();
        const lines = events
          .splice(0)
          .map((event) => encode(buildRecord(event, { recordId: ID, serviceName: "spec" })!, redactor));
        assert.ok(!lines.join("\n").includes(SECRET));
        assert.deepEqual(lines.map(assertRecord), [{ ...always, ...record }]);
      });
    }
  });
}
