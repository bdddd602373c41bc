/**
 * The log4js appender behind `type: "activity-audit/appender"`: encodes each event once, and hands the line to
 * the writer of its file. Safe with any number of processes on one file, so log4js's clustering is not needed.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import type { AppenderFunction, CustomLayout, LayoutsParam, LoggingEvent } from "log4js";
import { checked } from "../check.js";
import { AuditError } from "../errors.js";
import { fault } from "../health.js";
import { newRecordId } from "../ids.js";
import { Draft, Packer } from "../record/draft.js";
import { encode, encodeLine, isFinished } from "../record/encode.js";
import { printable } from "../record/printable.js";
import { buildTrail } from "../record/stated.js";
import { formatTimestamp } from "../record/timestamp.js";
import type { TrailRecord } from "../record/types.js";
import { type Frame, withoutFrames } from "../writer/entry.js";
import type { GapReport } from "../writer/gap.js";
import type { Retired } from "../seal/retention.js";
import type { WriterSettings } from "../writer/protocol.js";
import type { Writer } from "../writer/writer.js";
import { closeWriter, openWriter, type SealedEvents } from "../writer/writers.js";
import { auditLayout, jsonLayout, recordsOf } from "./layouts.js";
import { appenderSchema, durabilityOf, writerSettings } from "./options.js";
import type { RecordOf } from "./render.js";
import { logRuntime } from "./runtime.js";
import { sealSettings, witnessOf } from "./seal.js";
import type { GuardedWitness } from "./witness.js";

/**
 * An appender of ours: also takes a finished record, or a draft, without an event around it.
 *
 * @internal
 */
export interface AuditAppender extends AppenderFunction {
  /** `undefined` when a layout must see the event. */
  readonly writeRecord: ((record: { readonly name: string }) => void) | undefined;
  shutdown(done: (error?: Error) => void): void;
}

/**
 * Called by log4js for each appender of this type.
 *
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`; `AUDIT_DIRECTORY_UNWRITABLE`: the file
 *   cannot be opened; `AUDIT_SEAL_KEY`: a key of `seal` cannot be used
 * @example
 * log4js.configure({
 *   levels,
 *   appenders: { audit: { type: "activity-audit/appender", filename: "audit_logs/audit.log" } },
 *   categories: { default: { appenders: ["audit"], level: "AUDIT" } },
 * });
 */
export function configure(config: unknown, layouts: LayoutsParam): AuditAppender {
  const { type: _type, filename, layout, ...options } = checked("appender", appenderSchema, config);
  const recordOf = layout ? recordsOf(layout) : byCategory();
  const durability = durabilityOf(options.durability);
  const seal = sealSettings(options.seal, layout as { serviceName?: string } | undefined);
  const witness = witnessOf(options.seal);
  const writer = open(writerSettings(filename, options, seal), {
    describeRetired: retiredLine,
    ...(witness && { witness: witness.tell }),
  });
  const shutdown = shutdownOf(writer, witness);
  if (recordOf === undefined) {
    const render = foreignRender(layouts, layout as CustomLayout);
    const append = (event: LoggingEvent): void =>
      attempt(() => writer.write(render(event), durability(event.categoryName)));
    return Object.assign(append, { writeRecord: undefined, shutdown });
  }
  const later = options.formatInThread ?? availableParallelism() > 1;
  const put = (record: object, category: string): void => {
    const { redactor } = logRuntime();
    const written = durability(category);
    if (later && written === "memory" && writer.takesFrames) {
      const frame = packed(record);
      if (frame && writer.writeFrame(frame, redactor.policy)) return;
    }
    const line = record instanceof Draft ? record.line(redactor) : encodeLine(record, redactor);
    writer.write(line, written);
  };
  const append = (event: LoggingEvent): void => attempt(() => put(recordOf(event), event.categoryName));
  const writeRecord = (record: { readonly name: string }): void => attempt(() => put(record, record.name));
  return Object.assign(append, { writeRecord, shutdown });
}

const packer = new Packer();

/* Undefined for what must become a line at once. */
function packed(record: object): Frame | undefined {
  if (record instanceof Draft) return record.packed(packer);
  return !isFinished(record) && packer.record.pack(record) ? packer.record : undefined;
}

function attempt(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    told(error);
  }
}

/* Only `onFull: "error"` asks for an error to reach the caller. */
function told(error: unknown): void {
  if (error instanceof AuditError && error.code === "AUDIT_WRITER_FULL") throw error;
  fault("log.appender", error);
}

function open(settings: WriterSettings, sealed: SealedEvents): Writer {
  try {
    return openWriter(settings, gapLine, printable, sealed);
  } catch (error) {
    throw new AuditError("AUDIT_DIRECTORY_UNWRITABLE", [settings.path, (error as Error).message], {
      cause: error,
    });
  }
}

function shutdownOf(writer: Writer, witness: GuardedWitness | undefined): AuditAppender["shutdown"] {
  return (done) => {
    const error = failureOf(() => closeWriter(writer));
    if (witness) void witness.knows().then(() => done(error));
    else done(error);
  };
}

function failureOf(work: () => void): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/* Without a layout: audit records for our categories, the container log for all others. */
function byCategory(): RecordOf {
  const [audit, container] = [auditLayout(), jsonLayout()].map((layout) => recordsOf(layout)!);
  return (event) => (event.categoryName.startsWith("audit.") ? audit : container)!(event);
}

function foreignRender(layouts: LayoutsParam, layout: CustomLayout): (event: LoggingEvent) => string {
  const made = layouts.layout(layout.type, layout as never) as ((event: LoggingEvent) => string) | undefined;
  if (made) return (event) => withoutFrames(made(event));
  throw new AuditError("AUDIT_OPTION_INVALID", [
    "appender.layout.type",
    JSON.stringify(layout.type),
    "the name of a layout of log4js, of activity-audit, or given to `log4js.addLayout`",
  ]);
}

function gapLine({ from, to, count, why }: GapReport): string {
  return trailLine("GAP", { from: formatTimestamp(from), to: formatTimestamp(to), count, why });
}

function retiredLine(retired: Retired): string {
  return trailLine("RETENTION", { ...retired });
}

function trailLine(eventType: "GAP" | "RETENTION", details: Readonly<Record<string, unknown>>): string {
  return encode(trailRecord(eventType, details), logRuntime().redactor);
}

/**
 * What an appender says of its own file.
 *
 * @internal
 */
export function trailRecord(
  eventType: "GAP" | "RETENTION",
  details: Readonly<Record<string, unknown>>,
): TrailRecord {
  return buildTrail(
    { eventType, details },
    { at: Date.now(), context: undefined },
    { recordId: newRecordId(), serviceName: logRuntime().serviceName },
  );
}
