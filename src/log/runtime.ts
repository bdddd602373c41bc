/**
 * What the log stage must know of the running audit: set by `audit.start()`, with defaults before it, so that
 * redaction is on from the first line that any logger writes.
 *
 * @module
 */
import type { Moment } from "../record/common.js";
import { createRedactor, type Redactor } from "../record/redactor.js";

interface LogRuntime {
  readonly redactor: Redactor;
  /** The context of the running code. */
  readonly context: () => Moment["context"];
  /** For layouts that were given none. */
  readonly serviceName: string;
}

const defaults: LogRuntime = { redactor: createRedactor(), context: () => undefined, serviceName: "" };
let current = defaults;

export function logRuntime(): LogRuntime {
  return current;
}

/** Says what holds from now on; what is not given keeps its default. */
export function setLogRuntime(runtime: Partial<LogRuntime>): void {
  current = { ...defaults, ...runtime };
}

/** As before `audit.start()`. */
export function resetLogRuntime(): void {
  current = defaults;
}
