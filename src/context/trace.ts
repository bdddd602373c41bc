/**
 * W3C trace context and baggage: read strictly, and written for the next service.
 *
 * A `traceparent` that is not exactly as the specification has it counts as none, as it demands.
 *
 * @see https://www.w3.org/TR/trace-context/
 * @see https://www.w3.org/TR/baggage/
 * @module
 */
import { newSpanId } from "../ids.js";
import type { AuditContext } from "./context.js";

/** What a `traceparent` says. */
export interface TraceParent {
  readonly traceId: string;
  /** The caller's span. */
  readonly spanId: string;
  readonly flags: string;
}

const traceParentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent` header; `null` if it is missing or malformed. */
export function parseTraceParent(header: string | undefined): TraceParent | null {
  const match = header === undefined ? null : traceParentForm.exec(header);
  if (!match) return null;
  const [, version, traceId = "", spanId = "", flags = "", rest] = match;
  // Version ff is forbidden; version 00 has no more fields; a later one may have.
  if (version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, flags };
}

const baggageKeyForm = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** The specification's least that every reader takes. */
const MAX_BAGGAGE_BYTES = 8192;

/** Reads a `baggage` header into its members, properties left off; a malformed member is passed over. */
export function parseBaggage(header: string | undefined): Map<string, string> {
  const members = new Map<string, string>();
  if (header === undefined || header.length > MAX_BAGGAGE_BYTES) return members;
  for (const member of header.split(",")) {
    const pair = member.split(";", 1)[0] ?? "";
    const at = pair.indexOf("=");
    const key = pair.slice(0, at).trim();
    const value = decoded(pair.slice(at + 1).trim());
    if (at > 0 && baggageKeyForm.test(key) && value !== null) members.set(key, value);
  }
  return members;
}

function decoded(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** The baggage member that carries the id of the record that caused a call to the service called. */
export const PARENT_BAGGAGE = "audit-parent-id";

/** The headers that tell the next service which request, trace and record caused the call. */
export interface PropagationHeaders {
  [header: string]: string;
}

/**
 * The headers for a call that goes out from `context`: `traceparent`, `tracestate` and `baggage` where a trace
 * came in, the request id under `requestIdHeader`, and our record's id in the baggage.
 *
 * @param recordId - the call's own record, which becomes the parent of what the other service records
 * @param requestIdHeader - lower case; `null` sends no request id
 * @param spanId - the call's own span; default: a new one
 */
export function propagationHeaders(
  context: AuditContext,
  recordId: string,
  requestIdHeader: string | null = "x-request-id",
  spanId: string = newSpanId(),
): PropagationHeaders {
  const headers: PropagationHeaders = {};
  if (requestIdHeader !== null) headers[requestIdHeader] = context.requestId;
  if (context.traceId !== null) {
    headers["traceparent"] = `00-${context.traceId}-${spanId}-${context.trace?.flags ?? "00"}`;
    if (context.trace?.tracestate) headers["tracestate"] = context.trace.tracestate;
  }
  headers["baggage"] = withParent(context.trace?.baggage ?? null, recordId);
  return headers;
}

function withParent(baggage: string | null, recordId: string): string {
  const others = (baggage ?? "")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "" && !member.startsWith(`${PARENT_BAGGAGE}=`));
  const own = `${PARENT_BAGGAGE}=${recordId}`;
  const all = [own, ...others].join(",");
  return all.length <= MAX_BAGGAGE_BYTES ? all : own;
}
