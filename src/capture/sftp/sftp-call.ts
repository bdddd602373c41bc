/**
 * One operation under way, and what is told of it.
 *
 * @module
 */
import { ReadStream, WriteStream } from "node:fs";
import { basename, posix } from "node:path";
import type { Outcome } from "../../record/types.js";
import { Call, type CallOptions } from "../call.js";
import type { Emit } from "../capture.js";
import type { SftpCallEvent } from "../event.js";
import type { Pending, SftpConnection } from "./connection.js";
import { Meter } from "./meter.js";
import { operations, publicName, type Operation } from "./operations.js";
import type { Transfer } from "./wire.js";

/** SSH_FX_PERMISSION_DENIED. */
const PERMISSION_DENIED = 3;

export class SftpCall implements Pending, Transfer {
  readonly operation: string;
  readonly #call: Call<SftpCallEvent>;
  readonly #args: readonly unknown[];
  readonly #connection: SftpConnection;
  readonly #options: CallOptions;
  readonly #outer: SftpCall | undefined;
  readonly #losses: number;
  readonly #as: Operation;
  #meter: Meter | undefined;
  #refused = false;
  #parts = { files: 0, bytes: 0 };

  /** @param outer - the directory's operation that this one is a part of */
  constructor(
    method: string,
    args: readonly unknown[],
    connection: SftpConnection,
    emit: Emit,
    options: CallOptions,
    outer: SftpCall | undefined,
  ) {
    this.operation = publicName(method);
    this.#as = operations[this.operation] ?? {};
    this.#call = new Call(emit, options);
    this.#args = args;
    this.#connection = connection;
    this.#options = options;
    this.#outer = outer;
    this.#losses = connection.losses;
    connection.began(this);
  }

  get recordId(): string {
    return this.#call.recordId;
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  get moves(): Operation["moves"] {
    return this.#as.moves;
  }

  meter(): Meter {
    return (this.#meter ??= new Meter(this.#as.unordered ? 0 : undefined));
  }

  answered(error: unknown): void {
    this.#refused ||= codeOf(error) === PERMISSION_DENIED;
  }

  succeeded(result: unknown): void {
    this.#end("success", null, result);
  }

  failed(error: unknown): void {
    this.#end(this.#outcomeOf(error), error);
  }

  /** The application ended it itself. */
  aborted(): void {
    this.#end("aborted", null);
  }

  giveUp(why: string): void {
    this.#end("unknown", new Error(why));
  }

  #outcomeOf(error: unknown): Outcome {
    const code = codeOf(error);
    if (this.operation === "connect") {
      const { level } = (this.#connection.lastError ?? {}) as { level?: unknown };
      return level === "client-authentication" ? "denied" : "failure";
    }
    // So Node ends a stream that is left in the middle, by a `break` or a signal.
    if (code === "ABORT_ERR") return "aborted";
    if (this.#refused || code === PERMISSION_DENIED) return "denied";
    // A number is an answer: it stands, whatever became of the connection.
    return this.#connection.losses > this.#losses && typeof code !== "number" ? "unknown" : "failure";
  }

  #end(outcome: Outcome, error: unknown, result?: unknown): void {
    this.#call.end(() => {
      const { bytes, sha256 } = this.#moved(outcome);
      if (this.#outer && outcome === "success") this.#outer.#add(bytes);
      return {
        protocol: "sftp",
        ...(this.#outer && { parentId: this.#outer.recordId }),
        host: this.#connection.host,
        operation: this.operation,
        remotePath: this.#text(this.#as.remote),
        filename: this.#filename(),
        message: this.#message(result),
        bytes,
        sha256,
        errorCode: errorCodeOf(error),
        details: this.#details(result),
        outcome,
        error,
      };
    });
    this.#connection.ended(this);
  }

  /** Of what broke off, only what the server had confirmed is known. */
  #moved(outcome: Outcome): { bytes: number | null; sha256: string | null } {
    if (this.#as.parts) return { bytes: this.operation === "rmdir" ? null : this.#parts.bytes, sha256: null };
    if (!this.#meter) return { bytes: null, sha256: null };
    const { bytes, sha256 } = this.#meter.read();
    return { bytes, sha256: outcome === "success" ? sha256 : null };
  }

  #add(bytes: number | null): void {
    this.#parts.files += 1;
    this.#parts.bytes += bytes ?? 0;
  }

  #details(result: unknown): Record<string, unknown> {
    const target = this.#text(this.#as.to);
    return {
      ...(this.#connection.hostKey !== null && { host_key: this.#connection.hostKey }),
      ...(target !== null && { target_path: target }),
      ...(this.#as.parts && { files: this.#parts.files }),
      ...(this.operation === "chmod" && { mode: modeOf(this.#args[1]) }),
      ...(this.#options.detail === "full" && this.#found(result)),
    };
  }

  /** What the operations that ask something were answered. */
  #found(result: unknown): Record<string, unknown> {
    if (this.operation === "list" && Array.isArray(result)) return { entries: result.length };
    if (this.operation === "exists" && result !== undefined) return { found: result !== false };
    return {};
  }

  /** What the library said; where that is a local path, it is cut to the file's name. */
  #message(result: unknown): string | null {
    if (typeof result !== "string" || this.operation === "get" || this.operation === "exists") return null;
    const asked = this.operation === "realPath" || this.operation === "cwd";
    if (asked && this.#options.detail !== "full") return null;
    const local = this.#text(this.#as.local);
    return local === null || local === "" ? result : result.replaceAll(local, () => basename(local));
  }

  /** Never more than a name: where the application keeps its files is nobody's concern. */
  #filename(): string | null {
    const local = this.#as.local === undefined ? undefined : this.#args[this.#as.local];
    if (typeof local === "string") return basename(local);
    if (local instanceof ReadStream || local instanceof WriteStream) {
      // One that was made of an open file has none.
      const { path } = local as { path?: string | Buffer | null };
      if (path?.length) return basename(String(path));
    }
    const remote = this.#text(this.#as.remote);
    return remote === null ? null : posix.basename(remote);
  }

  #text(index: number | undefined): string | null {
    const argument = index === undefined ? undefined : this.#args[index];
    return typeof argument === "string" ? argument : null;
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

function errorCodeOf(error: unknown): string | null {
  const code = codeOf(error);
  return typeof code === "number" || typeof code === "string" ? String(code) : null;
}

/** As `chmod` of a shell is given it. */
function modeOf(mode: unknown): string | null {
  if (typeof mode === "number") return mode.toString(8);
  return typeof mode === "string" ? mode : null;
}
