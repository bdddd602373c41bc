/**
 * Statements past `maxRowsPerStatement` and `maxImageBytes`, with an outbox: the records are those that are told without
 * one, they count what row triggers counted, and the application sees what it sees without us.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Column, Entity, ManyToOne, PrimaryGeneratedColumn, type DataSource } from "typeorm";
import { uuidv7 } from "uuidv7";
import { AuditEntity } from "activity-audit";
import type { RowEvent } from "#dist/capture/event";
import { captureDataSource, type RowCaptureOptions } from "#dist/capture/typeorm/typeorm";
import { runIgnored } from "#dist/context/run";
import { entityMetadata } from "#dist/decorate/readers";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { assertRecord, type WrittenRecord } from "../../support/schema.js";
import { randomOf, type Random } from "../acts.js";
import { prepared } from "../captured.js";
import { betterSqlite3, betterSqlite3InFiles, sqljs, type SqliteDatabase } from "../databases/sqlite.js";
import type { TrueRow } from "../operations/operation.js";

@Entity()
@AuditEntity({ redact: ["secret"] })
class Account {
  @PrimaryGeneratedColumn() id: number;
  @Column({ unique: true }) name: string;
  @Column({ default: 0 }) visits: number;
  @Column({ default: "" }) secret: string;
}

@Entity()
@AuditEntity()
class Note {
  @PrimaryGeneratedColumn() id: number;
  @Column() text: string;
  @ManyToOne(() => Account, { onDelete: "CASCADE", nullable: true }) account: Account | null;
}

const entities = [Account, Note];
const ROWS = 3;
const ID = "01945d2c-3a01-7000-8000-0000000000aa";

/** What is done, by one statement at a time; what it throws is thrown by the database. */
type Run = (sql: string, ...values: unknown[]) => Promise<void>;
type Work = (run: Run, dataSource: DataSource) => Promise<void>;

/** What the application saw, and what stands in the tables at the end. */
interface Seen {
  readonly answers: string[];
  readonly tables: unknown[];
}

interface Told extends Seen {
  readonly records: WrittenRecord[];
  readonly truth: TrueRow[];
}

async function done(dataSource: DataSource, work: Work): Promise<Seen> {
  const answers: string[] = [];
  const run: Run = async (sql, ...values) => {
    const answer: unknown = await dataSource.query(sql, values as never).catch(String);
    answers.push(JSON.stringify(answer) ?? "");
    if (/^(?:INSERT|UPDATE|DELETE|REPLACE)/.test(sql)) {
      answers.push(JSON.stringify(await dataSource.query("SELECT changes(), last_insert_rowid()")));
    }
  };
  await work(run, dataSource);
  const tables = await Promise.all(
    ["account", "note"].map((table) => dataSource.query(`SELECT * FROM ${table} ORDER BY id`)),
  );
  return { answers, tables };
}

/** Four accounts with a note each, made before anybody looks. */
async function filled(database: SqliteDatabase): Promise<DataSource> {
  const dataSource = await prepared(database, entities);
  for (const name of ["a", "b", "c", "d"]) {
    const account = await dataSource.getRepository(Account).save({ name });
    await dataSource.getRepository(Note).insert({ text: name, account });
  }
  await database.truth(dataSource);
  return dataSource;
}

async function alone(database: SqliteDatabase, work: Work): Promise<Seen> {
  const dataSource = await filled(database);
  const seen = await done(dataSource, work);
  await dataSource.destroy();
  await database.drop(dataSource);
  return seen;
}

