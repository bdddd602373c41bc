/**
 * The record of a line, and the line of a record.
 *
 * @module
 */
import type { AuditRecord, ContainerRecord } from "../record/types.js";

/** What a line of a trail can be. */
export type LogRecord = AuditRecord | ContainerRecord;

const lines = new WeakMap<object, string>();

/**
 * The line that a record was read from: with all digits of its numbers, of which JavaScript keeps some 16.
 *
 * @example
 * for await (const record of trail.query()) process.stdout.write(`${lineOf(record)}\n`);
 */
export function lineOf(record: LogRecord): string {
  return lines.get(record)?.trim() ?? JSON.stringify(record);
}

/**
 * @returns undefined for a text that is no record: no JSON object with the fields that all records have
 */
export function parseRecord(line: string): LogRecord | undefined {
  try {
    const found = JSON.parse(line) as Partial<LogRecord> | null;
    if (typeof found?.timestamp !== "string" || typeof found.name !== "string") return undefined;
    lines.set(found, line);
    return found as LogRecord;
  } catch {
    return undefined;
  }
}
