/**
 * An outbox in a SQLite file that several processes share: what one of them does between two steps of another.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { DataSource, type DataSourceOptions } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { FileStore, sqliteOutboxDdl, type OwnDatabase } from "#dist/capture/typeorm/outbox/sqlite";
import { captureAll } from "../captured.js";
import { better, betterSqlite3 } from "../databases/sqlite.js";

interface Connection {
  exec(sql: string): unknown;
}

type Library = new (path: string, options: object) => OwnDatabase;

describe("an outbox in a file that is shared", { skip: betterSqlite3.reason ?? false }, () => {
  const directory = mkdtempSync(join(tmpdir(), "audit-lease-"));
  after(() => rmSync(directory, { recursive: true }));
  const open = (): OwnDatabase => new (require(better) as Library)(join(directory, "box.db"), { timeout: 0 });

  it("is relayed by one of two who look at the same moment", async () => {
    const application = open();
    application.prepare(sqliteOutboxDdl("box")).run();
    application.prepare("INSERT INTO box (id, records) VALUES ('1', 'a'), ('2', 'b')").run();
    const given: string[] = [];
    const take = (store: FileStore): Promise<number | null> =>
      store.take(async (rows) => {
        given.push(...rows.map(({ id }) => id));
        return rows.map(({ id }) => id);
      });
    const other = new FileStore("box", open);
    let others: Promise<number | null> | undefined;
    // The other one comes when this one has looked, and has not taken yet.
    const one = new FileStore("box", () => {
      const own = open();
      return {
        prepare(sql) {
          if (sql.startsWith("UPDATE")) others ??= take(other);
          return own.prepare(sql);
        },
        transaction: (work) => own.transaction(work),
        close: () => own.close(),
      };
    });
    await take(one);
    await others;
    assert.deepEqual(given, ["1", "2"]);
    assert.deepEqual(application.prepare("SELECT id FROM box").all(), []);
    for (const each of [one, other, application]) await each.close();
  });

  it("is made by one of two who find that it is not there", async () => {
    const file = join(directory, "new.db");
    const options = { ...(await betterSqlite3.options()), database: file } as DataSourceOptions;
    const [dataSource, other] = [new DataSource(options), new DataSource(options)];
    await dataSource.initialize();
    await other.initialize();
    const { databaseConnection: own } = dataSource.driver as unknown as { databaseConnection: Connection };
    const { exec } = own;
    let isMade = false;
    own.exec = (sql) => {
      if (sql.includes("audit_outbox") && !isMade) {
        isMade = true;
        (other.driver as unknown as { databaseConnection: Connection }).databaseConnection.exec(
          sqliteOutboxDdl("audit_outbox"),
        );
      }
      return exec.call(own, sql);
    };
    const events: RowEvent[] = [];
    const capture = captureAll(dataSource, events, { outbox: true });
    assert.ok(isMade);
    await dataSource.query("CREATE TABLE item (id INTEGER PRIMARY KEY)");
    await dataSource.query("INSERT INTO item VALUES (1)");
    await capture.told();
    assert.deepEqual(
      events.map(({ type, table }) => [type, table]),
      [["CREATE", "item"]],
    );
    capture.undo();
    await capture.ended();
    for (const one of [dataSource, other]) await one.destroy();
  });
});