async function captured(
  database: SqliteDatabase,
  work: Work,
  outbox: boolean,
  limits: Pick<RowCaptureOptions, "maxImageBytes"> = {},
): Promise<Told> {
  const dataSource = await filled(database);
  const lines: string[] = [];
  const redactor = createRedactor();
  const line = (event: RowEvent): string | null => {
    const record = buildRecord(event, { recordId: ID, serviceName: "spec" });
    return record && encode(record, redactor);
  };
  const capture = captureDataSource(dataSource, (event) => void lines.push(line(event as RowEvent)!), {
    ...limits,
    maxRowsPerStatement: ROWS,
    decorations: entityMetadata,
    now: () => 0,
    newTransactionId: uuidv7,
    outbox: outbox
      ? {
          table: "audit_outbox",
          create: true,
          onError: "record",
          line,
          emit: (text) => void lines.push(text),
          settled: async () => "written",
        }
      : undefined,
  });
  const seen = await done(dataSource, work);
  assert.ok(await capture.drain(120_000), "not told in time");
  const truth = await database.truth(dataSource);
  capture.undo();
  await capture.ended();
  await dataSource.destroy();
  await database.drop(dataSource);
  const transactions: string[] = [];
  const records = lines.map(assertRecord).map((record) => {
    const id = String(record["transaction_id"]);
    if (!transactions.includes(id)) transactions.push(id);
    return { ...record, transaction_id: `transaction ${transactions.indexOf(id)}` };
  });
  return { ...seen, records, truth };
}

const types = { insert: "CREATE", update: "UPDATE", delete: "DELETE", truncate: "TRUNCATE" } as const;

/** How many rows of which table had what done to them. */
function sums(told: Iterable<readonly [key: string, count: number]>): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [key, count] of told) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}

const trueSums = (truth: readonly TrueRow[]): Record<string, number> =>
  sums(
    truth
      .filter((row) => JSON.stringify(row.before) !== JSON.stringify(row.after))
      .map(({ op, table }) => [`${types[op]} ${table}`, 1]),
  );

/* Of rows that OR REPLACE deletes, SQLite tells no trigger: they are what is missing in the end. */
function assertTrue({ records, truth, tables }: Told): void {
  const recorded = recordedSums(records);
  const created = sums(truth.map(({ op, table }) => [table, op === "insert" ? 1 : 0]));
  const missing = 4 + (created["account"] ?? 0) - (tables[0] as unknown[]).length;
  assert.equal(recorded["DELETE account"] ?? 0, missing);
  assert.deepEqual({ ...recorded, "DELETE account": 0 }, { ...trueSums(truth), "DELETE account": 0 });
}

const recordedSums = (records: readonly WrittenRecord[]): Record<string, number> =>
  sums(records.map((one) => [`${one["event_type"]} ${one["table"]}`, Number(one["row_count"] ?? 1)]));

/** Event types, each with its count where one record stands for many rows. */
const outline = (records: readonly WrittenRecord[]): string[] =>
  records.map(
    (one) => `${one["event_type"]} ${one["model"]}${one["row_count"] ? ` ${one["row_count"]}` : ""}`,
  );

const noting =
  "CREATE TRIGGER noting AFTER UPDATE OF visits ON account BEGIN INSERT INTO note(text) VALUES (NEW.name); END";

const cases: Readonly<
  Record<string, { work: Work; outline: readonly string[]; maxImageBytes?: number; muted?: boolean }>
