/**
 * Calls that went out → `audit.request` records, `external`.
 *
 * @module
 */
import type {
  CallAttempt,
  CallEvent,
  HttpCallEvent,
  MethodCallEvent,
  SftpCallEvent,
} from "../capture/event.js";
import { bodyOf, bodyOfText, isCapturedBody } from "./body.js";
import { commonFields, type Stamp, withFields } from "./common.js";
import { errorMessage } from "./error.js";
import { headersFrom, headerText, splitUrl } from "./http.js";
import { seconds } from "./timestamp.js";
import type {
  CallAttemptRepr,
  ExternalCallRecord,
  HttpCallRecord,
  MethodCallRecord,
  SftpCallRecord,
} from "./types.js";

export function buildCall(event: CallEvent, stamp: Stamp): ExternalCallRecord {
  switch (event.protocol) {
    case "sftp":
      return buildSftpCall(event, stamp);
    case "method":
      return buildMethodCall(event, stamp);
    default:
      return buildHttpCall(event, stamp);
  }
}

function buildHttpCall(event: HttpCallEvent, stamp: Stamp): HttpCallRecord {
  const { base, query } = splitUrl(event.url);
  const requestHeaders = headersFrom(event.requestHeaders);
  const responseHeaders = headersFrom(event.responseHeaders);
  return withFields(callFields(event, stamp), {
    protocol: event.protocol,
    request_repr: {
      method: event.method,
      endpoint: base,
      query_params: query,
      headers: requestHeaders,
      body: callBody(event.requestBody, requestHeaders),
    },
    response_repr: {
      status_code: event.status,
      headers: responseHeaders,
      body: callBody(event.responseBody, responseHeaders),
      ...(event.redirectedTo !== null && { redirected_to: addressOf(event.redirectedTo) }),
      ...(event.attempts.length > 1 && { attempts: event.attempts.map(attemptFields) }),
    },
    ...callEnd(event),
  });
}

/** In its parts, so that its query is redacted as any other. */
function addressOf(url: string): { endpoint: string; query_params: Record<string, unknown> } {
  const { base, query } = splitUrl(url);
  return { endpoint: base, query_params: query };
}

function attemptFields({ status, error, durationMs }: CallAttempt, index: number): CallAttemptRepr {
  return {
    attempt: index + 1,
    status_code: status,
    error_message: errorMessage(error),
    execution_time: seconds(durationMs),
  };
}

function buildSftpCall(event: SftpCallEvent, stamp: Stamp): SftpCallRecord {
  return withFields(callFields(event, stamp), {
    protocol: "sftp" as const,
    request_repr: {
      host: event.host,
      operation: event.operation,
      remote_path: event.remotePath,
      filename: event.filename,
      ...event.details,
    },
    response_repr: {
      message: event.message,
      bytes: event.bytes,
      sha256: event.sha256,
      error_code: event.errorCode,
    },
    ...callEnd(event),
  });
}

function buildMethodCall(event: MethodCallEvent, stamp: Stamp): MethodCallRecord {
  return withFields(callFields(event, stamp), {
    protocol: "method" as const,
    request_repr: { class: event.className, method: event.method, arguments: [...event.arguments] },
    response_repr: { result: event.result },
    ...callEnd(event),
  });
}

/** As in the seed, a call carries the name of the service that was called. */
function callFields(event: CallEvent, stamp: Stamp) {
  return withFields(
    commonFields(
      {
        level: "API",
        name: "audit.request",
        message: "Audit External Service",
        serviceName: event.service || stamp.serviceName,
        recordId: event.recordId,
        outcome: event.outcome,
        extra: event.extra,
        ...(event.protocol === "sftp" && event.parentId !== undefined && { parentId: event.parentId }),
      },
      event,
    ),
    { request_type: "external" } as const,
  );
}

function callEnd(event: CallEvent) {
  return {
    error_message: errorMessage(event.error),
    execution_time: seconds(event.durationMs),
    route: null,
    handler: event.handler,
  };
}

function callBody(body: unknown, headers: Record<string, unknown>): unknown {
  const contentType = headerText(headers, "content-type");
  if (isCapturedBody(body)) return bodyOf(body, contentType, headerText(headers, "content-encoding"));
  return typeof body === "string" ? bodyOfText(body, contentType) : (body ?? null);
}
