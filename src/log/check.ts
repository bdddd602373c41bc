/**
 * Whether the log4js configuration in force lets our records through; asked once, by `audit.start()`.
 *
 * @module
 */
import log4js from "log4js";
import { AuditError } from "../errors.js";
import { type Category, internals } from "./internals.js";
import { type AuditLevel, CATEGORIES, levels } from "./levels.js";

/**
 * Checks the active log4js configuration for each of our categories.
 *
 * @throws {AuditError} `AUDIT_LOGGING_MISSING`: log4js is not configured, or does not know our levels;
 *   `AUDIT_LOGGING_SILENT`: a category is missing, its level is above its records', or it has no appender
 */
export function checkLogging(): void {
  if (!log4js.isConfigured()) throw new AuditError("AUDIT_LOGGING_MISSING", ["log4js is not configured"]);
  const unknown = Object.entries(levels).find(
    ([name, { value }]) => (log4js.levels.getLevel(name) as log4js.Level | undefined)?.level !== value,
  );
  if (unknown) {
    const found = `log4js does not know the level ${unknown[0]} (${unknown[1].value})`;
    throw new AuditError("AUDIT_LOGGING_MISSING", [
      `${found}, which \`levels\` of activity-audit would tell it`,
    ]);
  }
  for (const [category, level] of Object.entries(CATEGORIES)) {
    const found = troubleOf(category, level);
    if (found) throw new AuditError("AUDIT_LOGGING_SILENT", [category, level, found]);
  }
}

function troubleOf(category: string, level: AuditLevel): string | undefined {
  const configured = configuredCategory(category);
  if (internals && !configured) return "it is not configured, and would fall back to `default`";
  // Asking for a logger is safe now: unconfigured, log4js would configure itself to be silent.
  const logger = log4js.getLogger(category);
  if (!logger.isLevelEnabled(level)) return `its level is ${String(logger.level)}`;
  if (configured && !configured.appenders.some((appender) => typeof appender === "function")) {
    return "none of its appenders works in this process";
  }
  return undefined;
}

/** As configured itself or through a parent: `audit` for `audit.crud`. */
function configuredCategory(category: string): Category | undefined {
  for (let name = category; name !== ""; name = name.slice(0, Math.max(name.lastIndexOf("."), 0))) {
    const found = internals?.categories.get(name);
    if (found) return found;
  }
  return undefined;
}