> = {
  "a record a row, up to the limit": {
    work: (run) => run("UPDATE account SET visits = ? WHERE id < ?", 1, 4),
    outline: ["UPDATE Account", "UPDATE Account", "UPDATE Account"],
  },
  "one record past it": {
    work: (run) => run("UPDATE account SET visits = ?, secret = ? WHERE id < ?", 1, "hush", 9),
    outline: ["UPDATE Account 4"],
  },
  "one that names the first twenty of many": {
    work: (run) =>
      run(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 109) INSERT INTO account(name) SELECT 'n' || i FROM n",
      ),
    outline: ["CREATE Account 100"],
  },
  "rows that are the same as before are not counted": {
    work: async (run) => {
      await run("UPDATE account SET visits = 1 WHERE id = 1");
      await run("UPDATE account SET visits = 1");
      await run("UPDATE account SET visits = 1");
    },
    outline: ["UPDATE Account", "UPDATE Account 3"],
  },
  "one for each table that a trigger of the application's writes to": {
    work: async (run) => {
      await run(noting);
      await run("UPDATE account SET visits = 5");
    },
    outline: ["UPDATE Account 4", "CREATE Note 4"],
  },
  "one for each table that a foreign key takes along": {
    work: (run) => run("DELETE FROM account"),
    outline: ["DELETE Note 4", "DELETE Account 4"],
  },
  "one for the rows that are replaced, and one for those that replace them": {
    work: (run) =>
      run(
        "INSERT OR REPLACE INTO account(id, name) VALUES (11, 'a'), (2, 'x'), (3, 'd'), (12, 'y'), (13, 'a')",
      ),
    outline: ["DELETE Note 4", "DELETE Account 5", "CREATE Account 5"],
  },
  "nothing of a statement that failed after its limit": {
    work: async (run) => {
      await run("INSERT INTO account(name) VALUES ('e'), ('f'), ('g'), ('h'), ('a')");
      await run("BEGIN");
      await run("UPDATE account SET visits = 1 WHERE id = 1");
      await run("INSERT INTO account(name) VALUES ('e'), ('f'), ('g'), ('h'), ('a')");
      await run("INSERT OR ROLLBACK INTO account(name) VALUES ('e'), ('f'), ('g'), ('h'), ('a')");
      await run("UPDATE account SET visits = 2 WHERE id = 2");
    },
    outline: ["UPDATE Account"],
  },
  "what stays of a statement that gave up": {
    work: async (run) => {
      await run("INSERT OR FAIL INTO account(name) VALUES ('e'), ('f'), ('g'), ('h'), ('a'), ('i')");
      await run("INSERT OR FAIL INTO account(name) VALUES ('k'), ('l'), ('a'), ('m'), ('n'), ('o')");
      await run("INSERT OR IGNORE INTO account(name) VALUES ('a'), ('p'), ('b'), ('q'), ('r'), ('s'), ('c')");
    },
    outline: ["CREATE Account 4", "CREATE Account", "CREATE Account", "CREATE Account 4"],
  },
  "what stays after a savepoint was taken back": {
    work: async (run) => {
      await run("BEGIN");
      await run("UPDATE account SET visits = 1");
      await run("SAVEPOINT s");
      await run("UPDATE account SET visits = 2");
      await run("UPDATE account SET visits = 3 WHERE id = 1");
      await run("ROLLBACK TO s");
      await run("UPDATE account SET visits = 4 WHERE id < 4");
      await run("UPDATE account SET visits = 5");
      await run("COMMIT");
      await run("BEGIN");
      await run("UPDATE account SET visits = 6");
      await run("ROLLBACK");
    },
    outline: ["UPDATE Account 4", ...Array<string>(3).fill("UPDATE Account"), "UPDATE Account 4"],
  },
  "one where the images of a transaction need too many bytes": {
    maxImageBytes: 100,
    work: async (run) => {
      await run("UPDATE account SET visits = 1 WHERE id = 1");
      await run("BEGIN");
      await run("UPDATE account SET visits = 2 WHERE id = 2");
      await run("SAVEPOINT s");
      await run("UPDATE account SET visits = 3 WHERE id = 3");
      await run("UPDATE account SET visits = 4 WHERE id = 4");
      await run("ROLLBACK TO s");
      await run("UPDATE account SET visits = 5 WHERE id = 3");
      await run("UPDATE account SET visits = 6 WHERE id = 4");
      await run("COMMIT");
      await run("UPDATE account SET visits = 7 WHERE id = 4");
      await run("UPDATE account SET secret = ? WHERE id = 4", "x".repeat(100));
    },
    outline: [
      ...Array<string>(3).fill("UPDATE Account"),
      "UPDATE Account 1",
      "UPDATE Account",
      "UPDATE Account 1",
    ],
  },
  "none for work that is ignored": {
    muted: true,
    work: (run) => runIgnored(() => run("UPDATE account SET visits = 8")),
    outline: [],
  },
  "one of a statement with RETURNING, and with values by name": {
    work: async (run, dataSource) => {
      await run("UPDATE account SET visits = 9 RETURNING id");
      await dataSource
        .createQueryBuilder()
        .update("account")
        .set({ visits: 10, secret: "hush" })
        .where("id > :least", { least: 0 })
        .execute();
    },
    outline: ["UPDATE Account 4", "UPDATE Account 4"],
  },
};

