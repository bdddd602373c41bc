/**
 * The one entity that is written until the end, and its row triggers: a log in the same database, so that what is
 * rolled back, or cut off by a crash, is not in it.
 */
import { AuditEntity } from "activity-audit";
import { Column, DataSource, Entity, PrimaryGeneratedColumn, type DataSourceOptions } from "typeorm";
import { server as mysql } from "../../mysql/server.js";
import { server as postgres } from "../../postgres/server.js";

@Entity()
@AuditEntity({ redact: ["note"] })
export class Account {
  @PrimaryGeneratedColumn() id: number;
  @Column() owner: string;
  @Column() cents: number;
  /** The request that wrote it last. */
  @Column() request: string;
  /** Must not stand in the outbox, nor in a record. */
  @Column() note: string;
}

export const SECRET = "hunter2-not-for-the-table";

export type Kind = "postgres" | "mariadb" | "sqljs" | "better-sqlite3";

/** @param place - the database's name, or its file */
export function options(kind: Kind, place: string): DataSourceOptions {
  const entities = [Account];
  switch (kind) {
    case "postgres":
      return {
        type: kind,
        entities,
        host: postgres.host,
        port: postgres.port,
        username: postgres.user,
        password: postgres.password,
        database: place,
      };
    case "mariadb":
      return {
        type: kind,
        entities,
        host: mysql.host,
        port: mysql.port,
        username: mysql.user,
        password: mysql.password,
        database: place,
        multipleStatements: true,
      };
    case "sqljs":
      return { type: kind, entities, location: place, autoSave: true };
    case "better-sqlite3":
      return {
        type: kind,
        entities,
        database: place,
        driver: require(process.env["BETTER_SQLITE3"] ?? kind),
      };
  }
}

const columns = ["id", "owner", "cents", "request", "note"];
const object = (make: string, row: string): string =>
  row === "NULL" ? row : `${make}(${columns.map((column) => `'${column}', ${row}.${column}`).join(", ")})`;
const events = [
  ["insert", "NULL", "NEW"],
  ["update", "OLD", "NEW"],
  ["delete", "OLD", "NULL"],
] as const;

const perEvent = (make: string, trigger: (event: string, insert: string) => string): string[] =>
  events.map(([event, before, after]) =>
    trigger(
      event,
      `INSERT INTO truth (op, old, new) VALUES ('${event}', ${object(make, before)}, ${object(make, after)})`,
    ),
  );

const triggers: Record<Kind, readonly string[]> = {
  postgres: [
    "CREATE TABLE truth (seq bigserial PRIMARY KEY, op text, old json, new json)",
    `CREATE FUNCTION truth() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO truth (op, old, new) VALUES (lower(TG_OP),
         CASE WHEN TG_OP <> 'INSERT' THEN row_to_json(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW) END);
       RETURN NULL;
     END $$`,
    "CREATE TRIGGER truth AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION truth()",
  ],
  mariadb: [
    "CREATE TABLE truth (seq bigint AUTO_INCREMENT PRIMARY KEY, op text, old text, new text)",
    ...perEvent(
      "JSON_OBJECT",
      (event, insert) => `CREATE TRIGGER truth_${event} AFTER ${event} ON account FOR EACH ROW ${insert}`,
    ),
  ],
  sqljs: [],
  "better-sqlite3": [],
};
const sqlite = [
  "CREATE TABLE truth (seq integer PRIMARY KEY, op text, old text, new text)",
  ...perEvent(
    "json_object",
    (event, insert) => `CREATE TRIGGER truth_${event} AFTER ${event} ON account BEGIN ${insert}; END`,
  ),
];

/** The table with its triggers, in an empty database. */
export async function prepare(kind: Kind, place: string): Promise<void> {
  const dataSource = await new DataSource(options(kind, place)).initialize();
  await dataSource.synchronize();
  const own = kind === "sqljs" || kind === "better-sqlite3" ? sqlite : triggers[kind];
  for (const sql of own) await dataSource.query(sql);
  await dataSource.destroy();
}

export interface True {
  readonly op: "insert" | "update" | "delete";
  readonly old: Record<string, unknown> | null;
  readonly new: Record<string, unknown> | null;
}

/** What was committed, and how many rows of the outbox are left. */
export async function committed(kind: Kind, place: string): Promise<{ truth: True[]; left: number }> {
  const dataSource = await new DataSource(options(kind, place)).initialize();
  const rows = (await dataSource.query("SELECT op, old, new FROM truth ORDER BY seq")) as True[];
  // What sql.js has relayed is deleted with the next write, and what was never written was never saved.
  const [left] =
    kind === "sqljs"
      ? [{ n: 0 }]
      : ((await dataSource.query("SELECT count(*) AS n FROM audit_outbox")) as { n: unknown }[]);
  await dataSource.destroy();
  const read = (value: unknown): True["old"] =>
    (typeof value === "string" ? JSON.parse(value) : value) as True["old"];
  const truth = rows.map((row) => ({ op: row.op, old: read(row.old), new: read(row.new) }));
  return { truth, left: Number(left?.n) };
}
