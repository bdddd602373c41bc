/**
 * Makes what `client.query` was given into an object that pg sends, and stands between that object and the
 * server's messages: our text goes out, our columns are taken from what comes back, and errors speak of the
 * text that the application gave.
 *
 * Only this one object is changed, and only until it is answered. Rows, fields, row mode, types, cursors,
 * streams and callbacks stay pg's business.
 *
 * @module
 */
import { guarded } from "../../../health.js";
import type { ConnectionState } from "./connection.js";
import type { Execution } from "./execution.js";
import {
  isOfServer,
  portalOf,
  promiseOf,
  type DataRow,
  type PgClient,
  type PgConnection,
  type PgError,
  type QueryConstructor,
  type RowDescription,
  type Submittable,
} from "./pg.js";
import type { Plan } from "./plan.js";
import { MARK, NEW_ROW, OLD_ROW } from "./rewrite.js";
import { placeBefore } from "./splice.js";
import type { StatementNames } from "./statement-names.js";

/** The text that `client.query` is asked to send, or `null` if that cannot be told. */
export function textOf(config: unknown, connection: PgConnection): string | null {
  if (typeof config === "string") return config;
  if (typeof config !== "object" || config === null) return null;
  const { text, name, cursor } = config as Submittable;
  const given = text ?? cursor?.text;
  if (typeof given === "string") return given;
  // pg runs a named statement again without its text.
  return typeof name === "string" ? (connection.parsedStatements?.[name] ?? null) : null;
}

/** The parameters of a query, as they were given. */
export function valuesOf({ values, cursor }: Submittable): readonly unknown[] {
  const given = values ?? cursor?.values;
  return Array.isArray(given) ? given : [];
}

/**
 * What `client.query` sends, and what it returns; `unseen`: the application does not hold the object. `null` where pg
 * itself would throw.
 */
export function toSubmittable(
  client: PgClient,
  Query: QueryConstructor,
  config: unknown,
  values: unknown,
  callback: unknown,
): { query: Submittable; result: unknown; unseen: boolean } | null {
  if (typeof (config as Submittable).submit === "function") {
    const query = config as Submittable;
    if (!query.callback && typeof values === "function") query.callback = values;
    else if (!query.callback && callback) query.callback = callback;
    return { query, result: query, unseen: false };
  }
  const query = new Query(config, values, callback);
  const { query_timeout } = config as Submittable;
  if (query_timeout) query.query_timeout = query_timeout;
  if (query.callback) {
    return typeof query.callback === "function" ? { query, result: undefined, unseen: true } : null;
  }
  const promised = promiseOf(client);
  const result = new promised((resolve, reject) => {
    query.callback = (error: unknown, answer: unknown) => (error ? reject(error) : resolve(answer));
  }).catch((error: Error) => {
    // As pg does: a stack that leads to the application, not to the socket.
    Error.captureStackTrace(error);
    throw error;
  });
  return { query, result, unseen: true };
}

/** What happens beside the usual way of one query. */
export interface Interception {
  /** Nobody but pg holds the query, so it need not look as it was given. */
  readonly unseen: boolean;
  /** Which state of the tables a statement is prepared for; `null`: it is not given a name of ours. */
  readonly generation: number | null;
  /**
   * An error was answered; true if it is not to be told, because the query will be sent again.
   *
   * @param outdated - it was prepared under a name of ours, which may be all that was wrong
   */
  retry(error: PgError, outdated: boolean): boolean;
  /** The query is answered: one of the two tells it, at once or later. */
  finish(deliver: () => void, fail: (error: PgError) => void): void;
  /** The query failed; it is told at once. */
  failed(error: PgError): void;
}

/** Nothing. */
export const NOTHING_BESIDE: Interception = {
  unseen: true,
  generation: null,
  retry: () => false,
  finish: (deliver) => deliver(),
  failed: () => {},
};

type Handler =
  | "submit"
  | "handleRowDescription"
  | "handleDataRow"
  | "handlePortalSuspended"
  | "handleError"
  | "handleReadyForQuery";

