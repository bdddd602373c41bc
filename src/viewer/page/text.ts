/**
 * How values are written for people.
 *
 * @module
 */
import type { Loose, Row } from "./types.js";

export function duration(seconds: number | null | undefined): string {
  if (typeof seconds !== "number") return "";
  if (seconds < 0.001) return `${Math.round(seconds * 1_000_000)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return seconds < 120 ? `${seconds.toFixed(2)} s` : `${(seconds / 60).toFixed(1)} min`;
}

export function count(value: number): string {
  return value.toLocaleString("en-GB");
}

/** One line on what a row of the table is about. */
export function about(row: Row): string {
  const { entity, entity_id, instance_label, operation, place, route, message, name } = row;
  const method = row.method ?? operation;
  if (entity !== null) return [entity, entity_id, instance_label].filter(Boolean).join(" · ");
  if (method !== null || place !== null) return [method, route ?? place].filter(Boolean).join(" ");
  return message ?? name;
}

/** The same for a whole record. */
export function title(record: Loose): string {
  const { event_type, event, model, instance_id, request_repr, request_type, message } = record;
  if (typeof model === "string") return [event_type, model, instance_id].filter(Boolean).join(" ");
  if (request_repr && typeof request_repr === "object") {
    const { method, path, endpoint, operation, remote_path } = request_repr as Loose;
    const where = path ?? endpoint ?? remote_path ?? request_repr.class ?? "";
    return `${request_type === "external" ? "→ " : ""}${method ?? operation ?? ""} ${String(where)}`;
  }
  return String(event ?? message ?? record["name"] ?? "");
}

export function person(user: unknown): string {
  if (user === null || typeof user !== "object") return "nobody";
  const { id, name } = user as Loose;
  return (
    [name, id]
      .filter((part) => part !== null && part !== undefined)
      .map(String)
      .join(" · ") || "nobody"
  );
}

/** `2026-11-24 08:41:00.123` of milliseconds since the epoch, as records have it. */
export function timestamp(at: number): string {
  return new Date(at).toISOString().replace("T", " ").replace("Z", "");
}
