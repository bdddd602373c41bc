/**
 * The records that activity-audit writes: one JSON object a line, as a discriminated union on `name`.
 *
 * Field names and their order are a contract with dashboards; a field is renamed or dropped only together
 * with a new `schema` number. `schema/*.json` says the same as JSON Schema, and a spec holds the two together.
 *
 * @module
 */

/** The version of the record format; stands in every record as `schema`. */
export const SCHEMA_VERSION = 1;

/** How what is recorded ended. `unknown` is said where we cannot know, and never guessed. */
export type Outcome = "success" | "failure" | "denied" | "aborted" | "unknown";

/** The person or system that acted, as the application's `actor` function gives it. */
export interface RecordUser {
  readonly id: string | number | null;
  readonly [info: string]: unknown;
}

/** What stands on every record, in this order, before the fields of its own kind. */
export interface RecordBase {
  /** UTC, `YYYY-MM-DD HH:mm:ss.SSS`. */
  timestamp: string;
  level: string;
  name: string;
  message: string;
  service_name: string;
  user: RecordUser | null;
  /** UUIDv7 (RFC 9562), unique for each record. */
  record_id: string;
  schema: number;
  /** The same for all that one request, or one `audit.run`, caused. */
  request_id: string | null;
  /** The `record_id` of the record that caused this one. */
  parent_id: string | null;
  /** W3C trace context: 32 and 16 lower-case hex digits. */
  trace_id: string | null;
  span_id: string | null;
  outcome: Outcome;
  /** The application's own fields; `{}` if none. */
  extra: Record<string, unknown>;
  /**
   * Where something was redacted, masked or pseudonymised: JSON Pointers (RFC 6901) into this record; `#name`
   * after one says where in a text. Always directly after `extra`; absent if nothing was.
   */
  redacted?: string[] | undefined;
}

export type RowEventType =
  | "CREATE"
  | "READ"
  | "UPDATE"
  | "DELETE"
  | "SOFT_DELETE"
  | "RESTORE"
  | "LINK"
  | "UNLINK"
  | "TRUNCATE"
  | "STATEMENT";

/** A row, in the entity's own property names; plain JSON values. */
export type RowImage = Record<string, unknown>;

/** `audit.crud`: a committed change of one row, or one read, or one statement that has no single row. */
export interface CrudRecord extends RecordBase {
  level: "AUDIT";
  name: "audit.crud";
  model: string;
  table: string;
  event_type: RowEventType;
  /** The primary key as text; for a composite key a JSON object of its properties. `null` if there is no one row. */
  instance_id: string | null;
  instance_label: string | null;
  /** The row after; for DELETE the row before. */
  instance_repr: RowImage | null;
  changed_fields: Record<string, { from: unknown; to: unknown }>;
  /** The same for all rows that were committed together. */
  transaction_id: string | null;
  /** Only where one record stands for many rows (READ, TRUNCATE, STATEMENT, bulk): how many. */
  row_count?: number;
  /** Only there: the primary keys of the first rows. */
  instance_ids?: string[];
  /** Only there: the statement, without its values. */
  statement?: string;
  /** Only beside `statement`: the values that it was run with, those of hidden columns redacted or masked. */
  parameters?: unknown[];
}

/** What was asked, over HTTP. `path` for requests that came in, `endpoint` for calls that went out. */
export interface HttpRequestRepr {
  method: string;
  path?: string;
  endpoint?: string;
  query_params: Record<string, unknown>;
  headers: Record<string, unknown>;
  user?: RecordUser | null;
  body: unknown;
  client_ip?: string | null;
}

/** What was answered, over HTTP. `status_code` is `null` when there was no answer. */
export interface HttpResponseRepr {
  status_code: number | null;
  headers: Record<string, unknown>;
  body: unknown;
}

