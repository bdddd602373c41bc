/**
 * The pipeline kit: every DDL and every question of the dashboards and alerts, on ClickHouse's engine, over the
 * records of the demo; the answers against the records themselves.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { AuditRecord, CrudRecord, InternalRequestRecord } from "activity-audit";
import { findFiles } from "#dist/read/files";
import { TrailStore } from "#dist/read/sql/store";
import { driveClinic } from "#demo/script";
import { startWorld } from "#demo/world";
import { parse } from "yaml";
import { Clickhouse, withoutClickhouse } from "../support/clickhouse.js";

const PIPELINE = join(process.cwd(), "pipeline");
const MIGRATIONS = readdirSync(join(PIPELINE, "clickhouse")).filter((name) => /^\d{4}_/u.test(name));
type Generator = { grafanaFiles(): Map<string, string>; clusterFiles(): Map<string, string> };
const load = (path: string): Promise<Generator> => import(pathToFileURL(join(PIPELINE, path)).href) as never;

describe("the files of the pipeline", () => {
  it("are those that the generators write", async () => {
    const made = [
      ...[...(await load("grafana/generate.mjs")).grafanaFiles()].map(([name, text]) => [
        `grafana/${name}`,
        text,
      ]),
      ...[...(await load("clickhouse/cluster.mjs")).clusterFiles()].map(([name, text]) => [
        `clickhouse/cluster/${name}`,
        text,
      ]),
    ];
    const written = made.map(([name]) => [name, readFileSync(join(PIPELINE, name!), "utf8")]);
    assert.deepEqual(written, made);
  });

  it("ship the lines with Vector as they are, and never drop one", () => {
    const vector = parse(readFileSync(join(PIPELINE, "vector/vector.yaml"), "utf8"));
    assert.deepEqual(vector.sinks.clickhouse.inputs, Object.keys(vector.transforms));
    assert.deepEqual(vector.transforms.audit_lines.inputs, Object.keys(vector.sources));
    assert.equal(vector.transforms.audit_lines.source.trim(), '. = { "line": .message }');
    assert.deepEqual(vector.sources.audit_files.fingerprint, { strategy: "checksum", lines: 1 });
    assert.equal(vector.sinks.clickhouse.buffer.when_full, "block");
    assert.equal(vector.sinks.clickhouse.acknowledgements.enabled, true);
  });

  it("name each other rightly in the compose file", () => {
    const { services } = parse(readFileSync(join(PIPELINE, "compose.yaml"), "utf8"));
    const mounted = Object.values<{ volumes: string[] }>(services)
      .flatMap(({ volumes }) => volumes.map((volume) => volume.split(":")[0]!))
      .filter((source) => source.startsWith("./"));
    assert.ok(mounted.length > 5);
    for (const source of mounted) assert.ok(existsSync(join(PIPELINE, source)), source);
    for (const name of MIGRATIONS) assert.ok(mounted.includes(`./clickhouse/${name}`), name);
  });
});

describe("the pipeline on ClickHouse", { skip: withoutClickhouse }, () => {
  let clickhouse: Clickhouse;
  let directory: string;
  const records: AuditRecord[] = [];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "pipeline-"));
    const world = await startWorld({ directory });
    await driveClinic(world.url, () => {});
    await world.close();
    clickhouse = await Clickhouse.start();
    await clickhouse.sql("CREATE DATABASE audit");
    for (const statement of statementsIn(...MIGRATIONS.map((name) => `clickhouse/${name}`))) {
      await clickhouse.sql(statement, "audit");
    }
    for (const file of ["audit.log", "api.log", "login.log"]) {
      const text = await readFile(join(directory, file), "utf8");
      await insert(text);
      // Delivered twice, as a shipper may do.
      await insert(text.split("\n").slice(0, 3).join("\n"));
      records.push(
        ...text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      );
    }
  });
  after(async () => {
    await clickhouse?.remove();
    await rm(directory, { recursive: true, force: true });
  });

  it("reads the columns out of the lines", async () => {
    const rows = await clickhouse.rows<Record<string, unknown>>(
      `SELECT record_id, name, outcome, user_id, request_id, parent_id, execution_time, status_code, event_type, instance_id,
         changed_fields, toString(timestamp) AS timestamp FROM audit_records FINAL WHERE is_record ORDER BY record_id`,
      "audit",
    );
    assert.deepEqual(
      rows,
      records
        .toSorted((one, other) => (one.record_id < other.record_id ? -1 : 1))
        .map((record) => expectedRow(record)),
    );
  });

  for (const { where, sql } of questions()) {
    it(`answers ${where}`, async () => {
      const rows = await clickhouse.rows(withoutMacros(sql), "audit");
      assert.ok(Array.isArray(rows));
    });
  }

  it("counts as the records say", async () => {
    const requests = records.filter(isRequest);
    const changes = records.filter((record): record is CrudRecord => record.name === "audit.crud");

    const ended = await ask(clickhouse, "How requests ended");
    assert.deepEqual(
      sums(ended.map((row) => [row.outcome, Number(row.requests)])),
      sums(requests.map(({ outcome }) => [outcome, 1])),
    );
    const changed = await ask(clickhouse, "Who changed most");
    assert.deepEqual(
      sums(changed.map((row) => [row.user_id, Number(row.changes)])),
      sums(changes.map(({ user }) => [String(user?.id ?? ""), 1])),
    );
    const routes = await ask(clickhouse, "Requests by route");
    assert.deepEqual(
      sums(routes.map((row) => [`${row.method} ${row.route}`, Number(row.requests)])),
      sums(requests.map(({ route, request_repr }) => [`${request_repr.method} ${route ?? ""}`, 1])),
    );
    const [lost] = await ask(clickhouse, "Gaps: records that were lost");
    assert.equal(Number(lost!.lost), 0);
  });

  it("answers one question as the files do, asked by DuckDB", async () => {
    const store = await TrailStore.open(await findFiles(directory, { logs: ["audit", "api", "login"] }));
    try {
      for (const question of SAME_QUESTIONS) {
        const inFiles = await store.ask(question);
        const inClickhouse = await clickhouse.rows<Record<string, unknown>>(question, "audit");
        assert.ok(inFiles.length > 0, question);
        assert.deepEqual(inClickhouse.map(asNumbers), inFiles.map(asNumbers), question);
      }
    } finally {
      await store.close();
    }
  });

  it("keeps a line that is no record, under a name of its own", async () => {
    await insert('{"timestamp":"2026-11-24 08:0\n');
    const rows = await clickhouse.rows("SELECT line FROM audit_records WHERE NOT is_record", "audit");
    assert.deepEqual(rows, [{ line: '{"timestamp":"2026-11-24 08:0' }]);
  });

  it("takes a time to keep records for", async () => {
    for (const statement of statementsIn("clickhouse/retention.sql"))
      await clickhouse.sql(statement, "audit");
    assert.match(
      await clickhouse.sql("SHOW CREATE TABLE audit_records", "audit"),
      /TTL .*toIntervalDay\(400\)/u,
    );
  });

  it("has a cluster's tables that ClickHouse understands, and that work on one server", async () => {
    await clickhouse.sql("CREATE DATABASE cluster");
    for (const statement of statementsIn(...MIGRATIONS.map((name) => `clickhouse/cluster/${name}`))) {
      assert.match(await clickhouse.sql(`EXPLAIN AST ${statement}`), /^Create/u);
      // The engine as a library has no keeper, and runs no DDL on a cluster: the same tables without these.
      await clickhouse.sql(onOneServer(statement), "cluster");
    }
    await clickhouse.sql(
      "INSERT INTO cluster.audit_records (line) SELECT line FROM audit.audit_records FINAL",
    );
    const [counted] = await clickhouse.rows<{ n: string }>(
      "SELECT count() AS n FROM audit_changes",
      "cluster",
    );
    assert.equal(Number(counted!.n), records.filter(({ name }) => name === "audit.crud").length);
  });

  function insert(lines: string): Promise<string> {
    return clickhouse.sql(`INSERT INTO audit_records (line) FORMAT LineAsString\n${lines}`, "audit");
  }
});

/** In the SQL that both understand, over `records`. */
const SAME_QUESTIONS = [
  `SELECT model, event_type, count(*) AS n FROM records WHERE name = 'audit.crud'
   GROUP BY model, event_type ORDER BY model, event_type`,
  `SELECT route, method, count(*) AS n, sum(CASE WHEN outcome = 'failure' THEN 1 ELSE 0 END) AS failed,
     max(execution_time) AS longest FROM records WHERE request_type = 'internal'
   GROUP BY route, method ORDER BY n DESC, route, method`,
  `SELECT user_id, user_name, count(*) AS n FROM records GROUP BY user_id, user_name ORDER BY n DESC, user_id, user_name`,
  `SELECT status, outcome, count(*) AS n FROM records WHERE name = 'audit.request'
   GROUP BY status, outcome ORDER BY status, outcome`,
  `SELECT event, success, count(*) AS n FROM records WHERE name = 'audit.login' GROUP BY event, success ORDER BY event, success`,
  `SELECT cause.place AS place, effect.entity AS entity, count(*) AS n FROM records AS effect
   JOIN records AS cause ON effect.parent_id = cause.record_id
   WHERE effect.name = 'audit.crud' GROUP BY cause.place, effect.entity ORDER BY n DESC, place, entity`,
  `SELECT entity, entity_id, what, timestamp FROM
     (SELECT entity, entity_id, what, timestamp,
        row_number() OVER (PARTITION BY entity, entity_id ORDER BY timestamp DESC, record_id DESC) AS nth
      FROM records WHERE name = 'audit.crud' AND entity_id IS NOT NULL) AS versions
   WHERE nth = 1 ORDER BY entity, entity_id`,
  `SELECT what, place, timestamp, record_id FROM records WHERE outcome <> 'success' ORDER BY timestamp, record_id`,
];

