/**
 * Our levels, between log4js's INFO (20000) and WARN (30000), and the logger methods that they bring.
 *
 * @module
 */
/** A level, as log4js is told of it. */
export interface LevelDefinition {
  /** Its rank: INFO is 20000, WARN 30000. */
  readonly value: number;
  /** Its colour on the console. */
  readonly colour: string;
}

/** An object type and no interface, since log4js takes it as a table of any names. */
export type AuditLevels = {
  /** Changes of rows, events of the application's, what the trail says of itself: 21000. */
  readonly AUDIT: LevelDefinition;
  /** Requests and calls to other services: 22000. */
  readonly API: LevelDefinition;
  /** Logins and logouts: 23000. */
  readonly LOGIN: LevelDefinition;
};

/**
 * The levels `AUDIT`, `API` and `LOGIN`, for `levels` of a log4js configuration of your own.
 *
 * @example
 * log4js.configure({
 *   levels,
 *   appenders: { audited: auditFile() },
 *   categories: { default: { appenders: ["audited"], level: "AUDIT" } },
 * });
 */
export const levels: AuditLevels = Object.freeze({
  AUDIT: Object.freeze({ value: 21_000, colour: "cyan" }),
  API: Object.freeze({ value: 22_000, colour: "blue" }),
  LOGIN: Object.freeze({ value: 23_000, colour: "magenta" }),
});

/** A level of ours. */
export type AuditLevel = keyof AuditLevels;

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
    /** Whether what is logged at level AUDIT is written. */
    isAuditEnabled(): boolean;
    /** Whether what is logged at level API is written. */
    isApiEnabled(): boolean;
    /** Whether what is logged at level LOGIN is written. */
    isLoginEnabled(): boolean;
  }
}
