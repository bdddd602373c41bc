/**
 * Makes the tables and views of `pipeline/clickhouse`, each file once.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import * as v from "valibot";
import { checked } from "../check.js";
import { connect } from "./clickhouse.js";
import { serverEntries, type ServerOptions, serverSettings, someText } from "./server.js";

const FILES = join(__dirname, "../../pipeline/clickhouse");

/** A statement on a cluster waits for all of its servers. */
const TIMEOUT_MS = 300_000;

/** Where the tables are made. */
export interface MigrateOptions extends ServerOptions {
  /** The cluster's name, for replicated and distributed tables; default: one server. */
  readonly cluster?: string;
  /** After so many days the server deletes records; default never. May be changed by a later call. */
  readonly retentionDays?: number;
}

const wholeDays = "a whole number of days, at least 1";
const migrateSchema = v.strictObject({
  ...serverEntries,
  cluster: someText,
  retentionDays: v.optional(v.pipe(v.number(wholeDays), v.integer(wholeDays), v.minValue(1, wholeDays))),
});

/**
 * Brings a ClickHouse database to the schema of this version of activity-audit. It can be called any number of
 * times: what was made before is left alone.
 *
 * @param options - see `MigrateOptions` for defaults, units and limits
 * @returns the names of the files that were new to this database
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_PEER_MISSING`; what the server says when it refuses a statement
 * @example
 * await migrateClickhouse({ url: "http://clickhouse:8123", database: "audit", retentionDays: 400 });
 */
export async function migrateClickhouse(options: MigrateOptions = {}): Promise<string[]> {
  checked("migrateClickhouse", migrateSchema, options);
  const client = connect(serverSettings(options, "audit_records", TIMEOUT_MS));
  try {
    await run(client, MIGRATIONS_TABLE);
    const known = await knownMigrations(client);
    const applied: string[] = [];
    for (const name of migrationNames().filter((file) => !known.has(file))) {
      for (const statement of statements(name, options.cluster)) await run(client, statement);
      await run(client, `INSERT INTO audit_migrations (name) VALUES (${literal(name)})`);
      applied.push(name);
    }
    if (options.retentionDays !== undefined)
      await run(client, retention(options.retentionDays, options.cluster));
    return applied;
  } finally {
    await client.close();
  }
}

/* One row a file that was applied; on a cluster on the server that we talk to, the files themselves may run twice. */
const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS audit_migrations
  (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY name`;

async function knownMigrations(client: ClickHouseClient): Promise<Set<string>> {
  const answer = await client.query({ query: "SELECT name FROM audit_migrations", format: "JSONEachRow" });
  return new Set((await answer.json<{ name: string }>()).map(({ name }) => name));
}

function migrationNames(): string[] {
  return readdirSync(FILES)
    .filter((name) => /^\d{4}_.*\.sql$/u.test(name))
    .toSorted();
}

/* In our files a statement ends with the only semicolon that ends a line. */
function statements(name: string, cluster: string | undefined): string[] {
  const folder = cluster === undefined ? FILES : join(FILES, "cluster");
  return readFileSync(join(folder, name), "utf8")
    .split(/;\s*$/mu)
    .filter((statement) => statement.trim() !== "")
    .map((statement) =>
      cluster === undefined ? statement : statement.replaceAll("'{cluster}'", literal(cluster)),
    );
}

function retention(days: number, cluster: string | undefined): string {
  const table =
    cluster === undefined ? "audit_records" : `audit_records_local ON CLUSTER ${literal(cluster)}`;
  return `ALTER TABLE ${table} MODIFY TTL toDateTime(timestamp) + INTERVAL ${days} DAY DELETE`;
}

async function run(client: ClickHouseClient, query: string): Promise<void> {
  await client.command({ query });
}

function literal(text: string): string {
  return `'${text.replace(/['\\]/gu, "\\$&")}'`;
}