const templates: readonly ((random: Random) => string)[] = [
  (random) => `UPDATE account SET visits = ${random(3)} WHERE id % ${1 + random(4)} = 0`,
  (random) => `UPDATE account SET name = name || '${random(9)}' WHERE id > ${random(8)}`,
  (random) => `DELETE FROM account WHERE id % ${2 + random(4)} = 0`,
  (random) => `INSERT INTO account(name) VALUES ${list(random, () => `('${word(random)}')`)}`,
  (random) => `INSERT OR IGNORE INTO account(name) VALUES ${list(random, () => `('${word(random)}')`)}`,
  (random) => `INSERT OR FAIL INTO account(name) VALUES ${list(random, () => `('${word(random)}')`)}`,
  (random) => `INSERT OR ROLLBACK INTO account(name) VALUES ${list(random, () => `('${word(random)}')`)}`,
  (random) =>
    `REPLACE INTO account(id, name) VALUES ${list(random, () => `(${1 + random(12)}, '${word(random)}')`)}`,
  (random) =>
    `INSERT INTO account(name) VALUES ${list(random, () => `('${word(random)}')`)} ON CONFLICT (name) DO UPDATE SET visits = visits + 1`,
  (random) => `UPDATE OR REPLACE account SET name = '${word(random)}' WHERE id > ${random(12)}`,
  (random) => `INSERT INTO note(text, accountId) SELECT name, id FROM account WHERE id > ${random(9)}`,
];

const word = (random: Random): string => "abcdefghijklmnop"[random(16)]!;
const list = (random: Random, one: () => string): string => Array.from({ length: 1 + random(7) }, one).join();

/** Statements in and out of transactions and savepoints, the same for the same seed. */
function atRandom(seed: number, count: number): Work {
  const random = randomOf(seed);
  const texts: string[] = [noting];
  let open = 0;
  for (let left = count; left > 0; left -= 1) {
    const dice = random(10);
    if (dice === 0) texts.push(open++ === 0 ? "BEGIN" : "SAVEPOINT s");
    else if (dice === 1 && open > 1) texts.push("ROLLBACK TO s");
    else if (dice === 2 && open > 0) {
      texts.push(random(2) === 0 ? "COMMIT" : "ROLLBACK");
      open = 0;
    } else texts.push(templates[random(templates.length)]!(random));
  }
  texts.push("COMMIT");
  return async (run) => {
    for (const text of texts) await run(text);
  };
}

const inFile = betterSqlite3InFiles();

for (const database of [sqljs, betterSqlite3, inFile]) {
  describe(
    `the limits of one statement on ${database.name} with an outbox`,
    { skip: database.reason ?? false },
    () => {
      for (const [name, { work, outline: expected, maxImageBytes, muted }] of Object.entries(cases)) {
        it(`give ${name}`, async () => {
          const limits = maxImageBytes === undefined ? {} : { maxImageBytes };
          const memory = await captured(database, work, false, limits);
          const outbox = await captured(database, work, true, limits);
          assert.deepEqual(outline(outbox.records), expected);
          assert.deepEqual(outbox, memory);
          if (!muted) assertTrue(outbox);
          const { answers, tables } = outbox;
          assert.deepEqual({ answers, tables }, await alone(database, work));
        });
      }

      it("give each row of a text of several statements its record", async () => {
        const texts = ["BEGIN", "UPDATE account SET visits = 1", "ROLLBACK", "UPDATE account SET visits = 2"];
        const work: Work = async (_run, { driver }) => {
          const { databaseConnection } = driver as unknown as {
            databaseConnection: { exec(sql: string): void };
          };
          databaseConnection.exec(texts.join(";"));
        };
        const { records, truth } = await captured(database, work, true);
        assert.deepEqual(outline(records), Array<string>(4).fill("UPDATE Account"));
        assert.deepEqual(recordedSums(records), trueSums(truth));
      });

      const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
      it(`give random statements the records that they have without an outbox (seed ${seed})`, async () => {
        const memory = await captured(database, atRandom(seed, 200), false);
        const outbox = await captured(database, atRandom(seed, 200), true);
        assert.ok(
          outline(outbox.records).filter((text) => /\d/.test(text)).length > 10,
          "hardly a limit was passed",
        );
        assert.deepEqual(outbox, memory);
        assertTrue(outbox);
        const { answers, tables } = outbox;
        assert.deepEqual({ answers, tables }, await alone(database, atRandom(seed, 200)));
      });
    },
  );
}
