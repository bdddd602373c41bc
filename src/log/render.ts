/**
 * log4js event → record: a finished one as it is, what users log themselves completed.
 *
 * @module
 */
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoggingEvent } from "log4js";
import { newRecordId } from "../ids.js";
import { commonFields, withFields } from "../record/common.js";
import { buildContainer } from "../record/stated.js";
import { exceptionOf, messageOf } from "./message.js";
import { logRuntime } from "./runtime.js";

/** What is written of an event, before it is redacted. */
export type RecordOf = (event: LoggingEvent) => object;

/** Records of `app.log`: what an application's logger said, and where. */
export function containerRecords(serviceName: string | undefined): RecordOf {
  return (event) => finished(event) ?? containerRecord(event, serviceName ?? logRuntime().serviceName);
}

/** Records of `audit.log`, `api.log` or `login.log`. */
export function auditRecords(serviceName: string | undefined): RecordOf {
  return (event) => finished(event) ?? completed(event, serviceName ?? logRuntime().serviceName);
}

/** Where the call was made, if the category has call stacks. */
export function sourceOf(event: LoggingEvent): {
  path: string | null;
  module: string | null;
  function: string | null;
} {
  const { fileName } = event;
  if (!fileName) return { path: null, module: null, function: null };
  const path = fileName.startsWith("file://") ? fileURLToPath(fileName) : fileName;
  return { path, module: basename(path, extname(path)), function: event.functionName || null };
}

/** The record that a capture, or `audit.record()`, has made. */
function finished({ data }: LoggingEvent): object | undefined {
  const [record] = data as [Record<string, unknown> | undefined];
  if (data.length !== 1 || typeof record !== "object" || record === null) return undefined;
  return typeof record.record_id === "string" && typeof record.schema === "number" ? record : undefined;
}

function containerRecord(event: LoggingEvent, serviceName: string): object {
  return buildContainer(
    {
      level: event.level.levelStr,
      category: event.categoryName,
      message: messageOf(event.data),
      ...sourceOf(event),
      exception: exceptionOf(event.data),
      extra: event.context as Record<string, unknown>,
    },
    { at: event.startTime.getTime(), context: logRuntime().context() },
    { recordId: newRecordId(), serviceName },
  );
}

/* `logger.audit("text", { … })` or `logger.api({ … })`: the fields of every record, and then the application's. */
function completed(event: LoggingEvent, serviceName: string): object {
  const objects = event.data.filter(isPlain);
  const rest = event.data.filter((item) => !isPlain(item));
  const own: Record<string, unknown> = Object.assign({}, ...objects);
  const exception = exceptionOf(event.data);
  const common = commonFields(
    {
      level: event.level.levelStr,
      name: event.categoryName,
      message: messageOf(rest),
      serviceName,
      recordId: newRecordId(),
      outcome: exception === null ? "unknown" : "failure",
      extra: event.context as Record<string, unknown>,
    },
    { at: event.startTime.getTime(), context: logRuntime().context() },
  );
  const { level, name } = common;
  return withFields(common, Object.assign(own, { level, name }, exception === null ? {} : { exception }));
}

function isPlain(item: unknown): item is Record<string, unknown> {
  return typeof item === "object" && item !== null && !Array.isArray(item) && !(item instanceof Error);
}
