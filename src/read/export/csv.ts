/**
 * Records as CSV (RFC 4180), for spreadsheets.
 *
 * @module
 */
import { facts } from "../facts.js";
import type { LogRecord } from "../records.js";

type Cell = string | number | null | undefined;

const COLUMNS: Record<string, (record: Record<string, any>) => unknown> = {
  timestamp: ({ timestamp }) => timestamp,
  level: ({ level }) => level,
  name: ({ name }) => name,
  event: (record) => facts.kind(record as LogRecord),
  outcome: ({ outcome }) => outcome,
  service_name: ({ service_name }) => service_name,
  user_id: (record) => facts.user(record as LogRecord),
  user_name: (record) => facts.userName(record as LogRecord),
  model: (record) => facts.model(record as LogRecord),
  instance_id: (record) => facts.ids(record as LogRecord).join(" "),
  changed_fields: ({ changed_fields }) => changed_fields,
  method: (record) => facts.method(record as LogRecord),
  place: (record) => facts.place(record as LogRecord),
  route: ({ route }) => route,
  status: (record) => facts.status(record as LogRecord),
  execution_time: (record) => facts.duration(record as LogRecord),
  error: ({ error_message, error, exception }) => error_message ?? error ?? exception,
  message: ({ message }) => message,
  request_id: ({ request_id }) => request_id,
  parent_id: ({ parent_id }) => parent_id,
  record_id: ({ record_id }) => record_id,
};

/** The first line, without its end. */
export const csvHead: string = Object.keys(COLUMNS).join(",");

/** One record as a line, without its end; a cell that holds line breaks has them. */
export function toCsv(record: LogRecord): string {
  return Object.values(COLUMNS)
    .map((read) => cell(read(record as Record<string, any>) as Cell))
    .join(",");
}

/*
 * What a spreadsheet would run as a formula, also behind blanks, and in the wide forms of East Asian texts; see OWASP,
 * "CSV Injection". An apostrophe in front makes it a text.
 */
const FORMULA = /^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/u;

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const guarded = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n\t]|^\s|\s$/u.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
