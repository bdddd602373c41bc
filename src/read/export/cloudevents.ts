/**
 * Records as CloudEvents 1.0, JSON format.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 * @module
 */
import { facts } from "../facts.js";
import type { LogRecord } from "../records.js";

export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly datacontenttype: "application/json";
  /** Extension "distributed tracing". */
  readonly traceparent?: string;
  /** The record itself. */
  readonly data: LogRecord;
}

/**
 * `type` is the record's name and what happened, `activity_audit.audit.crud.UPDATE`; `subject` the row, or where
 * the request went.
 */
export function toCloudEvent(record: LogRecord): CloudEvent {
  const trace = facts.trace(record);
  const subject = subjectOf(record);
  const kind = facts.kind(record);
  return {
    specversion: "1.0",
    id: facts.id(record) || `${record.timestamp} ${record.name}`,
    source: `/activity-audit/${encodeURIComponent((facts.service(record) ?? "").toWellFormed())}`,
    type: ["activity_audit", record.name, kind].filter(Boolean).join("."),
    time: toIso(record.timestamp),
    ...(subject && { subject }),
    datacontenttype: "application/json",
    ...(trace && { traceparent: `00-${trace}-01` }),
    data: record,
  };
}

function subjectOf(record: LogRecord): string | undefined {
  const model = facts.model(record);
  if (model === undefined) return facts.place(record);
  return [model, ...facts.ids(record).slice(0, 1)].join("/");
}

/** RFC 3339. */
export function toIso(timestamp: string): string {
  return `${timestamp.replace(" ", "T")}Z`;
}
