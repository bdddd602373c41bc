/**
 * Requests that came in → `audit.request` records, `internal`.
 *
 * @module
 */
import type { RequestEvent } from "../capture/event.js";
import { bodyOf } from "./body.js";
import { commonFields, type Stamp, withFields } from "./common.js";
import { errorMessage } from "./error.js";
import { headersFrom, headersFromList, headerText, splitUrl } from "./http.js";
import { seconds } from "./timestamp.js";
import type { InternalRequestRecord } from "./types.js";

/** The record's own id is the one that all it caused names as its parent, so it comes with the event. */
export function buildRequest(event: RequestEvent, stamp: Stamp): InternalRequestRecord {
  const { base, query } = splitUrl(event.url);
  const requestHeaders = headersFromList(event.requestHeaders);
  const responseHeaders = headersFrom(event.responseHeaders);
  const common = commonFields(
    {
      level: "API",
      name: "audit.request",
      message: "Audit Internal Request",
      serviceName: stamp.serviceName,
      recordId: event.recordId,
      parentId: event.context?.parentId ?? null,
      outcome: event.outcome,
      extra: event.action === null ? event.extra : { action: event.action, ...event.extra },
    },
    event,
  );
  return withFields(common, {
    request_type: "internal" as const,
    protocol: event.protocol,
    request_repr: {
      method: event.method,
      path: base,
      query_params: query,
      headers: requestHeaders,
      user: common.user,
      body: body(event.requestBody, requestHeaders),
      client_ip: event.clientIp,
    },
    response_repr: {
      status_code: event.status,
      headers: responseHeaders,
      body: body(event.responseBody, responseHeaders),
    },
    error_message: errorMessage(event.error),
    execution_time: seconds(event.durationMs),
    route: event.route,
    handler: event.handler,
  });
}

function body(captured: RequestEvent["requestBody"], headers: Record<string, unknown>): unknown {
  return bodyOf(captured, headerText(headers, "content-type"), headerText(headers, "content-encoding"));
}
