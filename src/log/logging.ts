/**
 * A whole log4js configuration, ready to use.
 *
 * @module
 */
import type { Configuration } from "log4js";
import { checked } from "../check.js";
import { consoleLayout } from "./layouts.js";
import { levels } from "./levels.js";
import { type AuditLoggingOptions, loggingSchema } from "./options.js";
import { apiFile, appFile, auditFile, type FilePartOptions, loginFile } from "./parts.js";

/**
 * A log4js configuration with our levels, the files `app.log`, `audit.log`, `api.log` and `login.log`, and the
 * console. Merge your own appenders and categories into it as you like.
 *
 * Each process writes for itself, so log4js's clustering is switched off (`disableClustering: true`); the
 * files may be shared by any number of processes.
 *
 * @param options - all optional; see `AuditLoggingOptions` for defaults, units and limits
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`
 * @example
 * log4js.configure(auditLogging({ directory: "audit_logs", serviceName: "review_board" }));
 */
export function auditLogging(options: AuditLoggingOptions = {}): Configuration {
  checked("auditLogging", loggingSchema, options);
  const { level = "INFO", console = true, callStack = true, app, audit, api, login, ...common } = options;
  const part = (own: FilePartOptions = {}): FilePartOptions => ({ ...common, ...own });
  return {
    levels: { ...levels },
    appenders: {
      ...(console && { console: { type: "stdout", layout: consoleLayout() } }),
      app: appFile(part(app)),
      audit: auditFile(part(audit)),
      api: apiFile(part(api)),
      login: loginFile(part(login)),
    },
    categories: {
      default: { appenders: console ? ["console", "app"] : ["app"], level, enableCallStack: callStack },
      "audit.crud": category("audit", "AUDIT"),
      "audit.trail": category("audit", "AUDIT"),
      "audit.event": category("audit", "AUDIT"),
      "audit.request": category("api", "API"),
      "audit.login": category("login", "LOGIN"),
    },
    disableClustering: true,
  };
}

function category(appender: string, level: string): Configuration["categories"][string] {
  return { appenders: [appender], level };
}
