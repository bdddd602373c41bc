/**
 * Tells the application's log of the first fault of each kind.
 *
 * @module
 */
import log4js from "log4js";
import type { FaultKind } from "../health.js";

export function reportFault(kind: FaultKind, error: unknown): void {
  if (!log4js.isConfigured()) return;
  const text = `activity-audit: a fault of kind ${kind}; the application is not affected. See audit.health().`;
  log4js.getLogger("activity-audit").error(text, error);
}
