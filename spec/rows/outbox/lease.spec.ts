/**
 * The lease by which one process at a time relays what the outbox in a SQLite file holds.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { FileStore, sqliteOutboxDdl, type OwnDatabase } from "#dist/capture/typeorm/outbox/sqlite";
import { better, betterSqlite3 } from "../databases/sqlite.js";

type Library = new (path: string, options: object) => OwnDatabase;

describe("the lease of an outbox in a file", { skip: betterSqlite3.reason ?? false }, () => {
  const directory = mkdtempSync(join(tmpdir(), "audit-lease-"));
  after(() => rmSync(directory, { recursive: true }));
  const open = (): OwnDatabase => new (require(better) as Library)(join(directory, "box.db"), { timeout: 0 });

  it("is had by one of two who look at the same moment", async () => {
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
        close: () => own.close(),
      };
    });
    await take(one);
    await others;
    assert.deepEqual(given, ["1", "2"]);
    assert.deepEqual(application.prepare("SELECT id FROM box").all(), []);
    for (const each of [one, other, application]) await each.close();
  });
});
