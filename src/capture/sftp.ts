/**
 * Captures the operations of an ssh2-sftp-client: one event for each call of a public method.
 *
 * The methods call each other, so an operation inside an operation is not told, but for the files of a directory.
 * Bytes are counted and hashed as they pass the connection's own streams, whatever the application gave (a buffer, a
 * path, a stream), without touching their flow.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, type Hash } from "node:crypto";
import { basename } from "node:path";
import type SftpLibrary from "ssh2-sftp-client";
import { currentContext } from "../context/context.js";
import { runAsCause } from "../context/run.js";
import { guarded } from "../health.js";
import type { Outcome } from "../record/types.js";
import { Call, type CallOptions } from "./call.js";
import type { Emit, Undo } from "./capture.js";
import type { SftpCallEvent } from "./event.js";
import { replaceMethod } from "./patch.js";
import { isPlainPromise, watched } from "./settled.js";

type AnyFunction = (this: unknown, ...args: any[]) => any;

/** For each method of the library, which of its arguments say what. */
interface Operation {
  readonly remote?: number;
  readonly local?: number;
  /** A second remote path: where to. */
  readonly to?: number;
}

const operations: Readonly<Record<string, Operation>> = {
  connect: {},
  end: {},
  cwd: {},
  realPath: { remote: 0 },
  stat: { remote: 0 },
  lstat: { remote: 0 },
  exists: { remote: 0 },
  list: { remote: 0 },
  get: { remote: 0, local: 1 },
  fastGet: { remote: 0, local: 1 },
  put: { local: 0, remote: 1 },
  fastPut: { local: 0, remote: 1 },
  append: { remote: 1 },
  mkdir: { remote: 0 },
  rmdir: { remote: 0 },
  delete: { remote: 0 },
  rename: { remote: 0, to: 1 },
  posixRename: { remote: 0, to: 1 },
  chmod: { remote: 0 },
  uploadDir: { local: 0, remote: 1 },
  downloadDir: { remote: 0, local: 1 },
  rcopy: { remote: 0, to: 1 },
};

/** Operations of many files, and those within them that are told one by one. */
const directories = new Set(["uploadDir", "downloadDir"]);
const transfers = new Set(["put", "fastPut", "_put", "_fastPut", "get", "fastGet", "_fastGet"]);

const running = new AsyncLocalStorage<SftpCall>();

/** Starts on an ssh2-sftp-client, connected or not. */
export function captureSftp(client: SftpLibrary, emit: Emit, options: CallOptions): Undo {
  const undos: Undo[] = [];
  const host: HostOf = { name: hostOf(client) };
  const metered = new WeakSet<object>();
  const live = new LiveCalls();
  undos.push(live.giveUpOnClose(client));
  const methods = client as unknown as Record<string, AnyFunction>;
  const names = [...Object.keys(operations), "_put", "_fastPut", "_fastGet"];
  for (const name of names) {
    if (typeof methods[name] !== "function") continue;
    undos.push(
      replaceMethod(methods, name, (method) => (...args: unknown[]) => {
        // What a finished operation began (its sockets, its streams) is no inside of it.
        const around = running.getStore();
        const outer = around?.ended ? undefined : around;
        if (currentContext()?.muted || !isTold(name, outer)) return Reflect.apply(method, client, args);
        const call = new SftpCall(name.replace(/^_/, ""), args, host, emit, options);
        live.add(call);
        meterStreams((client as unknown as { sftp?: SftpStreams }).sftp, metered, undos);
        return call.run(() => Reflect.apply(method, client, args));
      }),
    );
  }
  return () => {
    for (const undo of undos.splice(0).toReversed()) undo();
  };
}

/** How long after a connection closed the library may still say how its operations ended, in milliseconds. */
const GRACE_MS = 1000;

function giveUp(calls: readonly SftpCall[]): void {
  for (const call of calls) call.giveUp();
}

/** The operations under way. Some never end: the library's promise stays pending when the connection is gone. */
class LiveCalls {
  readonly #calls = new Set<SftpCall>();

