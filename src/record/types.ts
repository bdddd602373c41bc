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
  /** As the application's `actor` gave it; `null` if it gave none. */
  readonly id: string | number | null;
  readonly [info: string]: unknown;
}

/** What stands on every record, in this order, before the fields of its own kind. */
export interface RecordBase {
  /** UTC, `YYYY-MM-DD HH:mm:ss.SSS`. */
  timestamp: string;
  /** `AUDIT`, `API` or `LOGIN`; in the container log any level of log4js. */
  level: string;
  /** The type of the record, `audit.crud` for example; in the container log the logger's category. */
  name: string;
  /** A sentence for people, at most 16,384 characters. */
  message: string;
  /** This service, as `audit.start({ serviceName })` says; on a call that went out, the service that was called. */
  service_name: string;
  /** Who acted, as it was at that moment; `null` if nobody is known. */
  user: RecordUser | null;
  /** UUIDv7 (RFC 9562), unique for each record. */
  record_id: string;
  /** The version of the record format, a whole number; 1 now. */
  schema: number;
  /** The same for all that one request, or one `audit.run`, caused. */
  request_id: string | null;
  /** The `record_id` of the record that caused this one. */
  parent_id: string | null;
  /** The trace of W3C Trace Context: 32 lower-case hex digits. */
  trace_id: string | null;
  /** The span within it: 16 lower-case hex digits. */
  span_id: string | null;
  /** How it ended. */
  outcome: Outcome;
  /** The application's own fields; `{}` if none. */
  extra: Record<string, unknown>;
  /**
   * Where something was redacted, masked or pseudonymised: JSON Pointers (RFC 6901) into this record; `#name`
   * after one says where in a text. Always directly after `extra`; absent if nothing was.
   */
  redacted?: string[] | undefined;
}

/**
 * What happened to a row. `LINK` and `UNLINK`: a many-to-many relation. `STATEMENT`: a statement whose rows could not be
 * told apart.
 */
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

/** One property before and after. A redacted property is named, its values are not. */
export interface FieldChange {
  /** What it was. */
  from: unknown;
  /** What it is now. */
  to: unknown;
}

/** `audit.crud`: a committed change of one row, or one read, or one statement that has no single row. */
export interface CrudRecord extends RecordBase {
  /** Always `AUDIT`. */
  level: "AUDIT";
  /** Always `audit.crud`. */
  name: "audit.crud";
  /** The entity's name; of a table without an entity, the table's. */
  model: string;
  /** The table, as the database has it. */
  table: string;
  /** What happened to the row. */
  event_type: RowEventType;
  /** The primary key as text; for a composite key a JSON object of its properties. `null` if there is no one row. */
  instance_id: string | null;
  /** What `@AuditEntity({ label })` makes of the row, hidden values hidden; `null` without it. */
  instance_label: string | null;
  /** The row after; for DELETE and UNLINK the row before. `null` if there is no one row. */
  instance_repr: RowImage | null;
  /** Of an update, each property that differs; `{}` of all else. */
  changed_fields: Record<string, FieldChange>;
  /** The same for all rows that were committed together. */
  transaction_id: string | null;
  /** Only where one record stands for many rows (READ, TRUNCATE, STATEMENT, bulk): how many. */
  row_count?: number;
  /** Only there: the primary keys of the first rows, 20 of changes and 100 of reads. */
  instance_ids?: string[];
  /** Only there: the statement, without its values. */
  statement?: string;
  /** Only beside `statement`: the values that it was run with, those of hidden columns redacted or masked. */
  parameters?: unknown[];
}

/** What was asked, over HTTP. `path` for requests that came in, `endpoint` for calls that went out. */
export interface HttpRequestRepr {
  /** As it was sent; empty if the request could not be read. */
  method: string;
  /** Only of a request that came in: the path without the query. */
  path?: string;
  /** Only of a call that went out: the address without the query. */
  endpoint?: string;
  /** The query, decoded; a name that comes twice has a list. */
  query_params: Record<string, unknown>;
  /** Names in lower case; `{}` where headers are not recorded. */
  headers: Record<string, unknown>;
  /** Only of a request that came in: the same as the record's own `user`. */
  user?: RecordUser | null;
  /** An object where it was JSON or a form, a text where it was one, a marker where less was kept; else `null`. */
  body: unknown;
  /** Only of a request that came in: the client's address, behind proxies as `requests.trustProxy` says. */
  client_ip?: string | null;
}

/** What was answered, over HTTP. */
export interface HttpResponseRepr {
  /** `null` when there was no answer. */
  status_code: number | null;
  /** Names in lower case; `{}` where headers are not recorded. */
  headers: Record<string, unknown>;
  /** As that of the request. */
  body: unknown;
}

/** What a call was answered. */
export interface HttpCallResponseRepr extends HttpResponseRepr {
  /** Only of a call that was redirected: the last address. */
  redirected_to?: {
    /** The address without the query. */
    endpoint: string;
    /** Its query, decoded. */
    query_params: Record<string, unknown>;
  };
  /** Only of a call that was repeated: every attempt at it, in order. */
  attempts?: CallAttemptRepr[];
}

/** One attempt at a call. */
export interface CallAttemptRepr {
  /** From 1. */
  attempt: number;
  /** `null` when there was no answer. */
  status_code: number | null;
  /** Why it failed; `null` if it did not. */
  error_message: string | null;
  /** Seconds. */
  execution_time: number;
}

/**
 * What was asked, over SFTP. Further fields are the operation's own: `host_key`, `target_path`, `files`, `mode` …
 */
