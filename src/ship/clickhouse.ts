/**
 * Sends batches of lines to ClickHouse, through its official client.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { ClickHouseClient, createClient } from "@clickhouse/client";
import { AuditError } from "../errors.js";
import type { ServerSettings } from "./protocol.js";

const SETTINGS = "async_insert = 0, distributed_foreground_insert = 1";

/** `ClickHouseLogLevel.OFF`, which is an enum and so would load the package. */
const LOG_NOTHING = 127;

/** Where lines go. */
export interface Server {
  /** Resolves when the lines are stored, rejects when that is not known. */
  send(lines: Buffer, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function clickhouseServer(settings: ServerSettings): Server {
  const client = connect(settings);
  const into = `INSERT INTO ${quoted(settings.table)} (line)`;
  return {
    async send(lines, signal) {
      // The token lets the server drop a batch that is sent again because its answer was lost. It stands in the
      // statement and not among the request's settings, where it would hold for all that follow in one session.
      // A Distributed table answers when the shards have the lines, not when it has queued them.
      const token = createHash("sha256").update(lines).digest("hex");
      const { stream } = await client.exec({
        query: `${into} SETTINGS ${SETTINGS}, insert_deduplication_token = '${token}' FORMAT LineAsString`,
        values: Readable.from([lines], { objectMode: false }),
        abort_signal: signal,
      });
      for await (const chunk of stream) void chunk;
    },
    close: () => client.close(),
  };
}

/** A client for the server; loads `@clickhouse/client`. */
export function connect(settings: ServerSettings): ClickHouseClient {
  const { url, database, username, password, requestTimeoutMs } = settings;
  return loadClient().createClient({
    url,
    database,
    username,
    password,
    request_timeout: requestTimeoutMs,
    application: "activity-audit",
    compression: { request: true },
    max_open_connections: 1,
    // It would write every failed try to the application's console; we count them in `audit.health()`.
    log: { level: LOG_NOTHING },
  });
}

/**
 * The official client.
 *
 * @throws {AuditError} `AUDIT_PEER_MISSING`
 */
export function loadClient(): { createClient: typeof createClient } {
  try {
    return require("@clickhouse/client") as { createClient: typeof createClient };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw cause;
    throw new AuditError("AUDIT_PEER_MISSING", ["ClickHouse", "@clickhouse/client"], { cause });
  }
}

export function quoted(name: string): string {
  return `\`${name.replace(/[`\\]/g, "\\$&")}\``;
}
