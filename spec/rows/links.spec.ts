/**
 * LINK and UNLINK: what a row of a join table says of the relation, whatever else stands in it.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { AuditEntity } from "activity-audit";
import { Column, DataSource, Entity, JoinTable, ManyToMany, PrimaryColumn } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { RowCapture } from "#dist/capture/typeorm/typeorm";
import { captureDecorated } from "./captured.js";

@Entity("role")
class Role {
  @PrimaryColumn("int") id: number;
}

@Entity("user")
@AuditEntity()
class User {
  @PrimaryColumn("int") id: number;
  @ManyToMany(() => Role)
  @JoinTable({
    name: "user_role",
    joinColumn: { name: "userId" },
    inverseJoinColumn: { name: "roleId" },
  })
  roles: Role[];
}

/** The join table, once more. */
@Entity("user_role")
class UserRole {
  @PrimaryColumn("int") userId: number;
  @PrimaryColumn("int") roleId: number;
  @Column("int", { nullable: true }) place: number | null;
}

const key = (roleId: number): string => JSON.stringify({ userId: 1, roleId });

describe("links", () => {
  for (const [name, entities] of [
    ["of a join table without an entity", [Role, User]],
    ["of a join table that is an entity, too", [Role, User, UserRole]],
  ] as const) {
    describe(name, () => {
      const events: RowEvent[] = [];
      let dataSource: DataSource;
      let capture: RowCapture;
      before(async () => {
        dataSource = await new DataSource({ type: "sqljs", entities: [...entities] }).initialize();
        for (const sql of [
          "CREATE TABLE role (id int PRIMARY KEY)",
          "CREATE TABLE user (id int PRIMARY KEY)",
          "CREATE TABLE user_role (userId int, roleId int, place int, PRIMARY KEY (userId, roleId))",
          "INSERT INTO role VALUES (1), (2)",
          "INSERT INTO user VALUES (1)",
        ]) {
          await dataSource.query(sql);
        }
        capture = captureDecorated(dataSource, events);
      });
      after(async () => {
        capture.undo();
        await dataSource.destroy();
      });
      beforeEach(() => {
        events.length = 0;
      });
      const told = (): unknown[] =>
        events.map(({ type, model, id, before: was, after: now }) => [type, model, id, was ?? now]);
      const joins = entities.length === 2 ? "user_role" : "UserRole";

      it("are told when the relation gets one, and loses it", async () => {
        await dataSource.createQueryBuilder().relation(User, "roles").of(1).add(1);
        const row = { userId: 1, roleId: 1, place: null };
        assert.deepEqual(told(), [
          ["CREATE", joins, key(1), row],
          ["LINK", "User", "1", { roles: { id: 1 } }],
        ]);
      });

      it("are not told where another column changes, and both where the link does", async () => {
        await dataSource.query("UPDATE user_role SET place = 3");
        await dataSource.query("UPDATE user_role SET roleId = 2");
        assert.deepEqual(told(), [
          ["UPDATE", joins, key(1), { userId: 1, roleId: 1, place: null }],
          ["UPDATE", joins, key(2), { userId: 1, roleId: 1, place: 3 }],
          ["UNLINK", "User", "1", { roles: { id: 1 } }],
          ["LINK", "User", "1", { roles: { id: 2 } }],
        ]);
      });
    });
  }
});