/** ClickHouse writes whole numbers of 64 bits as texts. */
function asNumbers(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name === "n" || name === "failed" ? Number(value) : value,
    ]),
  );
}

/** The answer to a panel's question. */
function ask(clickhouse: Clickhouse, title: string): Promise<Record<string, any>[]> {
  const { sql } = questions().find(({ where }) => where.endsWith(title))!;
  return clickhouse.rows(withoutMacros(sql), "audit");
}

/** Statements end with the only semicolon that ends a line. */
function statementsIn(...files: string[]): string[] {
  return files.flatMap((file) =>
    readFileSync(join(PIPELINE, file), "utf8")
      .split(/;\s*$/mu)
      .filter((statement) => statement.trim() !== ""),
  );
}

function onOneServer(statement: string): string {
  return statement
    .replaceAll(/ ON CLUSTER '\{cluster\}'/gu, "")
    .replace(/ReplicatedReplacingMergeTree\([^)]*\)/u, "ReplacingMergeTree")
    .replace("replicated_deduplication_window", "non_replicated_deduplication_window");
}

interface Question {
  readonly where: string;
  readonly sql: string;
}

/** Of every panel and every alert rule, out of the files that Grafana reads. */
function questions(): Question[] {
  const folder = join(PIPELINE, "grafana");
  const panels = readdirSync(join(folder, "dashboards")).flatMap((file) => {
    const dashboard = JSON.parse(readFileSync(join(folder, "dashboards", file), "utf8"));
    const variables = dashboard.templating.list.map((variable: { name: string; query: string }) => ({
      where: `${dashboard.title}, variable ${variable.name}`,
      sql: variable.query,
    }));
    const targets = dashboard.panels.flatMap((panel: { title: string; targets: { rawSql: string }[] }) =>
      panel.targets.map(({ rawSql }) => ({ where: `${dashboard.title}: ${panel.title}`, sql: rawSql })),
    );
    return [...variables, ...targets];
  });
  const alerting = parse(readFileSync(join(folder, "provisioning/alerting/activity-audit.yaml"), "utf8"));
  const rules = alerting.groups[0].rules.map(
    (rule: { title: string; data: { model: { rawSql: string } }[] }) => ({
      where: `alert: ${rule.title}`,
      sql: rule.data[0]!.model.rawSql,
    }),
  );
  return [...panels, ...rules] as Question[];
}

