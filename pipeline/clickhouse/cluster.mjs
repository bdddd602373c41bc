/**
 * Writes `cluster/*.sql` from the files of one server, so that both have the same columns: `node pipeline/clickhouse/cluster.mjs`.
 *
 * Each shard keeps its records in a replicated table; `audit_records` is the Distributed table over them, so that
 * the views and every question stay the same. Records are spread by their id: all copies of one record meet on one
 * shard, and FINAL sees them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = new URL(".", import.meta.url);
const TABLE = `ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/audit_records_local', '{replica}')`;
const DISTRIBUTED = `
CREATE TABLE IF NOT EXISTS audit_records ON CLUSTER '{cluster}' AS audit_records_local
ENGINE = Distributed('{cluster}', currentDatabase(), audit_records_local, cityHash64(record_key));
`;

/** The files of `cluster/`, by name. */
export function clusterFiles() {
  const names = readdirSync(here).filter((name) => /^\d{4}_.*\.sql$/u.test(name));
  return new Map(names.map((name) => [name, onCluster(readFileSync(new URL(name, here), "utf8"))]));
}

function onCluster(sql) {
  const made = sql
    .replace("for one server.", "for a cluster; made by cluster.mjs.")
    .replace(
      "CREATE TABLE IF NOT EXISTS audit_records\n",
      "CREATE TABLE IF NOT EXISTS audit_records_local ON CLUSTER '{cluster}'\n",
    )
    .replace(/^ENGINE = ReplacingMergeTree$/mu, TABLE)
    .replace("SETTINGS non_replicated_deduplication_window", "SETTINGS replicated_deduplication_window")
    .replace(/^CREATE OR REPLACE VIEW (\w+) AS$/gmu, "CREATE OR REPLACE VIEW $1 ON CLUSTER '{cluster}' AS")
    .replace(/^ALTER TABLE audit_records$/gmu, "ALTER TABLE audit_records_local ON CLUSTER '{cluster}'");
  return made.includes("audit_records_local ON CLUSTER") && made.includes("ENGINE =")
    ? made + DISTRIBUTED
    : made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(new URL("cluster/", here), { recursive: true });
  for (const [name, sql] of clusterFiles()) writeFileSync(new URL(`cluster/${name}`, here), sql);
}
