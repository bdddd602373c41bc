/**
 * The record that every contender writes: about 1 KB, as a request with small bodies makes it.
 *
 * @module
 */

/** @param number - makes each record another; stands in `record_id` */
export function requestRecord(number) {
  const id = String(number).padStart(12, "0");
  return {
    timestamp: "2026-01-05 09:12:44.031",
    level: "API",
    name: "audit.request",
    message: "Audit Internal Request",
    service_name: "review_board",
    user: { id: "cae8ffb4-ba52-409c-9a6f-e10362bfaf97", email: "example@source.com", first_name: "Ana" },
    record_id: `01a20ce0-ad4b-7874-b461-${id}`,
    schema: 1,
    request_id: "01a20ce0-ad44-7662-a962-d6bbbb5bc90f",
    parent_id: null,
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    span_id: "00f067aa0ba902b7",
    outcome: "success",
    extra: {},
    request_type: "internal",
    protocol: "https",
    request_repr: {
      method: "POST",
      path: "/api/v1/patients/17/notes",
      query_params: { page: "1", sort: "created" },
      headers: {
        host: "clinic.example.org",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        accept: "application/json",
        "content-type": "application/json",
        "content-length": "64",
      },
      user: { id: "cae8ffb4-ba52-409c-9a6f-e10362bfaf97" },
      body: { title: "Follow-up", text: "Seen today, returns in two weeks.", urgent: false },
      client_ip: "10.0.3.17",
    },
    response_repr: {
      status_code: 201,
      headers: { "content-type": "application/json; charset=utf-8", "content-length": "91" },
      body: { id: 9182, title: "Follow-up", created: "2026-01-05T09:12:44.030Z" },
    },
    error_message: null,
    execution_time: 0.004213,
    route: "/api/v1/patients/:id/notes",
    handler: "NotesController.create",
  };
}

/** What a capture of requests tells, for the record of the same number. */
export function requestEvent(number) {
  const record = requestRecord(number);
  const { request_repr: asked, response_repr: answered } = record;
  const head = Object.entries(answered.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return {
    kind: "request",
    context: {
      requestId: record.request_id,
      recordId: record.record_id,
      parentId: null,
      actor: () => record.user,
      traceId: record.trace_id,
      spanId: record.span_id,
      muted: false,
      extra: {},
    },
    at: Date.UTC(2026, 0, 5, 9, 12, 44, 31),
    recordId: record.record_id,
    method: asked.method,
    url: `${asked.path}?page=1&sort=created`,
    protocol: record.protocol,
    clientIp: asked.client_ip,
    requestHeaders: Object.entries(asked.headers).flat(),
    requestBody: bodyOf(asked.body),
    status: answered.status_code,
    responseHeaders: `HTTP/1.1 201 Created\r\n${head.join("")}\r\n`,
    responseBody: bodyOf(answered.body),
    outcome: record.outcome,
    error: null,
    durationMs: 4.213,
    route: record.route,
    handler: record.handler,
    action: null,
    extra: {},
  };
}

function bodyOf(value) {
  const bytes = Buffer.from(JSON.stringify(value));
  return { chunks: [bytes], bytes: bytes.length, truncated: false };
}