/** Stands in for one query until it is answered. */
export function intercept(
  query: Submittable,
  own: boolean,
  execution: Execution,
  state: ConnectionState,
  names: StatementNames,
  interception: Interception,
): void {
  const { plan } = execution;
  let prepared = false;
  let stood = false;
  let submitted = false;
  /** The application has been told an error that is not the server's, and is told no more. */
  let left = false;
  const rewritten = plan.insertions.length > 0;
  const restoreText = rewritten ? keepText(query) : null;
  const methods: Partial<Pick<Submittable, Handler>> = {};
  const kept: [Handler, PropertyDescriptor | undefined][] = [];
  const inner = <Name extends Handler>(name: Name, ...args: Parameters<Submittable[Name]>): unknown =>
    (methods[name] as (...given: unknown[]) => unknown).apply(query, args);
  const replace = <Name extends Handler>(name: Name, method: Submittable[Name]): void => {
    if (typeof query[name] !== "function") return;
    methods[name] = query[name];
    if (interception.unseen) {
      query[name] = method;
      return;
    }
    kept.push([name, Object.getOwnPropertyDescriptor(query, name)]);
    Object.defineProperty(query, name, {
      value: method,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  };
  const restore = (): void => {
    // Assigned and never deleted: V8 makes a dictionary of an object that loses a property, for microseconds each.
    if (interception.unseen) Object.assign(query, methods);
    for (const [name, descriptor] of kept.splice(0)) {
      if (descriptor) Object.defineProperty(query, name, descriptor);
      else delete query[name];
    }
    restoreText?.();
  };

  replace("submit", (connection) => {
    state.begin(execution);
    if (rewritten) {
      setText(query, plan.text);
      const { generation } = interception;
      if (own) stood = names.stand(query, connection, plan.given, plan.text);
      if (own && plan.preparable && generation !== null)
        prepared = names.prepare(query, connection, plan.text, generation);
    } else if (own) names.plain(query, connection);
    submitted = true;
    const error = inner("submit", connection);
    if (error) {
      state.abandon(execution);
      restore();
      interception.failed(error as PgError);
    }
    return error;
  });
  replace("handleError", (error, connection) => {
    // Of pg itself: it waits no longer (`query_timeout`), or could not send the values. Whatever the server has been sent,
    // it answers, and what it changes is committed as any other.
    if (left || (submitted && !isOfServer(error))) {
      if (prepared) names.failed(plan.text, error);
      if (!left) interception.failed(error);
      left = true;
      inner("handleError", error, connection);
      return;
    }
    if (rewritten) guarded("capture.postgres", () => translate(error, plan));
    restore();
    if (stood) names.withdraw(query, connection);
    if (interception.retry(error, prepared && names.failed(plan.text, error))) return;
    interception.failed(error);
    query.handleError(error, connection);
  });
  replace("handleReadyForQuery", (connection) => {
    restore();
    if (left) {
      query.handleReadyForQuery(connection);
      return;
    }
    interception.finish(
      () => query.handleReadyForQuery(connection),
      (error) => query.handleError(error, connection),
    );
  });
  if (!rewritten) return;

  let columns: Columns | null = null;
  replace("handleRowDescription", (message) => {
    columns = ourColumns(message);
    const { telling } = execution;
    if (columns.ours.size === 0) inner("handleRowDescription", message);
    else if (telling.how === "rows" && telling.returns)
      inner("handleRowDescription", withoutOurs(message, columns));
    // A cursor waits for a description, or for the word that there is none. It is given one without columns.
    else if (!own) inner("handleRowDescription", { ...message, fields: [] });
  });
  replace("handleDataRow", (message) => {
    if (!columns || columns.ours.size === 0) {
      inner("handleDataRow", message);
      return;
    }
    const { before, after } = columns;
    execution.sawRow(message.fields[before] ?? null, message.fields[after] ?? null);
    const { telling } = execution;
    if (telling.how === "rows" && telling.returns) inner("handleDataRow", withoutOurs(message, columns));
  });
  replace("handlePortalSuspended", (connection) => {
    const { telling } = execution;
    // All rows of this portal are ours: the cursor must not hear of them, and the rest is fetched for it.
    const unseen = !own && telling.how === "rows" && !telling.returns;
    if (!unseen) {
      inner("handlePortalSuspended", connection);
      return;
    }
    connection.execute({ portal: portalOf(query), rows: 1000 }, true);
    connection.flush();
  });
}

interface Columns {
  readonly ours: ReadonlySet<number>;
  readonly before: number;
  readonly after: number;
}

function ourColumns({ fields }: RowDescription): Columns {
  const ours = new Set<number>();
  let [before, after] = [-1, -1];
  for (const [index, { name }] of fields.entries()) {
    if (!name.startsWith(MARK)) continue;
    ours.add(index);
    if (name === OLD_ROW) before = index;
    else if (name === NEW_ROW) after = index;
  }
  return { ours, before, after };
}

function withoutOurs<Message extends RowDescription | DataRow>(message: Message, { ours }: Columns): Message {
  const fields = (message.fields as readonly unknown[]).filter((_, index) => !ours.has(index));
  const copy = Object.create(Object.getPrototypeOf(message)) as Message;
  return Object.assign(copy, message, { fields, fieldCount: fields.length });
}

function keepText(query: Submittable): () => void {
  const { text, name, cursor } = query;
  const cursorText = cursor?.text;
  return () => {
    if ("text" in query) query.text = text;
    if (cursor) cursor.text = cursorText;
    if ("name" in query) query.name = name;
  };
}

function setText(query: Submittable, text: string): void {
  if (query.cursor && query.text === undefined) query.cursor.text = text;
  else query.text = text;
}

/** Makes an error speak of the text that was given. */
function translate(error: PgError, plan: Plan): void {
  if (error.position !== undefined) {
    const place = placeBefore(plan.given, plan.insertions, Number(error.position));
    error.position = place === undefined ? undefined : String(place);
  }
  if (error.hint?.includes(MARK)) error.hint = undefined;
}
