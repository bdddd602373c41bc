/**
 * Tells the application's log of a decorated entity whose rows nobody records.
 *
 * @module
 */
import log4js from "log4js";

export function reportWithoutTable(name: string): void {
  if (!log4js.isConfigured()) return;
  log4js
    .getLogger("activity-audit")
    .warn(
      `@AuditEntity on ${name}: no attached DataSource has this entity, so its rows are not recorded. ` +
        "Attach its DataSource with audit.attach(), or take the decorator off.",
    );
}
