/**
 * Records as events of the Open Cybersecurity Schema Framework, 1.5.0: rows as Entity Management, requests and
 * calls as API Activity, logins as Authentication, begin and end as Application Lifecycle, all else as Base Event.
 *
 * @see https://schema.ocsf.io/1.5.0
 * @module
 */
import type { CrudRecord, RowImage } from "../../record/types.js";
import { facts, lookUp } from "../facts.js";
import { rowBefore } from "../history.js";
import type { LogRecord } from "../records.js";
import { timeOf } from "../tree.js";

type Loose = Record<string, any>;

const VERSION = "1.5.0";
const PRODUCT = { name: "activity-audit", vendor_name: "activity-audit" };

interface EventClass {
  readonly uid: number;
  readonly name: string;
  readonly category: number;
  readonly categoryName: string;
  readonly activities: Record<string, string>;
}

const CRUD_ACTIVITIES = { 1: "Create", 2: "Read", 3: "Update", 4: "Delete" };
const CLASSES = {
  base: { uid: 0, name: "Base Event", category: 0, categoryName: "Uncategorized", activities: {} },
  authentication: {
    uid: 3002,
    name: "Authentication",
    category: 3,
    categoryName: "Identity & Access Management",
    activities: { 1: "Logon", 2: "Logoff" },
  },
  entity: {
    uid: 3004,
    name: "Entity Management",
    category: 3,
    categoryName: "Identity & Access Management",
    activities: CRUD_ACTIVITIES,
  },
  lifecycle: {
    uid: 6002,
    name: "Application Lifecycle",
    category: 6,
    categoryName: "Application Activity",
    activities: { 3: "Start", 4: "Stop" },
  },
  api: {
    uid: 6003,
    name: "API Activity",
    category: 6,
    categoryName: "Application Activity",
    activities: CRUD_ACTIVITIES,
  },
} as const satisfies Record<string, EventClass>;

/** What did not fit into the schema stands under `unmapped`. */
export function toOcsf(record: LogRecord): Loose {
  switch (record.name) {
    case "audit.crud":
      return ofRow(record as CrudRecord);
    case "audit.request":
      return ofRequest(record);
    case "audit.login":
      return ofLogin(record);
    case "audit.trail":
      return ofTrail(record);
    default:
      return ofAny(record);
  }
}

const ROW_ACTIVITIES: Record<string, number> = {
  CREATE: 1,
  READ: 2,
  UPDATE: 3,
  SOFT_DELETE: 3,
  RESTORE: 3,
  LINK: 3,
  UNLINK: 3,
  DELETE: 4,
  TRUNCATE: 4,
};

function ofRow(record: CrudRecord): Loose {
  const { model, instance_id, instance_label, instance_repr, event_type } = record;
  const activity = lookUp(ROW_ACTIVITIES, event_type) ?? 99;
  const changed = ["UPDATE", "SOFT_DELETE", "RESTORE"].includes(event_type);
  const entity = (data: RowImage | null | undefined) => ({
    type: text(model),
    // One of `uid` and `name` must be there: of a record of many rows it is the table.
    ...(instance_id === null ? { name: text(record.table) } : { uid: text(instance_id) }),
    ...(instance_label && { name: text(instance_label) }),
    ...(data && { data }),
  });
  return {
    ...base(CLASSES.entity, activity, record, event_type),
    actor: actor(record),
    entity: entity(changed ? rowBefore(record) : instance_repr),
    ...(changed && { entity_result: entity(instance_repr) }),
    ...unmapped(record, [
      "table",
      "event_type",
      "changed_fields",
      "transaction_id",
      "row_count",
      "instance_ids",
      "statement",
    ]),
  };
}

const METHOD_ACTIVITIES: Record<string, number> = {
  POST: 1,
  GET: 2,
  HEAD: 2,
  OPTIONS: 2,
  PUT: 3,
  PATCH: 3,
  DELETE: 4,
};

function ofRequest(record: LogRecord): Loose {
  const { request_repr = {}, protocol, route, error_message, request_id } = record as Loose;
  const isHttp = protocol === "http" || protocol === "https";
  const method = isHttp ? facts.method(record) : undefined;
  const external = facts.kind(record) === "external";
  const place = facts.place(record);
  const status = facts.status(record);
  const target = external && place && URL.canParse(place) ? new URL(place) : undefined;
  const service = facts.service(record) ?? "unknown";
  const ip = text(request_repr?.client_ip);
  const operation = isHttp
    ? [method, text(route) ?? target?.pathname ?? place].filter(Boolean).join(" ")
    : protocol === "sftp"
      ? `SFTP ${text(request_repr?.operation) ?? ""}`
      : `${text(request_repr?.class) ?? ""}.${text(request_repr?.method) ?? ""}`;
  return {
    ...base(CLASSES.api, lookUp(METHOD_ACTIVITIES, method) ?? 99, record, method ?? operation),
    ...duration(record),
    actor: actor(record),
    api: {
      operation,
      service: { name: service },
      request: { uid: text(request_id) ?? record.record_id },
      ...((status !== undefined || error_message) && {
        response: {
          ...(status !== undefined && { code: status }),
          ...(error_message && { error_message: text(error_message) }),
        },
      }),
    },
    src_endpoint: external ? { name: "application" } : ip ? { ip } : { name: "unknown" },
    dst_endpoint: {
      svc_name: service,
      ...(target && { hostname: target.hostname, ...(target.port && { port: Number(target.port) }) }),
      ...(protocol === "sftp" && text(request_repr?.host) && { hostname: text(request_repr.host) }),
    },
    ...(isHttp && {
      http_request: {
        ...(method && { http_method: method }),
        url: target
          ? {
              url_string: place,
              scheme: target.protocol.slice(0, -1),
              hostname: target.hostname,
              path: target.pathname,
            }
          : { path: place ?? "" },
        ...(text(request_repr?.headers?.["user-agent"]) && {
          user_agent: request_repr.headers["user-agent"],
        }),
      },
      ...(status !== undefined && { http_response: { code: status } }),
    }),
    ...unmapped(record, ["request_type", "protocol", "route", "handler", "request_repr", "response_repr"]),
  };
}

