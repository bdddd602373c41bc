/**
 * The columns of `records`, and how they are read from a line.
 *
 * What is asked of every record is a column of the cache; objects are taken from the line when they are asked for.
 *
 * @module
 */
import { literal } from "./engine.js";

/** Texts and numbers of records, under their own names. `AS` a type: NULL where the value is not of it. */
const PLAIN = {
  timestamp: "",
  level: "",
  name: "",
  message: "",
  service_name: "",
  record_id: "",
  schema: "INTEGER",
  request_id: "",
  parent_id: "",
  trace_id: "",
  span_id: "",
  outcome: "",
  model: "",
  table: "",
  event_type: "",
  instance_id: "",
  instance_label: "",
  transaction_id: "",
  row_count: "BIGINT",
  statement: "",
  request_type: "",
  protocol: "",
  error_message: "",
  execution_time: "DOUBLE",
  route: "",
  handler: "",
  event: "",
  success: "BOOLEAN",
  error: "",
  action: "",
  path: "",
  module: "",
  function: "",
  exception: "",
  chain: "",
  seq: "BIGINT",
  hash: "",
} as const;

/** Of nested objects, what is asked of often; also what `facts.ts` says of records of any kind. */
const WITHIN = {
  user: { id: "VARCHAR", name: "VARCHAR", username: "VARCHAR", email: "VARCHAR" },
  target: { type: "VARCHAR", id: "VARCHAR" },
  extra: { action: "VARCHAR" },
  request_repr: {
    method: "VARCHAR",
    operation: "VARCHAR",
    path: "VARCHAR",
    endpoint: "VARCHAR",
    remote_path: "VARCHAR",
  },
  response_repr: { status_code: "VARCHAR" },
} as const;

const DERIVED = {
  time: "try_cast(s.timestamp AS TIMESTAMP)",
  user_id: "s.user.id",
  user_name: "coalesce(s.user.name, s.user.username, s.user.email)",
  entity: "coalesce(s.model, s.target.type)",
  entity_id: "coalesce(s.instance_id, s.target.id)",
  what: "coalesce(s.event_type, s.event, s.action, s.extra.action)",
  method: "s.request_repr.method",
  operation: "s.request_repr.operation",
  place: "coalesce(s.request_repr.path, s.request_repr.endpoint, s.request_repr.remote_path)",
  status: "try_cast(s.response_repr.status_code AS INTEGER)",
} as const;

/** Objects, as JSON. */
const OBJECTS = [
  "user",
  "extra",
  "redacted",
  "instance_repr",
  "changed_fields",
  "instance_ids",
  "request_repr",
  "response_repr",
  "details",
  "target",
] as const;

/** Of the kept lines, those that are records. `record` says the same, but to look at it all lines would be read. */
export const IS_RECORD = "timestamp IS NOT NULL AND name IS NOT NULL";

/** What is kept of each line; `record` is NULL of one that is no record. */
export function convertedColumns(lines: string, log: string): string {
  const shape = {
    ...Object.fromEntries(Object.keys(PLAIN).map((name) => [name, "VARCHAR"])),
    ...WITHIN,
  };
  const plain = Object.entries(PLAIN).map(([name, type]) => {
    // A number that is too large for a DOUBLE becomes infinite, which JSON cannot say.
    if (type === "DOUBLE") {
      return `CASE WHEN isfinite(try_cast(s."${name}" AS DOUBLE)) THEN try_cast(s."${name}" AS DOUBLE) END AS "${name}"`;
    }
    return type === "" ? `s."${name}" AS "${name}"` : `try_cast(s."${name}" AS ${type}) AS "${name}"`;
  });
  const derived = Object.entries(DERIVED).map(([name, sql]) => `${sql} AS "${name}"`);
  return (
    `SELECT ${literal(log)} AS log, ${[...plain, ...derived].join(", ")}, ` +
    `CASE WHEN s.timestamp IS NOT NULL AND s.name IS NOT NULL THEN json::VARCHAR END AS record ` +
    `FROM (SELECT json, json_transform(json, ${literal(JSON.stringify(shape))}) AS s FROM ${lines})`
  );
}

/** The lines of files, as one JSON column. Those that are none are NULL: `ignore_errors` keeps their rows. */
export function linesOf(paths: readonly string[]): string {
  const list = paths.map(literal).join(", ");
  return `read_ndjson_objects([${list}], ignore_errors = true, maximum_object_size = ${64 << 20})`;
}

/** What `records` selects from the kept columns. */
export function viewColumns(): string {
  const objects = OBJECTS.map((name) => `json_extract(record, '$.${name}') AS "${name}"`);
  return ["*", ...objects].join(", ");
}
