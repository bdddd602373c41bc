/**
 * One mysql2 connection, below its public face: every command, whoever sends it, goes through `addCommand`.
 *
 * There, `query()` has already put the parameters into the text, and the caller already holds the command, so
 * that streams, events and callbacks stay what they are. `addCommand` is no documented method of mysql2;
 * `isWire` checks what is relied upon.
 *
 * @module
 */
/* oxlint-disable no-underscore-dangle -- mysql2 keeps its inner parts behind underscores */
import type { Undo } from "../../capture.js";
import { replaceMethod } from "../../patch.js";
import type { Raw } from "./image.js";
import { EXTRA } from "./names.js";

/** The OK packet, as mysql2 gives it. */
export interface Header {
  fieldCount: number;
  affectedRows: number;
  insertId: number | string;
  info: string;
  serverStatus: number;
  warningStatus: number;
  changedRows: number;
}

/** An error of mysql2. */
export interface WireError extends Error {
  readonly errno?: number;
  readonly fatal?: boolean;
}

export interface Command {
  sql?: string;
  readonly timeout?: number;
  readonly _queryOptions?: { readonly nestTables?: unknown };
  onResult?: ((error: WireError | null, rows?: unknown, fields?: unknown) => void) | undefined;
  emit(event: string, ...args: unknown[]): boolean;
  row?: (packet: Packet, connection: unknown) => unknown;
}

interface Packet {
  isEOF(): boolean;
  eofStatusFlags(): number;
  eofWarningCount(): number;
}

export interface Connection {
  readonly config: { readonly multipleStatements?: boolean; readonly clientFlags?: number };
  readonly stream: {
    once(event: "close", listener: () => void): void;
    off(event: "close", listener: () => void): void;
  };
  readonly constructor: Function;
  readonly _fatalError?: WireError | null;
  readonly _protocolError?: WireError | null;
  addCommand(command: Command): Command;
}

/** What the server answered to one command. */
export interface Answer {
  readonly error: WireError | null;
  /** What the callback gets: a header or rows, or a list of them where there were several statements. */
  readonly rows: unknown;
  readonly fields: unknown;
  /** The headers of all OK packets. */
  readonly headers: readonly Header[];
  /** The last status flags seen, of an OK packet or the end of a result set; `null` if none. */
  readonly status: number | null;
  readonly warnings: number;
}

/** An answer that no packet made: an error of ours, or nothing yet. */
export const answerWith = (error: WireError | null): Answer => ({
  error,
  rows: undefined,
  fields: undefined,
  headers: [],
  status: null,
  warnings: 0,
});

type CreateQuery = (
  options: object,
  values: undefined,
  callback: ((error: WireError | null, rows?: unknown, fields?: unknown) => void) | undefined,
  config: object,
) => Command;

/** `SERVER_STATUS_IN_TRANS`, `SERVER_STATUS_AUTOCOMMIT`, `SERVER_MORE_RESULTS_EXISTS` */
export const IN_TRANSACTION = 1;
export const AUTOCOMMIT = 2;
export const MORE_RESULTS = 8;

/** `CLIENT_FOUND_ROWS` */
const FOUND_ROWS = 2;

/** Whether this is a connection of mysql2 whose inner parts are where we need them. */
export function isWire(connection: unknown): connection is Connection {
  const { addCommand, constructor, stream } = connection as Partial<Connection>;
  return (
    typeof addCommand === "function" &&
    typeof (constructor as unknown as { createQuery?: CreateQuery }).createQuery === "function" &&
    typeof stream?.once === "function"
  );
}

