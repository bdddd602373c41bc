/**
 * Writes `dashboards/*.json` and the alert rules from `panels.mjs`: `node pipeline/grafana/generate.mjs`.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  DashboardBuilder,
  QueryVariableBuilder,
  ThresholdsConfigBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as Table } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";
import { stringify } from "yaml";
import { alerts, dashboards } from "./panels.mjs";

const SOURCE = { type: "grafana-clickhouse-datasource", uid: "activity-audit-clickhouse" };
const PANELS = { timeseries: TimeSeries, table: Table, stat: Stat };
/** The data source's own numbers for how an answer is shown. */
const FORMATS = { timeseries: 0, table: 1, stat: 1 };

/** The files by name, beside this one. */
export function grafanaFiles() {
  const files = new Map(
    dashboards.map((dashboard) => [
      `dashboards/${dashboard.uid}.json`,
      `${JSON.stringify(dashboardOf(dashboard), null, 2)}\n`,
    ]),
  );
  return files.set(
    "provisioning/alerting/activity-audit.yaml",
    stringify(alertingOf(alerts), { lineWidth: 0 }),
  );
}

function dashboardOf({ uid, title, description, panels }) {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(["activity-audit"])
    .time({ from: "now-24h", to: "now" })
    .refresh("1m")
    .withVariable(
      new QueryVariableBuilder("service")
        .label("Service")
        .datasource(SOURCE)
        .query("SELECT DISTINCT service_name FROM audit_records")
        .multi(true)
        .includeAll(true),
    );
  for (const panel of panels) builder.withPanel(panelOf(panel));
  return builder.build();
}

function panelOf({ title, kind, unit, alarm, sql }) {
  const builder = new PANELS[kind]()
    .title(title)
    .datasource(SOURCE)
    .span(kind === "table" ? 24 : 12)
    .height(8)
    .withTarget(target(sql, FORMATS[kind]));
  if (unit) builder.unit(unit);
  if (alarm !== undefined) {
    const steps = [{ color: "green" }, { value: alarm, color: "red" }];
    builder.thresholds(new ThresholdsConfigBuilder().mode("absolute").steps(steps));
  }
  return builder;
}

function target(sql, format) {
  return {
    build: () => ({
      refId: "A",
      datasource: SOURCE,
      editorType: "sql",
      queryType: format === 0 ? "timeseries" : "table",
      format,
      rawSql: sql,
    }),
  };
}

function alertingOf(rules) {
  return {
    apiVersion: 1,
    groups: [
      {
        orgId: 1,
        name: "activity-audit",
        folder: "activity-audit",
        interval: "1m",
        rules: rules.map((rule) => ruleOf(rule)),
      },
    ],
  };
}

function ruleOf({ uid, title, severity, minutes, above, summary, sql }) {
  const relativeTimeRange = { from: minutes * 60, to: 0 };
  return {
    uid,
    title,
    condition: "B",
    for: "0s",
    noDataState: "OK",
    execErrState: "Error",
    labels: { severity },
    annotations: { summary },
    data: [
      { refId: "A", relativeTimeRange, datasourceUid: SOURCE.uid, model: target(sql, 1).build() },
      {
        refId: "B",
        relativeTimeRange,
        datasourceUid: "__expr__",
        model: {
          refId: "B",
          type: "threshold",
          expression: "A",
          conditions: [{ evaluator: { type: "gt", params: [above] } }],
        },
      },
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of grafanaFiles()) writeFileSync(new URL(name, import.meta.url), text);
}
