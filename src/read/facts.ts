/**
 * What is asked of records of any kind: who, on what, what happened, where. SQL has the same under the same names
 * in `sql/`.
 *
 * Reads records as they stand in files, where a field can be of any kind.
 *
 * @module
 */
import { lineOf, type LogRecord } from "./parse.js";

type Loose = Record<string, any>;

/** A value as text; `undefined` for what is not there. */
function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}

/** A field of an object, whatever the object is. */
function of(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field)
    ? (value as Loose)[field]
    : undefined;
}

const field = (name: string) => (record: LogRecord) => text((record as Loose)[name]);

/** What a table says of a word that stands in a record: which may be any word, `constructor` too, or none. */
export function lookUp<Value>(table: Readonly<Record<string, Value>>, word: unknown): Value | undefined {
  return typeof word === "string" && Object.hasOwn(table, word) ? table[word] : undefined;
}

/**
 * A text without its case: letter by letter, as DuckDB does it. `toLowerCase` makes of a Σ what its place in the word asks for,
 * and of an İ two letters.
 */
export function folded(value: string): string {
  return value.replaceAll("İ", "i").toLowerCase().replaceAll("ς", "σ");
}

export const facts = {
  name: field("name"),
  outcome: field("outcome"),
  service: field("service_name"),
  request: field("request_id"),
  route: field("route"),
  id: field("record_id"),
  protocol: field("protocol"),
  user: (record: LogRecord) => text(of(record.user, "id")),
  model: (record: LogRecord) =>
    text((record as Loose)["model"]) ?? text(of((record as Loose)["target"], "type")),
  event: (record: LogRecord) => {
    const { event_type, event, action, extra } = record as Loose;
    return text(event_type) ?? text(event) ?? text(action) ?? text(of(extra, "action"));
  },
  /** Trace and span, as `traceparent` has them between its version and its flags. */
  trace: ({ trace_id, span_id }: LogRecord): string | undefined => {
    const ids = `${text(trace_id)}-${text(span_id)}`;
    return /^[0-9a-f]{32}-[0-9a-f]{16}$/u.test(ids) ? ids : undefined;
  },
  /** What kind of record: its name, and what tells those of a name apart. */
  kind: (record: LogRecord): string | undefined => {
    if (record.name === "audit.request") return text((record as Loose)["request_type"]);
    const { event_type, event, action } = record as Loose;
    return text(event_type) ?? text(event) ?? text(action) ?? text(record.level);
  },
  /** What people call the user, as far as the application's `actor` says it under a usual name. */
  userName: ({ user }: LogRecord) =>
    text(of(user, "name")) ?? text(of(user, "username")) ?? text(of(user, "email")),
  /** One row's, or those that a record of many rows names. */
  ids: (record: LogRecord): string[] => {
    const { instance_id, target, instance_ids } = record as Loose;
    const one = text(instance_id) ?? text(of(target, "id"));
    if (one !== undefined) return [one];
    return Array.isArray(instance_ids) ? instance_ids.map((id) => text(id) ?? "") : [];
  },
  status: (record: LogRecord): number | undefined => {
    const status = of((record as Loose)["response_repr"], "status_code");
    return Number.isSafeInteger(status) ? (status as number) : undefined;
  },
  method: (record: LogRecord) => text(of((record as Loose)["request_repr"], "method")),
  /** Where the request went: the path of one that came in, the endpoint of a call. */
  place: (record: LogRecord) => {
    const request = (record as Loose)["request_repr"];
    return text(of(request, "path")) ?? text(of(request, "endpoint")) ?? text(of(request, "remote_path"));
  },
  /** Seconds. */
  duration: (record: LogRecord): number | undefined => {
    const time = (record as Loose)["execution_time"];
    return Number.isFinite(time) ? (time as number) : undefined;
  },
  /**
   * Whether a text stands in the record's values, whatever its case.
   *
   * @param sought - as JSON has it between quotation marks, `folded`
   */
  contains: (record: LogRecord, sought: string): boolean => {
    const line = lineOf(record);
    // Names of fields are in all records of a kind, and nobody looks for those.
    return (
      folded(line).includes(sought) && folded(line.replaceAll(/"(?:[^"\\]|\\.)*":/gu, "")).includes(sought)
    );
  },
};