export interface SftpRequestRepr {
  /** The server, as `connect` was told; `null` where that is not known. */
  host: string | null;
  /** The method of ssh2-sftp-client: `put`, `get`, `connect` … */
  operation: string;
  /** The path on the server; `null` of what has none. */
  remote_path: string | null;
  /** The name of the local file, never its whole path; of the remote one where there is no local file. */
  filename: string | null;
  [detail: string]: unknown;
}

/** What was answered, over SFTP. */
export interface SftpResponseRepr {
  /** What the client says of it; `null` if it says nothing. */
  message: string | null;
  /** How many bytes of content passed; `null` of what has no content. */
  bytes: number | null;
  /** SHA-256 of the content, in hex; `null` unless it passed whole. */
  sha256: string | null;
  /**
   * The error's own `code`, as text: a status of SFTP (`"2"`: no such file) or a name; `null` if there was none.
   */
  error_code: string | null;
  [detail: string]: unknown;
}

/** A call of a decorated class that is neither HTTP nor SFTP. */
export interface MethodRequestRepr {
  /** The class's name. */
  class: string;
  /** The method's name. */
  method: string;
  /** What it was called with, redacted and clipped; `[]` where only metadata is recorded. */
  arguments: unknown[];
}

/** What a method of a decorated class returned. */
export interface MethodResponseRepr {
  /** Redacted and clipped; `null` if it failed, or where only metadata is recorded. */
  result: unknown;
}

interface RequestRecordBase extends RecordBase {
  /** Always `API`. */
  level: "API";
  /** Always `audit.request`. */
  name: "audit.request";
  /** What was thrown; `null` if nothing was. */
  error_message: string | null;
  /** In seconds, to the microsecond. */
  execution_time: number;
  /** The route's pattern, as the framework has it, for example `/patients/:id`. */
  route: string | null;
  /** `Class.method` of the decorated handler. */
  handler: string | null;
}

/** `audit.request`, `internal`: one request that came in, however it ended. */
export interface InternalRequestRecord extends RequestRecordBase {
  /** A request that came in. */
  request_type: "internal";
  /** How it came. */
  protocol: "http" | "https";
  /** What was asked. */
  request_repr: HttpRequestRepr;
  /** What was answered. */
  response_repr: HttpResponseRepr;
}

/** `audit.request`, `external`: one call that went out over HTTP. */
export interface HttpCallRecord extends RequestRecordBase {
  /** A call that went out. */
  request_type: "external";
  /** How it went. */
  protocol: "http" | "https";
  /** What was asked. */
  request_repr: HttpRequestRepr;
  /** What was answered, and by whom in the end. */
  response_repr: HttpCallResponseRepr;
}

/** `audit.request`, `external`: one SFTP operation. */
export interface SftpCallRecord extends RequestRecordBase {
  /** A call that went out. */
  request_type: "external";
  /** Always `sftp`. */
  protocol: "sftp";
  /** What was asked. */
  request_repr: SftpRequestRepr;
  /** What was answered. */
  response_repr: SftpResponseRepr;
}

/** `audit.request`, `external`: one call of a method of an `@ExternalService` class. */
export interface MethodCallRecord extends RequestRecordBase {
  /** A call that went out. */
  request_type: "external";
  /** Always `method`. */
  protocol: "method";
  /** What was called. */
  request_repr: MethodRequestRepr;
  /** What it returned. */
  response_repr: MethodResponseRepr;
}

/** `audit.request`, `external`: a call that went out, told apart by `protocol`. */
export type ExternalCallRecord = HttpCallRecord | SftpCallRecord | MethodCallRecord;
/** A line of `api.log`: a request or a call, told apart by `request_type`. */
export type RequestRecord = InternalRequestRecord | ExternalCallRecord;

/** `audit.login`: a login, logout or refused login. */
export interface LoginRecord extends RecordBase {
  /** Always `LOGIN`. */
  level: "LOGIN";
  /** Always `audit.login`. */
  name: "audit.login";
  /** `login`, `logout`, `login_failed`, or a word of the application's. */
  event: string;
  /** Whether it was let in. */
  success: boolean;
  /** Why not; `null` if it was. */
  error: string | null;
}

/** `audit.trail`: what the trail says of itself. */
export interface TrailRecord extends RecordBase {
  /** Always `AUDIT`. */
  level: "AUDIT";
  /** Always `audit.trail`. */
  name: "audit.trail";
  /** What happened to the trail; `docs/records.md` says what each tells. */
  event_type: "AUDIT_STARTED" | "AUDIT_STOPPED" | "CONFIG" | "GAP" | "CHECKPOINT" | "RETENTION";
  /** What belongs to the event: of a `GAP` `from`, `to`, `count` and `why`. */
  details: Record<string, unknown>;
}

/** `audit.event`: what the application recorded itself, by `audit.record()`. */
export interface CustomRecord extends RecordBase {
  /** Always `AUDIT`. */
  level: "AUDIT";
  /** Always `audit.event`. */
  name: "audit.event";
  /** `noun.verb`, for example `report.export`. */
  action: string;
  /** What was acted upon; `null` if it was not said. */
  target: {
    /** The kind of thing. */
    type: string;
    /** Which one. */
    id: string;
  } | null;
}

/** A line of the container log (`app.log`): what the application logged itself. */
export interface ContainerRecord extends RecordBase {
  /** The source file that logged, if call stacks are enabled. */
  path: string | null;
  /** Its name without folder and extension, if call stacks are enabled. */
  module: string | null;
  /** The function that logged, if call stacks are enabled and it has a name. */
  function: string | null;
  /** The stack of the error that was logged. */
  exception: string | null;
}

/** Everything that can stand on a line of `audit.log`, `api.log` and `login.log`. */
export type AuditRecord = CrudRecord | RequestRecord | LoginRecord | TrailRecord | CustomRecord;