/** As Grafana's data source writes them out, for a day around the demo. */
function withoutMacros(sql: string): string {
  return sql
    .replaceAll(
      /\$__timeFilter\((\w+)\)/gu,
      "$1 >= toDateTime64(now() - 86400, 3) AND $1 <= toDateTime64(now() + 86400, 3)",
    )
    .replaceAll(/\$__timeInterval\((\w+)\)/gu, "toStartOfInterval(toDateTime($1), INTERVAL 60 second)")
    .replaceAll(/service_name IN \(\$\{service:sqlstring\}\)/gu, "1");
}

function isRequest(record: AuditRecord): record is InternalRequestRecord {
  return record.name === "audit.request" && record.request_type === "internal";
}

function expectedRow(record: AuditRecord): Record<string, unknown> {
  const any = record as unknown as Record<string, any>;
  return {
    record_id: any.record_id,
    name: any.name,
    outcome: any.outcome,
    user_id: any.user === null ? "" : String(any.user.id ?? ""),
    request_id: any.request_id ?? "",
    parent_id: any.parent_id ?? "",
    execution_time: any.execution_time ?? null,
    status_code: any.response_repr?.status_code ?? null,
    event_type: any.event_type ?? "",
    instance_id: any.instance_id ?? "",
    changed_fields: any.changed_fields ? JSON.stringify(any.changed_fields) : "",
    timestamp: any.timestamp,
  };
}

function sums(pairs: (readonly [string, number])[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const [key, count] of pairs) result[key] = (result[key] ?? 0) + count;
  return result;
}
