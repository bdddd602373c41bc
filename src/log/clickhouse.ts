/**
 * The log4js appender that brings records to ClickHouse: through a spool on the disk, so that neither a server
 * that is away nor the end of the process loses one.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { CustomAppender, LayoutsParam } from "log4js";
import * as v from "valibot";
import { checked } from "../check.js";
import { fault } from "../health.js";
import { loadClient } from "../ship/clickhouse.js";
import type { ShipSettings } from "../ship/protocol.js";
import { serverEntries, type ServerOptions, serverSettings, someText } from "../ship/server.js";
import { startShipping } from "../ship/shipping.js";
import { type AuditAppender, configure as configureFile, trailRecord } from "./appender.js";
import { durability, wholeNumber } from "./options.js";

/** Files of this size are sent, and then deleted whole; smaller ones where the spool may not hold many of these. */
const SPOOL_FILE_BYTES = 16_777_216;
const SPOOL_FILES = 4;

/** Where the records go, and how. */
export interface ClickhouseOptions extends ServerOptions {
  /** The table of `pipeline/clickhouse`; default `audit_records`. */
  readonly table?: string;
  /**
   * The folder where records wait until the server has them; default `audit_spool`. Any number of processes may
   * share it. What is in it when the last one ends is sent by the next that starts.
   */
  readonly spool?: string;
  /**
   * About so many bytes may wait in the spool; default 10737418240 (10 GiB), at least 1048576. Beyond it the oldest records
   * are given up, in whole files: counted in `audit.health().shipping`, and told of in a `GAP` record.
   */
  readonly maxSpoolBytes?: number;
  /** When a record counts as kept in the spool: `"memory"`, `"os"` (default) or `"fsync"`. */
  readonly durability?: "memory" | "os" | "fsync";
  /** A batch has at most so many bytes, unless one record is longer; default 4194304, from 65536 to 268435456. */
  readonly batchBytes?: number;
  /** How often the spool is looked at, in milliseconds; default 1000, at least 10. */
  readonly intervalMs?: number;
  /** The longest pause between two tries while the server does not take a batch; in milliseconds; default 30000, at least 250. */
  readonly maxRetryMs?: number;
  /** How long one batch may take, in milliseconds; default 30000, at least 1. */
  readonly requestTimeoutMs?: number;
  /** How long `log4js.shutdown()` waits for the spool to be sent, in milliseconds; default 5000. */
  readonly closeTimeoutMs?: number;
}

const clickhouseSchema = v.strictObject({
  type: v.optional(v.unknown()),
  ...serverEntries,
  table: someText,
  spool: someText,
  maxSpoolBytes: v.optional(wholeNumber(1_048_576)),
  durability: v.optional(durability),
  batchBytes: v.optional(wholeNumber(65_536, 1 << 28)),
  intervalMs: v.optional(wholeNumber(10)),
  maxRetryMs: v.optional(wholeNumber(250)),
  requestTimeoutMs: v.optional(wholeNumber(1)),
  closeTimeoutMs: v.optional(wholeNumber(0)),
});

/**
 * An appender for a log4js configuration that brings records into ClickHouse: at least once, in batches, from a
 * thread of its own. The table and its views are in `pipeline/clickhouse`; a record that arrives twice is shown once.
 *
 * Needs the package `@clickhouse/client`.
 *
 * @param options - all optional; see `ClickhouseOptions` for defaults, units and limits
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_PEER_MISSING`; when log4js is
 *   configured also `AUDIT_DIRECTORY_UNWRITABLE`
 * @example
 * const configuration = auditLogging({ serviceName: "review_board" });
 * configuration.appenders.clickhouse = clickhouseAppender({ url: "http://clickhouse:8123", database: "audit" });
 * configuration.categories["audit.crud"].appenders.push("clickhouse");
 * log4js.configure(configuration);
 */
export function clickhouseAppender(options: ClickhouseOptions = {}): CustomAppender {
  checked("clickhouseAppender", clickhouseSchema, options);
  loadClient();
  return { ...options, type: { configure: configure as never } };
}

function configure(config: unknown, layouts: LayoutsParam): AuditAppender {
  const options = checked("clickhouseAppender", clickhouseSchema, config);
  const filename = resolve(join(options.spool ?? "audit_spool", "records.ndjson"));
  const settings = shipSettings(filename, options);
  const { maxSpoolBytes } = settings;
  const maxBytes = Math.min(SPOOL_FILE_BYTES, Math.floor(maxSpoolBytes / SPOOL_FILES));
  const file = configureFile({ filename, maxBytes, durability: options.durability ?? "os" }, layouts);
  const shipment = startShipping(settings, (dropped) => {
    const why = `the spool had more than ${maxSpoolBytes} bytes`;
    fault("ship.spool", new Error(`${dropped.count} records were given up: ${why}`));
    file.writeRecord!(trailRecord("GAP", { ...dropped, why }));
  });
  const append: AuditAppender = Object.assign((event: Parameters<AuditAppender>[0]) => file(event), {
    writeRecord: file.writeRecord,
    shutdown(done: (error?: Error) => void) {
      file.shutdown((error) => {
        void shipment.stop(options.closeTimeoutMs ?? 5000).then(() => done(error));
      });
    },
  });
  return append;
}

function shipSettings(spool: string, options: v.InferOutput<typeof clickhouseSchema>): ShipSettings {
  return {
    spool,
    maxSpoolBytes: options.maxSpoolBytes ?? 10_737_418_240,
    server: serverSettings(options, options.table ?? "audit_records", options.requestTimeoutMs ?? 30_000),
    batchBytes: options.batchBytes ?? 4_194_304,
    intervalMs: options.intervalMs ?? 1000,
    maxRetryMs: options.maxRetryMs ?? 30_000,
  };
}
