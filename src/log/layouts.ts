/**
 * Our log4js layouts: JSON lines for files, one readable line for the console.
 *
 * @module
 */
import { styleText } from "node:util";
import log4js, { type CustomLayout, type LoggingEvent } from "log4js";
import { encode } from "../record/encode.js";
import { formatTimestamp } from "../record/timestamp.js";
import { exceptionOf, messageOf } from "./message.js";
import { auditRecords, containerRecords, type RecordOf, sourceOf } from "./render.js";
import { logRuntime } from "./runtime.js";

const CONTAINER = "activity-audit/json";
const RECORD = "activity-audit/record";
const CONSOLE = "activity-audit/console";

/** What a JSON layout can be told. */
export interface LayoutOptions {
  /** Written as `service_name` on what loggers write; default: the one given to `audit.start()`. */
  readonly serviceName?: string;
}

/**
 * The container log: one JSON object a line, with `timestamp`, `level`, `name`, `message`, the fields of every
 * record, and `path`, `module`, `function`, `exception`. What must be hidden is hidden.
 *
 * @param options - `serviceName`: written on what loggers write
 * @example
 * const container = { type: "stdout", layout: jsonLayout({ serviceName: "review_board" }) };
 */
export function jsonLayout(options: LayoutOptions = {}): CustomLayout {
  return { ...options, type: CONTAINER };
}

/**
 * Records of requests and calls, one JSON object a line; see `auditLayout`.
 *
 * @param options - `serviceName`: written on what loggers write
 * @example
 * const api = { type: "stdout", layout: apiLayout() };
 */
export function apiLayout(options: LayoutOptions = {}): CustomLayout {
  return { ...options, type: RECORD };
}

/**
 * Audit records, one JSON object a line. A finished record is written as it is; an object or text of your own
 * (`logger.audit({ … })`) gets the fields that every record has before its own. What must be hidden is hidden.
 *
 * @param options - `serviceName`: written on what loggers write
 * @example
 * const audited = { type: "stdout", layout: auditLayout({ serviceName: "review_board" }) };
 */
export function auditLayout(options: LayoutOptions = {}): CustomLayout {
  return { ...options, type: RECORD };
}

/** What the console layout can be told. */
export interface ConsoleLayoutOptions {
  /** Colours the level; default: standard output is a terminal, and `NO_COLOR` is not set. */
  readonly colour?: boolean;
}

/**
 * One line for people: `LEVEL timestamp path module function message`, then the stack of an error.
 *
 * @param options - `colour`: default `true` on a terminal, unless `NO_COLOR` is set
 * @example
 * const screen = { type: "stdout", layout: consoleLayout({ colour: false }) };
 */
export function consoleLayout(options: ConsoleLayoutOptions = {}): CustomLayout {
  return { ...options, type: CONSOLE };
}

/** The records that a JSON layout of ours writes; `undefined` for any other layout. */
export function recordsOf({ type, serviceName }: CustomLayout): RecordOf | undefined {
  return records[type]?.(serviceName as string | undefined);
}

const records: Readonly<Record<string, (serviceName: string | undefined) => RecordOf>> = {
  [CONTAINER]: containerRecords,
  [RECORD]: auditRecords,
};

for (const name of Object.keys(records)) {
  log4js.addLayout(name, (options) => {
    const recordOf = recordsOf({ ...options, type: name })!;
    return (event) => encode(recordOf(event), logRuntime().redactor);
  });
}
log4js.addLayout(CONSOLE, ({ colour }) => consoleLine((colour as boolean | undefined) ?? isColourful()));

function isColourful(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR;
}

function consoleLine(colour: boolean): (event: LoggingEvent) => string {
  return (event) => {
    const { path, module, function: name } = sourceOf(event);
    const level = event.level.levelStr;
    const words = [
      colour ? styleText(event.level.colour as "cyan", level) : level,
      formatTimestamp(event.startTime.getTime()),
      path ?? "-",
      module ?? "-",
      name ?? "-",
      summaryOf(event),
    ];
    const exception = exceptionOf(event.data);
    if (exception !== null) words.push(`\n${exception}`);
    return logRuntime().redactor.text(words.join(" "));
  };
}

/* On the console a record is its sentence; the whole of it is in its file. */
function summaryOf({ data }: LoggingEvent): string {
  const [record] = data as [{ record_id?: unknown; message?: unknown } | undefined];
  const isRecord = typeof record === "object" && record !== null && typeof record.record_id === "string";
  return isRecord && typeof record.message === "string" ? record.message : messageOf(data);
}
