/**
 * log4js event → one line: a finished record as it is, what users log themselves completed to a record.
 *
 * @module
 */
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoggingEvent } from "log4js";
import { uuidv7 } from "uuidv7";
import { commonFields, withFields } from "../record/common.js";
import { encode } from "../record/encode.js";
import { buildContainer } from "../record/stated.js";
import { exceptionOf, messageOf } from "./message.js";
import { logRuntime } from "./runtime.js";

/** An event as a line, without its newline. */
export type Render = (event: LoggingEvent) => string;

/** How a record becomes a line: `encode`, or `encodeLine` where the writer does the rest. */
export type Encode = typeof encode;

/** One record of `app.log`: what an application's logger said, and where. */
export function containerLine(serviceName: string | undefined, asLine: Encode = encode): Render {
  return (event) => {
    const record = finished(event) ?? containerRecord(event, serviceName ?? logRuntime().serviceName);
    return asLine(record, logRuntime().redactor);
  };
}

/** One record of `audit.log`, `api.log` or `login.log`. */
export function recordLine(serviceName: string | undefined, asLine: Encode = encode): Render {
  return (event) => {
    const record = finished(event) ?? completed(event, serviceName ?? logRuntime().serviceName);
    return asLine(record, logRuntime().redactor);
  };
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
    { recordId: uuidv7(), serviceName },
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
      recordId: uuidv7(),
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
