/**
 * The two maps of log4js that its public face does not show: which appenders and which level a category has.
 *
 * Reading them takes the place of `logger.log` for finished records (a third of its cost), and lets `audit.start()`
 * tell a category that is configured from one that only falls back to `default`. log4js 6 is no longer
 * changed; should another version lay itself out differently, everything goes through `logger.log` again.
 *
 * @module
 */
import type { AppenderFunction, Level, LoggingEvent } from "log4js";

/** What log4js keeps of a category. `configure` makes new ones, and `logger.level = …` changes `level` in place. */
export interface Category {
  readonly appenders: readonly AppenderFunction[];
  readonly level: Level;
}

interface Internals {
  readonly categories: ReadonlyMap<string, Category>;
  readonly clustering: { isMaster(): boolean };
  readonly LoggingEvent: new (
    category: string,
    level: Level,
    data: unknown[],
    context: object,
  ) => LoggingEvent;
}

export const internals: Internals | undefined = load();

function load(): Internals | undefined {
  try {
    const categories = require("log4js/lib/categories") as unknown;
    const clustering = require("log4js/lib/clustering") as Partial<Internals["clustering"]>;
    const event = require("log4js/lib/LoggingEvent") as unknown;
    const known =
      categories instanceof Map && typeof clustering.isMaster === "function" && typeof event === "function";
    return known ? ({ categories, clustering, LoggingEvent: event } as unknown as Internals) : undefined;
  } catch {
    return undefined;
  }
}
