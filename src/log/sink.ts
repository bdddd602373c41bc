/**
 * Hands finished records to log4js, as `logger.log` would, at less than half its cost.
 *
 * @module
 */
import log4js, { type Level } from "log4js";
import { fault } from "../health.js";
import { Draft } from "../record/draft.js";
import { decode } from "../record/encode.js";
import type { AuditRecord } from "../record/types.js";
import type { AuditAppender } from "./appender.js";
import { type Category, internals } from "./internals.js";

/** Takes a finished record, or the draft of one. Never throws; one that log4js would drop is counted as a fault. */
export type Sink = (record: AuditRecord | Draft) => void;

/**
 * A sink for finished records: each goes to the appenders of the log4js category that it names.
 *
 * The category's level and appenders are read from log4js for each record, so that `configure` and
 * `logger.level = …` hold at once. An appender of ours gets the record itself; any other gets an event.
 */
export function createSink(): Sink {
  return (record) => {
    try {
      deliver(record);
    } catch (error) {
      fault("log.sink", error);
    }
  };
}

/**
 * Delivers the record of a line that was encoded before.
 *
 * @throws where `createSink` only counts a fault: whoever keeps the line must keep it on
 */
export function deliverLine(line: string): void {
  const record = decode(line) as AuditRecord;
  if (!log4js.isConfigured()) throw new Error("log4js is not configured.");
  const category = log4js.getLogger(record.name);
  if (!category.isLevelEnabled(record.level)) throw silenced(record);
  deliver(record);
}

function deliver(record: AuditRecord | Draft): void {
  const category = internals?.categories.get(record.name);
  // Not configured, shut down, or not asked for yet: log4js itself knows what to do then.
  if (!category || !internals?.clustering.isMaster()) return deliverByLogger(record);
  const level = levelOf(record.level, category);
  if (!isEnabled(category, level)) return tellSilenced(record);
  let event: log4js.LoggingEvent | undefined;
  let failed: { readonly error: unknown } | undefined;
  for (const appender of category.appenders) {
    const direct = (appender as AuditAppender).writeRecord;
    try {
      if (direct) direct(record);
      else appender((event ??= new internals.LoggingEvent(record.name, level, [finished(record)], {})));
    } catch (error) {
      // One that fails takes the record from nobody behind it.
      failed ??= { error };
    }
  }
  if (failed) throw failed.error;
}

/** The level asked for last. `configure` makes new levels together with new categories. */
let known:
  { readonly name: string; readonly category: Category; readonly level: Level | undefined } | undefined;

function levelOf(name: string, category: Category): Level | undefined {
  if (known?.name !== name || known.category !== category) {
    known = { name, category, level: log4js.levels.getLevel(name) };
  }
  return known.level;
}

function isEnabled(category: Category, level: Level | undefined): level is Level {
  return level !== undefined && category.level.level <= level.level;
}

function finished(record: AuditRecord | Draft): AuditRecord {
  return record instanceof Draft ? record.record() : record;
}

function deliverByLogger(record: AuditRecord | Draft): void {
  // An unconfigured log4js would configure itself here, to be silent.
  if (!log4js.isConfigured())
    return fault("log.unconfigured", new Error("A record was lost: log4js is not configured."));
  const logger = log4js.getLogger(record.name);
  if (!logger.isLevelEnabled(record.level)) return tellSilenced(record);
  logger.log(record.level, finished(record));
}

function tellSilenced(record: AuditRecord | Draft): void {
  fault("log.silenced", silenced(record));
}

function silenced({ name, level }: Pick<AuditRecord, "name" | "level">): Error {
  return new Error(`log4js drops ${level} records of category ${name}: its level is higher.`);
}
