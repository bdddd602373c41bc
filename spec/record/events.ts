/**
 * Events as captures make them, for the specs of this folder.
 *
 * @module
 */
import type {
  CapturedBody,
  FieldRules,
  HttpCallEvent,
  MethodCallEvent,
  RequestEvent,
  RowEvent,
  SftpCallEvent,
} from "#dist/capture/event";
import type { AuditContext } from "#dist/context/context";

export const STAMP = { recordId: "01945d2c-3a01-7000-8000-0000000000aa", serviceName: "review_board" };
export const AT = Date.UTC(2026, 0, 5, 9, 12, 44, 31);
export const REQUEST_RECORD = "01945d2c-3a01-7000-8000-000000000001";
const CALL_RECORD = "01945d2c-3a01-7000-8000-000000000002";

export const CONTEXT: AuditContext = {
  requestId: "req-1",
  recordId: REQUEST_RECORD,
  parentId: null,
  actor: () => ({ id: 7, name: "Ana" }),
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  muted: false,
  extra: { tenant: "north" },
};

export const NO_RULES: FieldRules = { redact: new Set(), mask: new Set(), exclude: new Set(), include: null };

export function bodyOfBytes(content: string | Buffer): CapturedBody {
  const bytes = Buffer.from(content);
  return { chunks: [bytes], bytes: bytes.byteLength, truncated: false };
}

export function rowEvent(fields: Partial<RowEvent> = {}): RowEvent {
  return {
    kind: "row",
    context: CONTEXT,
    at: AT,
    type: "UPDATE",
    model: "Patient",
    table: "patients",
    id: "p-1",
    before: { id: "p-1", name: "Ada", ward: 3 },
    after: { id: "p-1", name: "Ada", ward: 4 },
    rules: NO_RULES,
    label: "Ada",
    transactionId: "tx-1",
    outcome: "success",
    ...fields,
  };
}

export function requestEvent(fields: Partial<RequestEvent> = {}): RequestEvent {
  return {
    kind: "request",
    context: CONTEXT,
    recordId: CONTEXT.recordId ?? "",
    at: AT,
    method: "POST",
    url: "/patients/p-1?ward=4&ward=5",
    protocol: "http",
    clientIp: "127.0.0.1",
    requestHeaders: ["Host", "localhost", "Content-Type", "application/json"],
    requestBody: bodyOfBytes('{"name":"Ada"}'),
    status: 201,
    responseHeaders: { "content-type": "application/json; charset=utf-8" },
    responseBody: bodyOfBytes('{"id":"p-1"}'),
    outcome: "success",
    error: null,
    durationMs: 12.3456,
    route: "/patients/:id",
    handler: "Patients.update",
    action: "patient.update",
    extra: {},
    ...fields,
  };
}

export function httpCallEvent(fields: Partial<HttpCallEvent> = {}): HttpCallEvent {
  return {
    kind: "call",
    context: CONTEXT,
    at: AT,
    service: "apollo",
    recordId: CALL_RECORD,
    protocol: "https",
    method: "GET",
    url: "https://apollo.example/v1/lab?order=9",
    requestHeaders: { Accept: "application/json" },
    requestBody: null,
    status: 200,
    responseHeaders: { "content-type": "application/json" },
    responseBody: { ok: true },
    redirectedTo: null,
    attempts: [{ status: 200, error: null, durationMs: 12.5 }],
    outcome: "success",
    error: null,
    durationMs: 5,
    handler: "Apollo.lab",
    extra: {},
    ...fields,
  };
}

export function sftpCallEvent(fields: Partial<SftpCallEvent> = {}): SftpCallEvent {
  return {
    kind: "call",
    context: CONTEXT,
    at: AT,
    service: "lab",
    recordId: CALL_RECORD,
    protocol: "sftp",
    host: "lab.example",
    operation: "put",
    remotePath: "/in/result.csv",
    filename: "result.csv",
    message: "Uploaded data stream to /in/result.csv",
    bytes: 12,
    sha256: "a".repeat(64),
    errorCode: null,
    details: {},
    outcome: "success",
    error: null,
    durationMs: 80,
    handler: null,
    extra: {},
    ...fields,
  };
}

export function methodCallEvent(fields: Partial<MethodCallEvent> = {}): MethodCallEvent {
  return {
    kind: "call",
    context: CONTEXT,
    at: AT,
    service: "billing",
    recordId: CALL_RECORD,
    protocol: "method",
    className: "Billing",
    method: "charge",
    arguments: [{ amount: 12 }],
    result: { paid: true },
    outcome: "success",
    error: null,
    durationMs: 1,
    handler: "Billing.charge",
    extra: {},
    ...fields,
  };
}
