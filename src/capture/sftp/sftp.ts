/**
 * Captures the operations of an ssh2-sftp-client: one event for each call of a public method.
 *
 * The methods call each other, so an operation inside an operation is not told, but for the files of a directory.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Readable, Writable } from "node:stream";
import type SftpLibrary from "ssh2-sftp-client";
import { runAsCause } from "../../context/run.js";
import { guarded } from "../../health.js";
import { type CallOptions, detailNow } from "../call.js";
import type { Emit, Undo } from "../capture.js";
import { replaceMethod } from "../patch.js";
import { isPlainPromise, watched } from "../settled.js";
import { SftpConnection } from "./connection.js";
import { withHostKey } from "./host-key.js";
import { innerMethods, operations, roleOf } from "./operations.js";
import { SftpCall } from "./sftp-call.js";
import { followStream } from "./stream.js";
import { watchSession, type SftpSession } from "./wire.js";

type AnyFunction = (this: unknown, ...args: any[]) => any;

export interface SftpOptions extends CallOptions {
  /** An operation is given up when the server has given no sign for so long, in milliseconds. */
  readonly silentMs: number;
}

/** The operation under way around the code that runs. */
const running = new AsyncLocalStorage<SftpCall>();

/** Starts on an ssh2-sftp-client, connected or not. */
export function captureSftp(client: SftpLibrary, emit: Emit, options: SftpOptions): Undo {
  const methods = client as unknown as Record<string, AnyFunction>;
  const connection = new SftpConnection(client, options.silentMs);
  const session = new WatchedSession(client);
  const undos: Undo[] = [connection.watch(), () => session.leave()];
  for (const name of [...Object.keys(operations), ...innerMethods]) {
    if (typeof methods[name] !== "function") continue;
    undos.push(
      replaceMethod(methods, name, (method) => (...args: unknown[]) => {
        // What a finished operation began (its sockets, its streams) is no inside of it.
        const around = running.getStore();
        const outer = around?.ended ? undefined : around;
        const role = roleOf(name, outer?.operation);
        const detail = detailNow(options.detail);
        if (role === "within" || detail === false) return Reflect.apply(method, client, args);
        const own = { ...options, detail };
        const call = new SftpCall(name, args, connection, emit, own, role === "part" ? outer : undefined);
        session.enter();
        // Where a connection stands, the library refuses to make another.
        const connects = name === "connect" && !session.stands;
        const given = connects ? connectArguments(args, connection) : args;
        return run(call, () => Reflect.apply(method, client, given));
      }),
    );
  }
  return () => {
    for (const undo of undos.splice(0).toReversed()) undo();
  };
}

function run(call: SftpCall, work: () => unknown): unknown {
  let result: unknown;
  try {
    result = running.run(call, () => runAsCause(call.recordId, work));
  } catch (error) {
    call.failed(error);
    throw error;
  }
  if (operations[call.operation]?.stream) {
    guarded("capture.sftp", () => followStream(result as Readable | Writable, call));
    return result;
  }
  if (!isPlainPromise(result)) {
    call.succeeded(result);
    return result;
  }
  return watched(
    result,
    (value) => call.succeeded(value),
    (error) => call.failed(error),
  );
}

/** Of the options of a connection only the host is read. */
function connectArguments(args: readonly unknown[], connection: SftpConnection): readonly unknown[] {
  const [config, ...rest] = args;
  if (typeof config !== "object" || config === null) return args;
  const learned = guarded("capture.sftp", () => {
    const { hostname, host } = config as { hostname?: unknown; host?: unknown };
    const name = hostname || host;
    connection.host = typeof name === "string" ? name : null;
    connection.hostKey = null;
    connection.lastError = null;
    return withHostKey(config, (fingerprint) => {
      connection.hostKey = fingerprint;
    });
  });
  return [learned ?? config, ...rest];
}

/** The session of the connection that stands; another one after each `connect`. */
class WatchedSession {
  readonly #client: { readonly sftp?: SftpSession };
  #session: SftpSession | undefined;
  #undo: Undo = () => {};

  constructor(client: SftpLibrary) {
    this.#client = client as unknown as { sftp?: SftpSession };
  }

  get stands(): boolean {
    return this.#client.sftp !== undefined;
  }

  enter(): void {
    const session = this.#client.sftp;
    if (!session || session === this.#session) return;
    this.#undo();
    this.#session = session;
    this.#undo = watchSession(session, () => running.getStore());
  }

  leave(): void {
    this.#undo();
    this.#session = undefined;
  }
}
