import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Column, DataSource, Entity, PrimaryColumn } from "typeorm";
import { AuditEntity } from "activity-audit";
import type { RowEvent } from "#dist/capture/event";
import { database, noServer, server } from "./server.js";
import { captureDecorated } from "../captured.js";

@Entity("user")
@AuditEntity<Here>({ redact: ["secret"] })
class Here {
  @PrimaryColumn() id: number;
  @Column() secret: string;
}

@Entity({ name: "user", schema: "public" })
@AuditEntity()
class There {
  @PrimaryColumn() id: number;
  @Column() secret: string;
}

describe("tables of one name in two schemas", { skip: noServer }, () => {
  let dataSource: DataSource;
  // In front of the database's own, which waits for it.
  after(() => dataSource?.destroy());
  const db = database("schemas", "CREATE SCHEMA app");
  before(async () => {
    if (noServer) return;
    const { host, port, user: username, password } = server;
    const own = {
      host,
      port,
      username,
      password,
      database: db.name,
      extra: { options: "-c search_path=app" },
    };
    dataSource = new DataSource({ type: "postgres", ...own, entities: [Here, There] });
    await dataSource.initialize();
    await dataSource.synchronize();
  });

  it("are each told as their own entity, where `public` is not the default schema", async () => {
    const events: RowEvent[] = [];
    const { undo } = captureDecorated(dataSource, events);
    await dataSource.manager.insert(Here, { id: 1, secret: "a" });
    await dataSource.manager.insert(There, { id: 2, secret: "b" });
    undo();
    assert.deepEqual(
      events.map(({ model, table, rules }) => [model, table, [...rules.redact]]),
      [
        ["Here", "user", ["secret"]],
        ["There", "public.user", []],
      ],
    );
  });
});
