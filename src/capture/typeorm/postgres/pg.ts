/**
 * The parts of `pg` that are used here, as they have been since pg 8.5. Some have no types of their own.
 *
 * Some of pg's names begin with an underscore. They are read here and nowhere else, and each has a way on
 * without it.
 *
 * @module
 */
/* oxlint-disable no-underscore-dangle */
import type { EventEmitter } from "node:events";

/** Anything that `client.query` sends: pg's own Query, pg-cursor, pg-query-stream, pg-copy-streams. */
export interface Submittable {
  submit(connection: PgConnection): unknown;
  handleRowDescription(message: RowDescription): void;
  handleDataRow(message: DataRow): void;
  handlePortalSuspended(connection: PgConnection): void;
  handleError(error: PgError, connection: PgConnection): void;
  handleReadyForQuery(connection: PgConnection): void;
  callback?: unknown;
  text?: unknown;
  name?: unknown;
  values?: unknown;
  query_timeout?: unknown;
  /** pg-query-stream keeps its cursor here; the portal's name is the cursor's. */
  cursor?: { text?: unknown; values?: unknown; _portal?: string; close?: CloseCursor };
  _portal?: string;
  close?: CloseCursor;
}

type CloseCursor = (...args: unknown[]) => unknown;

export interface PgField {
  readonly name: string;
}

export interface RowDescription {
  readonly fields: readonly PgField[];
}

export interface DataRow {
  readonly fields: readonly (string | null)[];
}

export interface PgError extends Error {
  code?: string;
  /** As the server says it: `ERROR`, `FATAL`. */
  severity?: string;
  position?: string | undefined;
  hint?: string | undefined;
  /** Where in the code that it ran. */
  where?: string | undefined;
}

export interface PgConnection extends EventEmitter {
  /** Named statements that the server has parsed, and those that it has been sent. */
  parsedStatements?: Record<string, string>;
  submittedNamedStatements?: Record<string, string>;
  execute(portal: { portal: string; rows: number }, more?: boolean): void;
  flush(): void;
}

export type QueryFunction = (config: unknown, values?: unknown, callback?: unknown) => unknown;

export interface QueryConstructor {
  new (config: unknown, values?: unknown, callback?: unknown): Submittable;
}

export interface PgClient extends EventEmitter {
  /** The server's process, as the server said when the connection began. */
  readonly processID?: number | null;
  query: QueryFunction;
  readonly connection?: PgConnection;
  readonly pipeline?: boolean;
  readonly readyForQuery?: boolean;
  readonly _queryQueue?: readonly unknown[];
  readonly queryQueue?: readonly unknown[];
  readonly _txStatus?: string | null;
  readonly _Promise?: PromiseConstructor;
}

export interface PgPool extends EventEmitter {
  readonly _clients?: readonly PgClient[];
}

/** pg's own Query class, where this client is one of pg's. */
export function queryClassOf(client: PgClient): QueryConstructor | null {
  const { Query } = client.constructor as { Query?: QueryConstructor };
  return typeof Query === "function" && client.connection ? Query : null;
}

/** Settles when nothing is under way on this client, or never will be again. */
export function whenIdle(client: PgClient, connection: PgConnection): Promise<void> {
  if (client.readyForQuery === true && queueLength(client) === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      client.off("drain", settle);
      connection.off("end", settle);
      resolve();
    };
    client.on("drain", settle);
    connection.on("end", settle);
  });
}

/** How many queries wait in pg's own queue; `undefined` if that cannot be told. */
export function queueLength(client: PgClient): number | undefined {
  return (client._queryQueue ?? client.queryQueue)?.length;
}

/**
 * `query_timeout` of our own BEGIN, COMMIT and ROLLBACK: the longest that a timer takes. pg takes a query that is late out
 * of its queue, and a transaction of ours would stay open, with the application's next writes in it.
 */
export const NO_TIMEOUT = 2 ** 31 - 1;

/** Whether it is the server's, and not pg's own or the socket's. */
export function isOfServer(error: PgError): boolean {
  return error.severity !== undefined;
}

/** Whether pg has given up waiting for the server. */
export function isTimeout(error: PgError): boolean {
  return error.message === "Query read timeout";
}

/** The state of the transaction that is open now; pg tells it since 8.16. */
export function transactionStatus(client: PgClient): "I" | "T" | "E" {
  const { _txStatus: status } = client;
  return status === "T" || status === "E" ? status : "I";
}

/** The kind of promise that the application chose for this client. */
export function promiseOf(client: PgClient): PromiseConstructor {
  return client._Promise ?? Promise;
}

/** The portal of a cursor or stream. */
export function portalOf(query: Submittable): string {
  return query._portal ?? query.cursor?._portal ?? "";
}

/**
 * A cursor that is closed before it is sent takes that for done, and would then wait for its reader on the connection for
 * good. Without us it is sent at once.
 *
 * @returns to be called when it has been sent
 */
export function keepClose(query: Submittable): () => void {
  const cursor = query.cursor ?? query;
  const { close } = cursor;
  if (typeof close !== "function") return () => {};
  const own = Object.hasOwn(cursor, "close");
  let closed = false;
  cursor.close = (...args) => {
    closed = true;
    return close.apply(cursor, args);
  };
  return () => {
    if (own) cursor.close = close;
    else delete cursor.close;
    if (closed) close.call(cursor, () => {});
  };
}

/** The connections that the pool has now. */
export function clientsOf(pool: PgPool): readonly PgClient[] {
  return pool._clients ?? [];
}