export class Wire {
  readonly connection: Connection;
  readonly #query: Function;
  #sending = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#query = this.#create({ sql: "" }, undefined).constructor;
  }

  /** Every command that the application sends goes to `take` instead of the server. */
  intercept(take: (command: Command) => void): Undo {
    return replaceMethod(this.connection, "addCommand", (original) => (command: Command) => {
      if (this.#sending) return original.call(this.connection, command) as Command;
      take(command);
      return command;
    });
  }

  /** `affectedRows` counts the rows that were found, changed or not: mysql2's default, `CLIENT_FOUND_ROWS`. */
  get countsFound(): boolean {
    return ((this.connection.config.clientFlags ?? FOUND_ROWS) & FOUND_ROWS) !== 0;
  }

  /** Why the connection is closed, if it is. */
  get closedBy(): WireError | null {
    return this.connection._fatalError ?? this.connection._protocolError ?? null;
  }

  isQuery(command: Command): command is Command & { sql: string } {
    return command.constructor === this.#query && typeof command.sql === "string";
  }

  /** Sends the application's own command. What it gets is what mysql2 gives it; we only look on. */
  forward(command: Command, done: (answer: Answer) => void): void {
    const seen = new Watch(done);
    const { emit, onResult } = command;
    command.emit = function (event: string, ...args: unknown[]) {
      seen.event(event, args);
      return emit.call(command, event, ...args);
    };
    if (onResult) {
      command.onResult = function (error, rows, fields) {
        if (error) seen.failed(error);
        // mysql2 tells by the number of arguments whether there were fields.
        if (fields === undefined) onResult.call(command, error, rows);
        else onResult.call(command, error, rows, fields);
      };
    }
    watchEnd(command, seen);
    this.#send(command);
  }

  /** Runs a statement in the place of the application's command, with that command's options. */
  replace(command: Command, sql: string, options: object = {}): Promise<Answer> {
    return this.#run({ ...command._queryOptions, ...options, sql, values: undefined });
  }

  /**
   * The same, for a statement that has rows of its own: columns whose names begin with `EXTRA` are ours, and are
   * taken out again.
   */
  async replaceWithExtra(command: Command, sql: string): Promise<Answer & { readonly extra: Raw[][] }> {
    const options = { ...this.connection.config, ...command._queryOptions } as RowOptions;
    const typeCast = (field: Field, next: () => unknown): unknown => {
      if (field.name.startsWith(EXTRA) || options.typeCast === false) return field.buffer();
      return typeof options.typeCast === "function" ? options.typeCast(field, next) : next();
    };
    const answer = await this.replace(command, sql, { typeCast });
    if (answer.error) return { ...answer, extra: [] };
    const names = (answer.fields as Field[]).map(({ name }) => name);
    const own = names.findIndex((name) => name.startsWith(EXTRA));
    const extra = (answer.rows as Record<string, Raw>[]).map((row) => takeExtra(row, names, own));
    return { ...answer, fields: (answer.fields as Field[]).slice(0, own), extra };
  }

  /** Runs a statement of ours: rows come as arrays of bytes, whatever the connection is set to. */
  ask(sql: string): Promise<Answer> {
    return this.#run({ sql, ...rawRows });
  }

  /** The same for names: as text, which the connection's character set has, since the application uses them. */
  askText(sql: string): Promise<Answer> {
    return this.#run({ sql, ...rawRows, typeCast: (field: TextField) => field.string() });
  }

  #run(options: object): Promise<Answer> {
    return new Promise((resolve) => {
      const seen = new Watch(() => {});
      const command = this.#create(options, (error, rows, fields) => {
        if (error) seen.failed(error);
        resolve({ ...seen.answer(), rows, fields });
      });
      const { emit } = command;
      command.emit = (event: string, ...args: unknown[]) => {
        seen.event(event, args);
        return emit.call(command, event, ...args);
      };
      watchEnd(command, seen);
      this.#send(command);
    });
  }

  /** Gives the application's command an answer, as mysql2 would have. */
  deliver(command: Command, { error, rows, fields }: Answer): void {
    const { onResult } = command;
    if (error) {
      if (onResult) onResult.call(command, error);
      else command.emit("error", error);
      if (!error.fatal) command.emit("end");
      return;
    }
    if (!onResult) emitRows(command, rows, fields);
    command.emit("end");
    if (!onResult) return;
    process.nextTick(() => {
      if (fields === undefined) onResult.call(command, null, rows);
      else onResult.call(command, null, rows, fields);
    });
  }

  /* By the method as it is now: once a connection breaks, mysql2 puts one there that refuses. */
  #send(command: Command): void {
    this.#sending = true;
    try {
      this.connection.addCommand(command);
    } finally {
      this.#sending = false;
    }
  }

  #create(options: object, callback: Parameters<CreateQuery>[2]): Command {
    const { createQuery } = this.connection.constructor as unknown as { createQuery: CreateQuery };
    return createQuery(options, undefined, callback, this.connection.config);
  }
}

