/**
 * The appenders of the four files, for configurations of one's own.
 *
 * @module
 */
import { join } from "node:path";
import type { CustomAppender } from "log4js";
import { configure } from "./appender.js";
import { apiLayout, auditLayout, jsonLayout } from "./layouts.js";
import type { FileOptions } from "./options.js";

/** Where a file is, and how it is written. */
export interface FilePartOptions extends FileOptions {
  /** The folder of the file; default `audit_logs`. */
  readonly directory?: string;
  /** Written as `service_name` on what loggers write; default: the one given to `audit.start()`. */
  readonly serviceName?: string;
}

/*
 * The module itself instead of its name: log4js would look the name up from its own folder, which fails in a
 * bundle, and where the package is linked instead of installed.
 */
const type = { configure: configure as never };

function file(name: string, layout: typeof jsonLayout, options: FilePartOptions): CustomAppender {
  const { directory = "audit_logs", serviceName, ...rest } = options;
  return {
    ...rest,
    type,
    filename: join(directory, name),
    layout: layout(serviceName === undefined ? {} : { serviceName }),
  };
}

/* A durability by category leaves the others as they are by default. */
function soon({ durability = "os", ...options }: FilePartOptions): FilePartOptions {
  return {
    ...options,
    durability: typeof durability === "string" ? durability : { default: "os", ...durability },
  };
}

/**
 * `app.log`: the container log, JSON.
 *
 * @param options - see `FilePartOptions` for defaults, units and limits
 * @example
 * const app = appFile({ directory: "audit_logs", maxBytes: 10_000_000, keep: { files: 10 } });
 */
export function appFile(options: FilePartOptions = {}): CustomAppender {
  return file("app.log", jsonLayout, options);
}

/**
 * `api.log`: requests that came in, and calls that went out.
 *
 * @param options - see `FilePartOptions` for defaults, units and limits
 * @example
 * const api = apiFile({ directory: "audit_logs", daily: true, gzip: true });
 */
export function apiFile(options: FilePartOptions = {}): CustomAppender {
  return file("api.log", apiLayout, options);
}

/**
 * `audit.log`: row changes, the application's own events, and what the trail says of itself. Durability `os`.
 *
 * @param options - see `FilePartOptions` for defaults, units and limits
 * @example
 * const audited = auditFile({ directory: "audit_logs", durability: "fsync" });
 */
export function auditFile(options: FilePartOptions = {}): CustomAppender {
  return file("audit.log", auditLayout, soon(options));
}

/**
 * `login.log`: logins, logouts and refusals. Durability `os`.
 *
 * @param options - see `FilePartOptions` for defaults, units and limits
 * @example
 * const logins = loginFile({ directory: "audit_logs", keep: { days: 400 } });
 */
export function loginFile(options: FilePartOptions = {}): CustomAppender {
  return file("login.log", auditLayout, soon(options));
}
