/**
 * `activity-audit/clickhouse`: records into ClickHouse, and the tables they go to.
 *
 * @module
 */
export { clickhouseAppender, type ClickhouseOptions } from "./log/clickhouse.js";
export { migrateClickhouse, type MigrateOptions } from "./ship/migrate.js";
