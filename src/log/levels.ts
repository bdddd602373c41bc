/**
 * Our levels, between log4js's INFO (20000) and WARN (30000), and the logger methods that they bring.
 *
 * @module
 */
import type { Configuration } from "log4js";

/**
 * The levels `AUDIT`, `API` and `LOGIN`, for `levels` of a log4js configuration of your own.
 *
 * @example
 * log4js.configure({ levels, appenders: { … }, categories: { … } });
 */
export const levels = Object.freeze({
  AUDIT: Object.freeze({ value: 21_000, colour: "cyan" }),
  API: Object.freeze({ value: 22_000, colour: "blue" }),
  LOGIN: Object.freeze({ value: 23_000, colour: "magenta" }),
}) satisfies Configuration["levels"];

/** A level of ours. */
export type AuditLevel = keyof typeof levels;

/** The categories that our records are logged under, with the level of their records. */
export const CATEGORIES = Object.freeze({
  "audit.crud": "AUDIT",
  "audit.trail": "AUDIT",
  "audit.event": "AUDIT",
  "audit.request": "API",
  "audit.login": "LOGIN",
}) satisfies Readonly<Record<string, AuditLevel>>;

declare module "log4js" {
  interface Logger {
    /** Logs at level AUDIT, 21000. */
    audit(message: unknown, ...args: unknown[]): void;
    /** Logs at level API, 22000. */
    api(message: unknown, ...args: unknown[]): void;
    /** Logs at level LOGIN, 23000. */
    login(message: unknown, ...args: unknown[]): void;
    isAuditEnabled(): boolean;
    isApiEnabled(): boolean;
    isLoginEnabled(): boolean;
  }
}
