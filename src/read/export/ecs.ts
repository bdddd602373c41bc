/**
 * Records in the Elastic Common Schema. What it has no field for stands whole under `activity_audit`, as ECS
 * asks of custom fields.
 *
 * @see https://www.elastic.co/docs/reference/ecs
 * @module
 */
import { facts, lookUp } from "../facts.js";
import type { LogRecord } from "../records.js";
import { toIso } from "./cloudevents.js";

type Loose = Record<string, any>;

const ECS_VERSION = "8.17.0";

/** ECS knows three; what was refused did not succeed, and of what was aborted nobody knows. */
const OUTCOMES: Record<string, string> = { success: "success", failure: "failure", denied: "failure" };

export function toEcs(record: LogRecord): Loose {
  const { request_repr, response_repr, redacted, ...own } = record as Loose;
  const error = text(own["error_message"]) ?? text(own["error"]);
  const schema = pruned({
    "@timestamp": toIso(record.timestamp),
    ecs: { version: ECS_VERSION },
    message: text(own["message"]),
    log: { level: text(own["level"])?.toLowerCase(), logger: record.name },
    event: event(record),
    service: { name: facts.service(record) },
    user: user(record),
    trace: { id: text(own["trace_id"]) },
    span: { id: text(own["span_id"]) },
    error: { message: error, stack_trace: text(own["exception"]) },
    ...http(record),
  });
  return {
    ...schema,
    activity_audit: {
      ...pick(own, OWN),
      ...(redacted !== undefined && { redacted }),
      ...(request_repr !== undefined && { request: pick(request_repr, REQUEST) }),
      ...(response_repr !== undefined && { response: pick(response_repr, RESPONSE) }),
    },
  };
}

/** Those of ours that have no field of ECS. */
const OWN = [
  "schema",
  "parent_id",
  "outcome",
  "extra",
  "model",
  "table",
  "instance_id",
  "instance_label",
  "instance_repr",
  "changed_fields",
  "transaction_id",
  "row_count",
  "instance_ids",
  "statement",
  "request_type",
  "protocol",
  "route",
  "handler",
  "details",
  "target",
  "chain",
  "hash",
];
const REQUEST = [
  "query_params",
  "headers",
  "body",
  "host",
  "operation",
  "remote_path",
  "filename",
  "class",
  "method",
  "arguments",
];
const RESPONSE = ["headers", "body", "message", "bytes", "sha256", "result"];

function event(record: LogRecord): Loose {
  const { action, extra, seq } = record as Loose;
  const duration = facts.duration(record);
  return {
    id: record.record_id,
    kind: "event",
    ...classified(record),
    action: text(extra?.action) ?? text(action) ?? facts.kind(record),
    outcome: lookUp(OUTCOMES, record.outcome) ?? "unknown",
    module: "activity_audit",
    dataset: `activity_audit.${record.name}`,
    duration: duration === undefined ? undefined : Math.round(duration * 1e9),
    sequence: seq,
  };
}

/** Allowed categories, and of their types those that ECS expects in them. */
function classified(record: LogRecord): { category?: string[]; type: string[] } {
  const kind = facts.kind(record);
  const failed = record.outcome === "failure" ? ["error"] : [];
  switch (record.name) {
    case "audit.crud":
      return { category: ["database"], type: [kind === "READ" ? "access" : "change"] };
    case "audit.request":
      return kind === "external"
        ? { category: ["network"], type: ["connection"] }
        : { category: ["web"], type: ["access", ...failed] };
    case "audit.login":
      return {
        category: ["authentication"],
        type: [kind === "logout" ? "end" : kind === "login" ? "start" : "info"],
      };
    case "audit.trail":
      if (kind === "CONFIG") return { category: ["configuration"], type: ["change"] };
      return {
        category: ["process"],
        type: [kind === "AUDIT_STARTED" ? "start" : kind === "AUDIT_STOPPED" ? "end" : "info"],
      };
    default:
      return { type: [/^(?:ERROR|FATAL)$/u.test(text(record.level) ?? "") ? "error" : "info"] };
  }
}

function user(record: LogRecord): Loose {
  const { user: found } = record as Loose;
  const roles = found?.roles ?? found?.role;
  return {
    id: facts.user(record),
    name: facts.userName(record),
    email: text(found?.email),
    roles: rolesOf(roles),
  };
}

/** ECS asks for texts. */
function rolesOf(roles: unknown): string[] | undefined {
  const texts = (Array.isArray(roles) ? roles : [roles]).filter((role) => typeof role === "string");
  return texts.length > 0 ? texts : undefined;
}

function http(record: LogRecord): Loose {
  const { request_id, request_repr } = record as Loose;
  if (record.name !== "audit.request") return { http: { request: { id: text(request_id) } } };
  const isHttp = /^https?$/u.test(facts.protocol(record) ?? "");
  const ip = text(request_repr?.client_ip);
  return {
    http: {
      request: { id: text(request_id), method: isHttp ? facts.method(record) : undefined },
      response: { status_code: facts.status(record) },
    },
    url: isHttp ? url(record) : {},
    client: { ip },
    source: { ip },
    user_agent: { original: text(request_repr?.headers?.["user-agent"]) },
    network: { protocol: text((record as Loose)["protocol"]) },
  };
}

function url(record: LogRecord): Loose {
  const place = facts.place(record);
  if (place === undefined || facts.kind(record) !== "external") return { path: place };
  const parsed = URL.canParse(place) ? new URL(place) : undefined;
  return {
    original: place,
    scheme: parsed?.protocol.slice(0, -1),
    domain: parsed?.hostname,
    port: parsed?.port ? Number(parsed.port) : undefined,
    path: parsed?.pathname,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function pick(value: unknown, names: readonly string[]): Loose {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, (value as Loose)[name]]),
  );
}

/** Without what is not there, two levels deep, and without what is empty then. */
function pruned(value: Loose): Loose {
  const level = (of: Loose, depth: number): Loose =>
    Object.fromEntries(
      Object.entries(of)
        .filter(([, one]) => one !== undefined && one !== null)
        .map(([name, one]) => [name, depth > 0 && isObject(one) ? level(one, depth - 1) : one] as const)
        .filter(([, one]) => !(isObject(one) && depth > 0 && Object.keys(one).length === 0)),
    );
  return level(value, 2);
}

function isObject(of: unknown): of is Loose {
  return typeof of === "object" && of !== null && !Array.isArray(of);
}
