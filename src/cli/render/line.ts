/**
 * One record on one line, for people.
 *
 * @module
 */
import pc from "picocolors";
import { facts, lookUp } from "../../read/facts.js";
import type { LogRecord } from "../../read/records.js";
import { clipped, safe } from "../safe.js";

type Paint = (text: string) => string;

const OUTCOMES: Record<string, Paint> = {
  success: pc.green,
  failure: pc.red,
  denied: pc.yellow,
  aborted: pc.yellow,
  unknown: pc.dim,
};

export function byOutcome(record: LogRecord): Paint {
  return lookUp(OUTCOMES, record.outcome) ?? String;
}

/** `2026-01-05 09:12:44.031  UPDATE Patient p-1 ward: 3 → 4  · Ana (7) · req-1`. */
export function renderLine(record: LogRecord): string {
  const id = facts.request(record);
  const details = [who(record), id && clipped(id, 40)].filter(Boolean).join(" · ");
  return `${pc.dim(safe(record.timestamp))}  ${what(record)}${details && pc.dim(`  · ${details}`)}`;
}

/** What happened, without time and person. */
export function what(record: LogRecord): string {
  const paint = byOutcome(record);
  switch (record.name) {
    case "audit.crud":
      return crud(record as Loose, paint);
    case "audit.request":
      return request(record, paint);
    case "audit.login": {
      const { event, error } = record as Loose;
      return `${paint(word(event))} ${safe(record.outcome)}${error ? ` ${clipped(error, 80)}` : ""}`;
    }
    case "audit.event": {
      const target = [facts.model(record), ...facts.ids(record)].filter((part) => part !== undefined);
      return `${paint(word((record as Loose)["action"]))} ${clipped(target.join(" "), 80)}`;
    }
    case "audit.trail": {
      const { event_type, details } = record as Loose;
      return `${paint(word(event_type))} ${clipped(details, 120)}`;
    }
    default:
      return `${level(record)} ${safe(record.name)} ${clipped(record.message, 200)}`;
  }
}

export function who(record: LogRecord): string {
  const id = facts.user(record);
  if (id === undefined) return "";
  const name = facts.userName(record);
  return name !== undefined ? `${clipped(name, 40)} (${clipped(id, 40)})` : clipped(id, 40);
}

/** Seconds of a record as people say them. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  if (seconds > 0 && seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}

/** `ward: 3 → 4, name: "Ada" → "Eda"`. */
export function changes(changed: unknown, width: number): string {
  if (typeof changed !== "object" || changed === null) return "";
  const texts = Object.entries(changed).map(([field, change]) => {
    const { from, to } = (change ?? {}) as Loose;
    return `${clipped(field, 40)}: ${clipped(from ?? null, 40)} → ${clipped(to ?? null, 40)}`;
  });
  return clipped(texts.join(", "), width);
}

type Loose = Record<string, any>;

function word(value: unknown): string {
  return clipped(value ?? "?", 60);
}

function crud(record: Loose, paint: Paint): string {
  const ids = facts.ids(record as LogRecord);
  const count = record["row_count"];
  const rows =
    count === undefined ? clipped(ids[0] ?? "", 60) : `${safe(count)} ${count === 1 ? "row" : "rows"}`;
  const label = record["instance_label"] ? ` ${clipped(record["instance_label"], 40)}` : "";
  const changed = changes(record["changed_fields"], 120);
  return `${paint(word(record["event_type"]))} ${word(record["model"])} ${rows}${label}${changed && `  ${changed}`}`;
}

function request(record: LogRecord, paint: Paint): string {
  const status = facts.status(record);
  const { request_type, protocol, request_repr, error_message } = record as Loose;
  const asked =
    protocol === "sftp"
      ? `SFTP ${word(request_repr?.operation)}`
      : protocol === "method"
        ? `${word(request_repr?.class)}.${word(request_repr?.method)}()`
        : word(facts.method(record));
  const outgoing = request_type === "external" ? `→ ${clipped(record.service_name, 40)} ` : "";
  const place = clipped(facts.place(record) ?? "", 100);
  const end = status ?? record.outcome;
  const error = error_message ? `  ${clipped(error_message, 100)}` : "";
  const parts = [`${outgoing}${asked}`, place, paint(safe(end)), duration(facts.duration(record))];
  return `${parts.filter(Boolean).join(" ")}${error && pc.red(error)}`;
}

function level(record: LogRecord): string {
  const text = safe(record.level);
  if (/^(?:ERROR|FATAL)$/u.test(text)) return pc.red(text);
  return text === "WARN" ? pc.yellow(text) : pc.dim(text);
}