/** What a call was answered. */
export interface HttpCallResponseRepr extends HttpResponseRepr {
  /** Only of a call that was redirected: the last address. */
  redirected_to?: { endpoint: string; query_params: Record<string, unknown> };
  /** Only of a call that was repeated: every attempt at it, in order. */
  attempts?: CallAttemptRepr[];
}

/** One attempt at a call. */
export interface CallAttemptRepr {
  /** From 1. */
  attempt: number;
  status_code: number | null;
  error_message: string | null;
  /** Seconds. */
  execution_time: number;
}

export interface SftpRequestRepr {
  host: string | null;
  operation: string;
  remote_path: string | null;
  filename: string | null;
  [detail: string]: unknown;
}

export interface SftpResponseRepr {
  message: string | null;
  bytes: number | null;
  sha256: string | null;
  error_code: string | null;
  [detail: string]: unknown;
}

/** A call of a decorated class that is neither HTTP nor SFTP. */
export interface MethodRequestRepr {
  class: string;
  method: string;
  arguments: unknown[];
}

export interface MethodResponseRepr {
  result: unknown;
}

interface RequestRecordBase extends RecordBase {
  level: "API";
  name: "audit.request";
  error_message: string | null;
  /** Seconds. */
  execution_time: number;
  /** The route's pattern, as the framework has it, for example `/patients/:id`. */
  route: string | null;
  /** `Class.method` of the decorated handler. */
  handler: string | null;
}

/** `audit.request`, `internal`: one request that came in, however it ended. */
export interface InternalRequestRecord extends RequestRecordBase {
  request_type: "internal";
  protocol: "http" | "https";
  request_repr: HttpRequestRepr;
  response_repr: HttpResponseRepr;
}

/** `audit.request`, `external`: one call that went out over HTTP. */
export interface HttpCallRecord extends RequestRecordBase {
  request_type: "external";
  protocol: "http" | "https";
  request_repr: HttpRequestRepr;
  response_repr: HttpCallResponseRepr;
}

/** `audit.request`, `external`: one SFTP operation. */
export interface SftpCallRecord extends RequestRecordBase {
  request_type: "external";
  protocol: "sftp";
  request_repr: SftpRequestRepr;
  response_repr: SftpResponseRepr;
}

/** `audit.request`, `external`: one call of a method of an `@ExternalService` class. */
export interface MethodCallRecord extends RequestRecordBase {
  request_type: "external";
  protocol: "method";
  request_repr: MethodRequestRepr;
  response_repr: MethodResponseRepr;
}

export type ExternalCallRecord = HttpCallRecord | SftpCallRecord | MethodCallRecord;
export type RequestRecord = InternalRequestRecord | ExternalCallRecord;

/** `audit.login`: a login, logout or refused login. */
export interface LoginRecord extends RecordBase {
  level: "LOGIN";
  name: "audit.login";
  event: string;
  success: boolean;
  error: string | null;
}

/** `audit.trail`: what the trail says of itself. */
export interface TrailRecord extends RecordBase {
  level: "AUDIT";
  name: "audit.trail";
  event_type: "AUDIT_STARTED" | "AUDIT_STOPPED" | "CONFIG" | "GAP" | "CHECKPOINT" | "RETENTION";
  details: Record<string, unknown>;
}

/** `audit.event`: what the application recorded itself, by `audit.record()`. */
export interface CustomRecord extends RecordBase {
  level: "AUDIT";
  name: "audit.event";
  action: string;
  target: { type: string; id: string } | null;
}

/** A line of the container log (`app.log`): what the application logged itself. */
export interface ContainerRecord extends RecordBase {
  /** The source file that logged, if call stacks are enabled. */
  path: string | null;
  module: string | null;
  function: string | null;
  /** The stack of the error that was logged. */
  exception: string | null;
}

/** Everything that can stand on a line of `audit.log`, `api.log` and `login.log`. */
export type AuditRecord = CrudRecord | RequestRecord | LoginRecord | TrailRecord | CustomRecord;
