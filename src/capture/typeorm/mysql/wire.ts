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
  readonly code?: string;
  readonly fatal?: boolean;
  /** The text that the server refused. */
  sql?: string;
}

export interface Command {
  sql?: string;
  readonly timeout?: number;
  /** Set while the time runs; gone when it has run out, or was stopped. */
  queryTimeout?: NodeJS.Timeout | null;
  /** Starts it, and answers the command with an error when it has run out. */
  _setTimeout?(): void;
  readonly _queryOptions?: { readonly nestTables?: unknown };
  onResult?: ((error: WireError | null, rows?: unknown, fields?: unknown) => void) | undefined;
  emit(event: string, ...args: unknown[]): boolean;
  row?: (packet: Packet, connection: unknown) => unknown;
  /** The rows that have come so far, of the result under way. */
  readonly _currentRows?: unknown[] | null;
}

interface Packet {
  isEOF(): boolean;
  length(): number;
  eofStatusFlags(): number;
  eofWarningCount(): number;
}

export interface Connection {
  readonly config: { readonly clientFlags?: number; readonly nestTables?: unknown };
  readonly stream: {
    readonly destroyed?: boolean;
    destroy?(): void;
    once(event: "close", listener: () => void): void;
    off(event: "close", listener: () => void): void;
  };
  readonly constructor: Function;
  readonly _fatalError?: WireError | null;
  readonly _protocolError?: WireError | null;
  _handleFatalError?(error: unknown): void;
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
  /** How many rows there were beyond those that are kept. */
  readonly dropped: number;
}

/** How much of a result is kept: rows beyond it are counted. */
export interface Room {
  readonly rows: number;
  readonly bytes: number;
}

/** An answer that no packet made: an error of ours, or nothing yet. */
export const answerWith = (error: WireError | null): Answer => ({
  error,
  rows: undefined,
  fields: undefined,
  headers: [],
  status: null,
  warnings: 0,
  dropped: 0,
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

/** `CLIENT_FOUND_ROWS`, `CLIENT_MULTI_STATEMENTS` */
const FOUND_ROWS = 2;
const MULTI_STATEMENTS = 0x1_0000;

/** The application is answered when its time has run out, and the server goes on: this error says nothing of what it did. */
const TIMED_OUT = "PROTOCOL_SEQUENCE_TIMEOUT";

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
  #original: Connection["addCommand"] | undefined;
  /** What is handed to mysql2 right now. */
  #sending: Command | null = null;
  /** QUIT waits for what is under way; mysql2 takes no command of anybody's behind it. */
  #quitting = false;
  /** The command of the application whose time we keep. */
  #timed: Command | null = null;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#query = this.#create({ sql: "" }, undefined).constructor;
  }

  /** Every command that the application sends goes to `take` instead of the server. */
  intercept(take: (command: Command) => void): Undo {
    return replaceMethod(this.connection, "addCommand", (original) => {
      this.#original = original;
      return (command: Command) => {
        // Only this one: mysql2 may call the application back before it returns, which may send another.
        if (command === this.#sending) {
          this.#sending = null;
          return original.call(this.connection, command) as Command;
        }
        this.#quitting ||= isQuit(command);
        take(command);
        return command;
      };
    });
  }

  /** A text may hold several statements. */
  get takesSeveral(): boolean {
    return ((this.connection.config.clientFlags ?? 0) & MULTI_STATEMENTS) !== 0;
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
    // mysql2 keeps its time then.
    this.#timeIsUp(command);
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

  /** Whether rows of this command are objects or arrays: nested by table, they have no place for columns of ours. */
  takesExtra({ _queryOptions }: Command): boolean {
    return !(_queryOptions?.nestTables ?? this.connection.config.nestTables);
  }

  /** From now on the time runs that the application gave the command, which is not sent as it is. */
  keepTime(command: Command): void {
    if (!command.timeout || !command._setTimeout || this.#timed === command) return;
    this.#timed = command;
    command._setTimeout();
  }

  /** Runs a statement in the place of the application's command, with that command's options but its time. */
  replace(command: Command, sql: string, options: object = {}, room?: Room): Promise<Answer> {
    return this.#run(
      { ...command._queryOptions, ...options, sql, values: undefined, timeout: undefined },
      room,
    );
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

  #run(options: object, room?: Room): Promise<Answer> {
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
      watchEnd(command, seen, room);
      this.#send(command);
    });
  }

  /** Gives the application's command an answer, as mysql2 would have. */
  deliver(command: Command, answer: Answer): void {
    try {
      this.#deliver(command, answer);
    } catch (error) {
      // What a callback of the application's throws there; mysql2 takes the connection for broken then.
      this.connection._handleFatalError?.(error instanceof Error ? error : new Error(String(error)));
      this.connection.stream.destroy?.();
    }
  }

  #deliver(command: Command, { error, rows, fields }: Answer): void {
    const { onResult } = command;
    if (this.#timeIsUp(command)) {
      command.emit("end");
      return;
    }
    if (error) {
      if (error.sql !== undefined) error.sql = command.sql!;
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

  /** The application has its answer already. */
  #timeIsUp(command: Command): boolean {
    if (this.#timed !== command) return false;
    this.#timed = null;
    if (!command.queryTimeout) return true;
    clearTimeout(command.queryTimeout);
    command.queryTimeout = null;
    return false;
  }

  /* By the method as it is now: once a connection breaks, mysql2 puts one there that refuses. It does so, too, where the
     application ends the connection; but then what was sent before QUIT is still to be done. */
  #send(command: Command): void {
    const ending = this.#quitting && !this.closedBy && !this.connection.stream.destroyed;
    if (isQuit(command)) this.#quitting = false;
    if (ending && this.#original) {
      this.#original.call(this.connection, command);
      return;
    }
    this.#sending = command;
    try {
      this.connection.addCommand(command);
    } finally {
      this.#sending = null;
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

/** The end of a connection, sent by `end()`. */
const isQuit = (command: Command): boolean => command.constructor.name === "Quit";

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

/**
 * mysql2 keeps the flags at the end of a result set to itself: read them as they pass. And it keeps all rows: those that
 * there is no room for are dropped as they come.
 */
function watchEnd(command: Command, seen: Watch, room?: Room): void {
  const { row } = command;
  if (typeof row !== "function") return;
  let bytes = 0;
  const watched = function (this: Command, packet: Packet, connection: unknown): unknown {
    const ends = packet.isEOF();
    if (ends) seen.end(packet.eofStatusFlags(), packet.eofWarningCount());
    else bytes += packet.length();
    const next = row.call(this, packet, connection);
    const { _currentRows: rows } = this;
    if (room && !ends && rows && (rows.length > room.rows || bytes > room.bytes)) {
      rows.pop();
      seen.dropped += 1;
    }
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
  dropped = 0;

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
    if (error.code === TIMED_OUT) return;
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
      dropped: this.dropped,
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
