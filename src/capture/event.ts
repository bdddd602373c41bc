/**
 * What captures tell: facts as they were seen, not yet in the shape of a record.
 *
 * Values that the application may change later (bodies, headers, arguments) are copied or encoded before
 * the event is made, so that a record can be built from it at any time.
 *
 * @module
 */
import type { AuditContext } from "../context/context.js";
import type { Outcome, RowEventType, RowImage } from "../record/types.js";

interface EventBase {
  /** The context in which it happened; `undefined` outside of any. */
  readonly context: AuditContext | undefined;
  /** When it happened (for what takes time: when it ended), in milliseconds since the epoch. */
  readonly at: number;
}

/** What is known of an entity's fields beyond their names: which are never written, and how others are. */
export interface FieldRules {
  /** Properties that are written as `[REDACTED]`. */
  readonly redact: ReadonlySet<string>;
  /** Properties that are written in part. */
  readonly mask: ReadonlySet<string>;
  /** Properties that are left out, and whose change alone makes no record. */
  readonly exclude: ReadonlySet<string>;
  /** If given, the only properties that are kept. */
  readonly include: ReadonlySet<string> | null;
}

/** A committed change of a row, a read, or a statement that has no single row. */
export interface RowEvent extends EventBase {
  readonly kind: "row";
  readonly type: RowEventType;
  readonly model: string;
  readonly table: string;
  readonly id: string | null;
  readonly before: RowImage | null;
  readonly after: RowImage | null;
  readonly rules: FieldRules;
  /** Made from the row (after; for DELETE before) by the entity's `label` function. */
  readonly label: string | null;
  readonly transactionId: string | null;
  readonly outcome: Outcome;
  readonly rowCount?: number;
  readonly ids?: readonly string[];
  readonly statement?: string;
  /** The values that the statement was run with, and how the entities' field rules hide each. */
  readonly parameters?: readonly { readonly value: unknown; readonly hidden: "redact" | "mask" | null }[];
}

/** A body as it passed: the first bytes of it, and how much it was. */
export interface CapturedBody {
  /** The bytes kept, up to the cap, exactly as they went over the wire. */
  readonly chunks: readonly Uint8Array[];
  /** All bytes that passed, kept or not. */
  readonly bytes: number;
  /** True when more passed than was kept, or when less arrived than was announced. */
  readonly truncated: boolean;
  /** Only of a multipart form: its parts, whatever their size. */
  readonly parts?: readonly CapturedPart[];
}

/** One part of a multipart form. */
export interface CapturedPart {
  readonly name: string;
  /** `null` for a field. */
  readonly filename: string | null;
  readonly contentType: string | null;
  readonly bytes: number;
  /** Of a file: lower-case hex; `null` for a field, or when the file did not arrive whole. */
  readonly sha256: string | null;
  /** Of a field: its value, as far as it was kept; `null` for a file. */
  readonly value: string | null;
  readonly truncated: boolean;
}

/**
 * Headers as a capture has them, so that they are read only where they must be: by name; as name, value, name, value …;
 * or as the text that went over the wire before the body, its first line included.
 */
export type SeenHeaders = Readonly<Record<string, unknown>> | readonly string[] | string;

/** One request that came in, however it ended. */
export interface RequestEvent extends EventBase {
  readonly kind: "request";
  /** The record's own id, fixed when the request begins so that what it causes can name it. */
  readonly recordId: string;
  readonly method: string;
  /** As on the request line: path and query. */
  readonly url: string;
  readonly protocol: "http" | "https";
  readonly clientIp: string | null;
  /** Name, value, name, value … as received; only those that say what the body is when headers are not captured. */
  readonly requestHeaders: readonly string[];
  /** `null` when bodies are not captured. */
  readonly requestBody: CapturedBody | null;
  /** `null` when nothing was answered. */
  readonly status: number | null;
  readonly responseHeaders: SeenHeaders;
  readonly responseBody: CapturedBody | null;
  readonly outcome: Outcome;
  readonly error: unknown;
  readonly durationMs: number;
  readonly route: string | null;
  readonly handler: string | null;
  /** `@AuditRoute({ action })`. */
  readonly action: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** What is common to calls that went out. */
interface CallEventBase extends EventBase {
  readonly kind: "call";
  readonly service: string;
  /** The record's own id, fixed before the call so that what the call causes can name it. */
  readonly recordId: string;
  readonly outcome: Outcome;
  readonly error: unknown;
  readonly durationMs: number;
  readonly handler: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** One attempt at a call: how it was answered. */
export interface CallAttempt {
  readonly status: number | null;
  readonly error: unknown;
  readonly durationMs: number;
}

export interface HttpCallEvent extends CallEventBase {
  readonly protocol: "http" | "https";
  readonly method: string;
  /** The whole URL, with its query. */
  readonly url: string;
  readonly requestHeaders: SeenHeaders;
  /** A text, or a plain copy of what was given; or a `CapturedBody` where only bytes are known. */
  readonly requestBody: unknown;
  readonly status: number | null;
  readonly responseHeaders: SeenHeaders;
  readonly responseBody: unknown;
  /** Where redirects led; `null` where there were none. */
  readonly redirectedTo: string | null;
  /** In their order; the fields above are those of the last that was answered. */
  readonly attempts: readonly CallAttempt[];
}

export interface SftpCallEvent extends CallEventBase {
  readonly protocol: "sftp";
  /** Of a file: the record of its directory's operation, which is its cause also outside of any context. */
  readonly parentId?: string;
  readonly host: string | null;
  readonly operation: string;
  readonly remotePath: string | null;
  readonly filename: string | null;
  readonly message: string | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  /** Of the error: a status of SFTP, a code of the library or of the system. */
  readonly errorCode: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface MethodCallEvent extends CallEventBase {
  readonly protocol: "method";
  readonly className: string;
  readonly method: string;
  readonly arguments: readonly unknown[];
  readonly result: unknown;
}

export type CallEvent = HttpCallEvent | SftpCallEvent | MethodCallEvent;

export type CaptureEvent = RowEvent | RequestEvent | CallEvent;