  add(call: SftpCall): void {
    for (const one of this.#calls) if (one.ended) this.#calls.delete(one);
    this.#calls.add(call);
  }

  /** Tells of those that a closed connection left without an end, and at last of all. */
  giveUpOnClose(client: SftpLibrary): Undo {
    const connection = (client as unknown as { client?: NodeJS.EventEmitter }).client;
    const closed = (): void => {
      const calls = [...this.#calls].filter(({ operation }) => operation !== "connect");
      setTimeout(giveUp, GRACE_MS, calls).unref();
    };
    connection?.on("close", closed);
    return () => {
      connection?.off("close", closed);
      giveUp([...this.#calls]);
    };
  }
}

/** The library's own inner methods are told only as the files of a directory. */
function isTold(name: string, outer: SftpCall | undefined): boolean {
  if (outer === undefined) return !name.startsWith("_");
  return directories.has(outer.operation) && transfers.has(name);
}

interface HostOf {
  name: string | null;
}

/** ssh2 keeps what it was connected with; before `connect` there is nothing to know. */
function hostOf(client: SftpLibrary): string | null {
  const { config } = (client as unknown as { client?: { config?: { host?: unknown } } }).client ?? {};
  return typeof config?.host === "string" ? config.host : null;
}

class SftpCall {
  readonly operation: string;
  readonly #call: Call<SftpCallEvent>;
  readonly #args: readonly unknown[];
  readonly #host: HostOf;
  readonly #options: CallOptions;
  #hash: Hash | null = null;
  #bytes = 0;

  constructor(operation: string, args: readonly unknown[], host: HostOf, emit: Emit, options: CallOptions) {
    this.operation = operation;
    this.#call = new Call(emit, options);
    this.#args = args;
    this.#host = host;
    this.#options = options;
    if (operation === "connect") host.name = hostGiven(args[0]);
  }

  run(work: () => unknown): unknown {
    let result: unknown;
    try {
      result = running.run(this, () => runAsCause(this.#call.recordId, work));
    } catch (error) {
      this.#end(undefined, error, "failure");
      throw error;
    }
    if (!isPlainPromise(result)) {
      this.#end(result, null, "success");
      return result;
    }
    return watched(
      result,
      (value) => this.#end(value, null, "success"),
      (error) => this.#end(undefined, error, "failure"),
    );
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  /** Nobody will ever say how it ended. */
  giveUp(): void {
    this.#end(undefined, null, "unknown");
  }

  /** A piece of a file on its way. */
  passed(chunk: Uint8Array): void {
    this.#hash ??= createHash("sha256");
    this.#hash.update(chunk);
    this.#bytes += chunk.byteLength;
  }

  #end(result: unknown, error: unknown, outcome: Outcome): void {
    this.#call.end(() => {
      const { remote, local, to } = operations[this.operation] ?? {};
      const remotePath = pathAt(this.#args, remote);
      const localPath = pathAt(this.#args, local);
      const target = pathAt(this.#args, to);
      const whole = outcome === "success";
      return {
        protocol: "sftp",
        host: this.#host.name,
        operation: this.operation,
        remotePath,
        filename: localPath ?? (remotePath === null ? null : basename(remotePath)),
        message: typeof result === "string" && !Buffer.isBuffer(result) ? result : null,
        // How much of a transfer that broke off has arrived is not known here.
        bytes: this.#hash && whole ? this.#bytes : null,
        sha256: this.#hash && whole ? this.#hash.digest("hex") : null,
        details: {
          ...(target !== null && { target_path: target }),
          ...this.#found(result),
        },
        outcome,
        error,
      };
    });
  }

  /** What the operations that ask something were answered. */
  #found(result: unknown): Record<string, unknown> {
    if (this.#options.detail !== "full") return {};
    if (this.operation === "list" && Array.isArray(result)) return { entries: result.length };
    if (this.operation === "exists") return { found: result !== false };
    return {};
  }
}

function pathAt(args: readonly unknown[], index: number | undefined): string | null {
  const path = index === undefined ? undefined : args[index];
  return typeof path === "string" ? path : null;
}

/** Of the options of a connection only the host is ever read. */
function hostGiven(config: unknown): string | null {
  const host = (config as { host?: unknown } | null | undefined)?.host;
  return typeof host === "string" ? host : null;
}

/** The two ways in which files pass over a connection of ssh2. */
interface SftpStreams {
  createReadStream(...args: unknown[]): NodeJS.ReadableStream;
  createWriteStream(...args: unknown[]): NodeJS.WritableStream;
}

function meterStreams(sftp: SftpStreams | undefined, metered: WeakSet<object>, undos: Undo[]): void {
  if (!sftp || metered.has(sftp)) return;
  metered.add(sftp);
  undos.push(
    replaceMethod(sftp, "createReadStream", (createReadStream) => (...args: unknown[]) => {
      const stream = Reflect.apply(createReadStream, sftp, args);
      const call = running.getStore();
      // A copy on the server is read and written at once: counted as it is written.
      if (call && call.operation !== "rcopy") watchEmitted(stream, call);
      return stream;
    }),
    replaceMethod(sftp, "createWriteStream", (createWriteStream) => (...args: unknown[]) => {
      const stream = Reflect.apply(createWriteStream, sftp, args);
      const call = running.getStore();
      if (call) watchWritten(stream, call);
      return stream;
    }),
  );
}

/** A listener for `data` would start the flow; what is emitted anyway is only seen. */
function watchEmitted(stream: NodeJS.ReadableStream, call: SftpCall): void {
  const { emit } = stream;
  stream.emit = function (this: typeof stream, event: string | symbol, ...args: unknown[]) {
    if (event === "data") guarded("capture.sftp", () => call.passed(bytesOf(args[0])));
    return Reflect.apply(emit, this, [event, ...args]);
  } as typeof emit;
}

function watchWritten(stream: NodeJS.WritableStream, call: SftpCall): void {
  const { write, end } = stream;
  let ending = false;
  stream.write = function (this: typeof stream, chunk: unknown, ...rest: unknown[]) {
    if (!ending) guarded("capture.sftp", () => call.passed(bytesOf(chunk, rest[0])));
    return Reflect.apply(write as AnyFunction, this, [chunk, ...rest]);
  } as typeof write;
  stream.end = function (this: typeof stream, ...args: unknown[]) {
    const [chunk, encoding] = args;
    if (!ending && chunk != null && typeof chunk !== "function") {
      guarded("capture.sftp", () => call.passed(bytesOf(chunk, encoding)));
    }
    // A stream's `end` may come to its `write`: counted already.
    ending = true;
    return Reflect.apply(end as AnyFunction, this, args);
  } as typeof end;
}

function bytesOf(chunk: unknown, encoding?: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  return Buffer.from(String(chunk), typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
}
