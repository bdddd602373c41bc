/**
 * What the dashboards ask, panel by panel. `$__timeFilter` and `$__timeInterval` are macros of Grafana's ClickHouse
 * data source (grafana-clickhouse-datasource); `${service:sqlstring}` is a variable of the dashboard.
 */
const IN_TIME = "$__timeFilter(timestamp) AND service_name IN (${service:sqlstring})";

/** @typedef {{ title: string, kind: "timeseries" | "table" | "stat", unit?: string, alarm?: number, sql: string }} Panel */

/** @type {{ uid: string, title: string, description: string, panels: Panel[] }[]} */
export const dashboards = [
  {
    uid: "activity-audit-overview",
    title: "Audit: overview",
    description: "What was recorded, how it ended, and whether the trail itself is whole.",
    panels: [
      {
        title: "Records",
        kind: "timeseries",
        sql: `SELECT $__timeInterval(timestamp) AS time, name, count() AS records
FROM audit_records FINAL
WHERE is_record AND ${IN_TIME}
GROUP BY time, name
ORDER BY time`,
      },
      {
        title: "How requests ended",
        kind: "timeseries",
        sql: `SELECT $__timeInterval(timestamp) AS time, outcome, count() AS requests
FROM audit_requests
WHERE ${IN_TIME}
GROUP BY time, outcome
ORDER BY time`,
      },
      {
        title: "Gaps: records that were lost",
        kind: "stat",
        alarm: 1,
        sql: `SELECT sum(JSONExtractUInt(details, 'count')) AS lost
FROM audit_trail
WHERE event_type = 'GAP' AND ${IN_TIME}`,
      },
      {
        title: "Lines that are no records",
        kind: "stat",
        alarm: 1,
        sql: `SELECT count() AS lines
FROM audit_records FINAL
WHERE NOT is_record AND $__timeFilter(received_at)`,
      },
      {
        title: "Starts and stops",
        kind: "table",
        sql: `SELECT timestamp, service_name, event_type, details
FROM audit_trail
WHERE ${IN_TIME}
ORDER BY timestamp DESC
LIMIT 100`,
      },
    ],
  },
  {
    uid: "activity-audit-traffic",
    title: "Audit: requests and calls",
    description: "Rate, errors and duration of what came in and of what went out.",
    panels: [
      {
        title: "Requests by route",
        kind: "table",
        sql: `SELECT route, method, count() AS requests, countIf(outcome = 'failure') AS failed, countIf(outcome = 'denied') AS denied,
  quantileExact(0.5)(execution_time) AS p50, quantileExact(0.95)(execution_time) AS p95, quantileExact(0.99)(execution_time) AS p99
FROM audit_requests
WHERE ${IN_TIME}
GROUP BY route, method
ORDER BY requests DESC
LIMIT 100`,
      },
      {
        title: "Duration of requests, 95th percentile",
        kind: "timeseries",
        unit: "s",
        sql: `SELECT $__timeInterval(timestamp) AS time, quantileExact(0.95)(execution_time) AS p95
FROM audit_requests
WHERE ${IN_TIME}
GROUP BY time
ORDER BY time`,
      },
      {
        title: "Calls by service",
        kind: "table",
        sql: `SELECT service_name, protocol, count() AS calls, countIf(outcome != 'success') AS not_ok,
  quantileExact(0.5)(execution_time) AS p50, quantileExact(0.95)(execution_time) AS p95
FROM audit_calls
WHERE $__timeFilter(timestamp)
GROUP BY service_name, protocol
ORDER BY calls DESC
LIMIT 100`,
      },
      {
        title: "Calls that did not succeed",
        kind: "table",
        sql: `SELECT timestamp, service_name, protocol, method, endpoint, operation, status_code, outcome, error_message, request_id
FROM audit_calls
WHERE outcome != 'success' AND $__timeFilter(timestamp)
ORDER BY timestamp DESC
LIMIT 100`,
      },
    ],
  },
  {
    uid: "activity-audit-people",
    title: "Audit: who changed what",
    description: "Changes of rows, the people behind them, and logins.",
    panels: [
      {
        title: "Changes by model",
        kind: "timeseries",
        sql: `SELECT $__timeInterval(timestamp) AS time, model, count() AS changes
FROM audit_changes
WHERE ${IN_TIME}
GROUP BY time, model
ORDER BY time`,
      },
      {
        title: "Who changed most",
        kind: "table",
        sql: `SELECT user_id, count() AS changes, uniqExact(instance_id) AS rows_touched, max(timestamp) AS last_change
FROM audit_changes
WHERE ${IN_TIME}
GROUP BY user_id
ORDER BY changes DESC, user_id
LIMIT 50`,
      },
      {
        title: "Latest changes",
        kind: "table",
        sql: `SELECT timestamp, user_id, event_type, model, instance_id, instance_label, changed_fields, request_id
FROM audit_changes
WHERE ${IN_TIME}
ORDER BY timestamp DESC, record_id DESC
LIMIT 200`,
      },
      {
        title: "Logins refused",
        kind: "timeseries",
        sql: `SELECT $__timeInterval(timestamp) AS time, countIf(NOT success) AS refused, countIf(success) AS accepted
FROM audit_logins
WHERE ${IN_TIME}
GROUP BY time
ORDER BY time`,
      },
      {
        title: "Requests denied, by person",
        kind: "table",
        sql: `SELECT user_id, route, count() AS denied, max(timestamp) AS last_time
FROM audit_requests
WHERE outcome = 'denied' AND ${IN_TIME}
GROUP BY user_id, route
ORDER BY denied DESC, user_id, route
LIMIT 50`,
      },
    ],
  },
];

/** Rules that fire when their query gives a number above `above`, over the last `minutes`. */
export const alerts = [
  {
    uid: "activity-audit-gap",
    title: "Audit records were lost",
    severity: "critical",
    minutes: 10,
    above: 0,
    summary: "A GAP record was written: see its details for how many records, from when to when, and why.",
    sql: `SELECT sum(JSONExtractUInt(details, 'count')) AS value FROM audit_trail WHERE event_type = 'GAP' AND $__timeFilter(timestamp)`,
  },
  {
    uid: "activity-audit-not-records",
    title: "Lines arrive that are no audit records",
    severity: "warning",
    minutes: 10,
    above: 0,
    summary:
      "A line could not be read as a record: a half line of a killed process, or somebody writes into the files.",
    sql: `SELECT count() AS value FROM audit_records WHERE NOT is_record AND $__timeFilter(received_at)`,
  },
  {
    uid: "activity-audit-logins",
    title: "Many refused logins",
    severity: "warning",
    minutes: 5,
    above: 20,
    summary: "More than 20 logins were refused within five minutes.",
    sql: `SELECT countIf(NOT success) AS value FROM audit_logins WHERE $__timeFilter(timestamp)`,
  },
  {
    uid: "activity-audit-failures",
    title: "More than 5 % of requests fail",
    severity: "warning",
    minutes: 10,
    above: 5,
    summary: "Share of requests with the outcome failure, in percent.",
    sql: `SELECT if(count() = 0, 0, 100 * countIf(outcome = 'failure') / count()) AS value FROM audit_requests WHERE $__timeFilter(timestamp)`,
  },
  {
    uid: "activity-audit-silence",
    title: "No audit records arrive",
    severity: "critical",
    minutes: 30,
    above: 0,
    summary:
      "No record has arrived for half an hour. If the services are idle at night, mute this rule then.",
    sql: `SELECT toUInt8(count() = 0) AS value FROM audit_records WHERE $__timeFilter(received_at)`,
  },
];