function ofLogin(record: LogRecord): Loose {
  const { event, error } = record as Loose;
  const activity = event === "login" ? 1 : event === "logout" ? 2 : 99;
  return {
    ...base(CLASSES.authentication, activity, record, text(event) ?? "unknown"),
    ...(error && { status_detail: text(error) }),
    user: user(record),
    service: { name: facts.service(record) ?? "unknown" },
    ...unmapped(record, []),
  };
}

function ofTrail(record: LogRecord): Loose {
  const kind = facts.kind(record);
  const activity = kind === "AUDIT_STARTED" ? 3 : kind === "AUDIT_STOPPED" ? 4 : undefined;
  if (activity === undefined) return ofAny(record);
  return {
    ...base(CLASSES.lifecycle, activity, record, kind!),
    app: { name: facts.service(record) ?? "unknown", vendor_name: "unknown" },
    ...unmapped(record, ["event_type", "details"]),
  };
}

function ofAny(record: LogRecord): Loose {
  const own = ["event_type", "details", "action", "target", "path", "module", "function", "exception"];
  return {
    ...base(CLASSES.base, 99, record, facts.kind(record) ?? record.name),
    ...unmapped(record, ["user", "service_name", ...own]),
  };
}

const STATUS: Record<string, [number, string]> = {
  success: [1, "Success"],
  failure: [2, "Failure"],
  denied: [2, "Failure"],
  aborted: [99, "aborted"],
};
const SEVERITY: Record<string, [number, string]> = {
  success: [1, "Informational"],
  unknown: [1, "Informational"],
  denied: [2, "Low"],
  aborted: [2, "Low"],
  failure: [3, "Medium"],
};

function base(of: EventClass, activity: number, record: LogRecord, source: string): Loose {
  const [status_id, status] = lookUp(STATUS, record.outcome) ?? [0, "Unknown"];
  const [severity_id, severity] = lookUp(SEVERITY, record.outcome) ?? [1, "Informational"];
  // "Other" is named by what it was at its source.
  const activity_name = of.activities[activity] ?? source;
  const { request_id, seq, level } = record as Loose;
  return {
    time: timeOf(record.timestamp),
    class_uid: of.uid,
    class_name: of.name,
    category_uid: of.category,
    category_name: of.categoryName,
    activity_id: activity,
    activity_name,
    type_uid: of.uid * 100 + activity,
    type_name: `${of.name}: ${of.activities[activity] ?? "Other"}`,
    severity_id,
    severity,
    status_id,
    status,
    ...(record.outcome === "denied" && { status_detail: "denied" }),
    message: text(record.message) ?? "",
    metadata: {
      version: VERSION,
      product: PRODUCT,
      uid: record.record_id,
      event_code: source,
      log_name: record.name,
      log_level: text(level) ?? "",
      original_time: record.timestamp,
      ...(text(request_id) && { correlation_uid: request_id }),
      ...(typeof seq === "number" && { sequence: seq }),
    },
  };
}

function duration(record: LogRecord): Loose {
  const seconds = facts.duration(record);
  if (seconds === undefined) return {};
  const end = timeOf(record.timestamp);
  const ms = Math.round(seconds * 1000);
  return { duration: ms, start_time: end - ms, end_time: end };
}

/** One of its members must be there: where nobody is known, the service is. */
function actor(record: LogRecord): Loose {
  if (facts.user(record) !== undefined) return { user: user(record) };
  return { app_name: facts.service(record) ?? "unknown" };
}

function user(record: LogRecord): Loose {
  const uid = facts.user(record);
  const name = facts.userName(record);
  const email = text((record.user as Loose | null)?.["email"]);
  return {
    ...(uid !== undefined && { uid }),
    ...((name !== undefined || uid === undefined) && { name: name ?? "unknown" }),
    ...(email !== undefined && { email_addr: email }),
  };
}

const ALWAYS = ["parent_id", "trace_id", "span_id", "extra", "redacted", "chain", "hash"];

function unmapped(record: LogRecord, names: readonly string[]): Loose {
  const found = [...ALWAYS, ...names]
    .map((name) => [name, (record as Loose)[name]] as const)
    .filter(([, value]) => value !== undefined && value !== null);
  return { unmapped: Object.fromEntries(found) };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
