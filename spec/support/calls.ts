/**
 * Whole records of calls, as they would be written: built, redacted, encoded, checked against the schema.
 */
import assert from "node:assert/strict";
import type { CallOptions } from "#dist/capture/call";
import type { CaptureEvent } from "#dist/capture/event";
import { newRecordId } from "#dist/ids";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { snapshot } from "#dist/record/snapshot";
import { assertRecord, type WrittenRecord } from "./schema.js";

const redactor = createRedactor();

export interface CollectedRecords {
  readonly records: WrittenRecord[];
  readonly emit: (event: CaptureEvent) => void;
  readonly options: CallOptions;
}

export function collectRecords(detail: CallOptions["detail"] = "full"): CollectedRecords {
  const records: WrittenRecord[] = [];
  const emit = (event: CaptureEvent): void => {
    const record = buildRecord(event, { recordId: newRecordId(), serviceName: "review_board" });
    records.push(assertRecord(encode(record!, redactor)));
  };
  return { records, emit, options: { service: "apollo", detail, snapshot, newRecordId } };
}

/** What is the same on every record of a call without a context. */
const COMMON = {
  level: "API",
  name: "audit.request",
  message: "Audit External Service",
  service_name: "apollo",
  user: null,
  schema: 1,
  request_id: null,
  parent_id: null,
  trace_id: null,
  span_id: null,
  extra: {},
  request_type: "external",
  protocol: "http",
  route: null,
  handler: null,
};

/** The parts that differ from call to call; the rest has been compared. */
export interface CallParts {
  readonly outcome: string;
  readonly request_repr: Record<string, unknown>;
  readonly response_repr: Record<string, unknown>;
  readonly error_message: string | null;
  readonly redacted?: readonly string[];
}

/** Compares a whole record, but for its times and ids, whose form the schema has checked. */
export function assertCall(record: WrittenRecord, parts: CallParts, common: object = {}): void {
  const { timestamp: _at, record_id: _id, execution_time: _time, ...rest } = record;
  const { headers: sent, ...request } = rest["request_repr"];
  const { headers: received, ...response } = rest["response_repr"];
  assert.ok(typeof sent === "object" && typeof received === "object");
  assert.deepEqual(
    { ...rest, request_repr: request, response_repr: response },
    { ...COMMON, ...common, ...parts },
  );
}