/** For queries of ours. `typeCast` is asked column by column, before any setting of the connection. */
export const rawRows = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: (field: { buffer(): Raw }): Raw => field.buffer(),
};

interface Field {
  readonly name: string;
  buffer(): Raw;
}

interface TextField {
  string(): string | null;
}

interface RowOptions {
  readonly typeCast?: boolean | ((field: Field, next: () => unknown) => unknown);
}

/** Rows nested by table have no place of their own for columns of ours. */
export const takesExtra = ({ _queryOptions }: Command): boolean => !_queryOptions?.nestTables;

function takeExtra(row: Record<string, Raw> | Raw[], names: readonly string[], own: number): Raw[] {
  if (Array.isArray(row)) return row.splice(own);
  return names.slice(own).map((name) => {
    const value = row[name] ?? null;
    delete row[name];
    return value;
  });
}

function emitRows(command: Command, rows: unknown, fields: unknown): void {
  const several = Array.isArray(fields) && fields.some((one) => Array.isArray(one) || one === undefined);
  const results = several ? (rows as unknown[]) : [rows];
  for (const [index, result] of results.entries()) {
    command.emit("fields", several ? (fields as unknown[])[index] : fields);
    if (!Array.isArray(result)) command.emit("result", result);
    else for (const row of result) command.emit("result", row, index);
  }
}

/** mysql2 keeps the flags at the end of a result set to itself: read them as they pass. */
function watchEnd(command: Command, seen: Watch): void {
  const { row } = command;
  if (typeof row !== "function") return;
  const watched = function (this: Command, packet: Packet, connection: unknown): unknown {
    if (packet.isEOF()) seen.end(packet.eofStatusFlags(), packet.eofWarningCount());
    const next = row.call(this, packet, connection);
    return next === row ? watched : next;
  };
  command.row = watched;
}

/** Gathers what passes on one command. */
class Watch {
  readonly #headers: Header[] = [];
  #done: ((answer: Answer) => void) | null;
  #error: WireError | null = null;
  #status: number | null = null;
  #warnings = 0;
  #isHeader = false;

  constructor(done: (answer: Answer) => void) {
    this.#done = done;
  }

  event(event: string, args: readonly unknown[]): void {
    if (event === "fields") this.#isHeader = args[0] === undefined;
    else if (event === "result" && this.#isHeader) this.#header(args[0] as Header | null);
    else if (event === "error") this.failed(args[0] as WireError);
    else if (event === "end") this.#finish();
  }

  end(status: number, warnings: number): void {
    this.#status = status;
    this.#warnings = warnings;
  }

  failed(error: WireError): void {
    this.#error ??= error;
    // A connection that breaks ends no command.
    if (error.fatal) this.#finish();
  }

  answer(): Answer {
    return {
      error: this.#error,
      rows: undefined,
      fields: undefined,
      headers: this.#headers,
      status: this.#status,
      warnings: this.#warnings,
    };
  }

  #header(header: Header | null): void {
    if (!header) return;
    this.#headers.push(header);
    this.end(header.serverStatus, header.warningStatus);
  }

  #finish(): void {
    const done = this.#done;
    this.#done = null;
    done?.(this.answer());
  }
}
