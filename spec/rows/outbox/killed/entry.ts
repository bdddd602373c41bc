/** The entity of the kill spec of intents, and where it lies. */
import { AuditEntity } from "activity-audit";
import { Column, Entity, PrimaryGeneratedColumn, type DataSourceOptions } from "typeorm";
import { server as mysql } from "../../mysql/server.js";
import { server as postgres } from "../../postgres/server.js";
import type { Kind } from "./steps.js";

@Entity()
@AuditEntity()
export class Entry {
  @PrimaryGeneratedColumn() id: number;
  @Column() request: string;
  @Column() name: string;
}

export function options(kind: Kind, database: string): DataSourceOptions {
  const { host, port, user: username, password } = kind === "postgres" ? postgres : mysql;
  const more = kind === "mariadb" ? { multipleStatements: true } : {};
  return { type: kind, entities: [Entry], host, port, username, password, database, ...more } as never;
}
