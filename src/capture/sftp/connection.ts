/**
 * The connection of one client: whom it reaches, whether it is lost, and whether it still answers.
 *
 * @module
 */
import type { EventEmitter } from "node:events";
import type SftpLibrary from "ssh2-sftp-client";
import { guarded } from "../../health.js";
import type { Undo } from "../capture.js";
import { replaceMethod } from "../patch.js";

/** An operation under way, as far as its connection has to know it. */
export interface Pending {
  readonly operation: string;
  readonly ended: boolean;
  /** Nobody will say how it ended. */
  giveUp(why: string): void;
}

/** What is read of ssh2's client and session, where they have it: none of it is promised. */
interface Ssh2Client extends EventEmitter {
  readonly config?: { readonly host?: unknown };
  readonly _sock?: { readonly bytesRead?: number };
}
interface Requests {
  readonly _requests?: Readonly<Record<number, unknown>>;
  readonly _writeReqid?: number;
}

/** How long after a connection closed the library may still say how its operations ended, in milliseconds. */
const GRACE_MS = 1000;

/**
 * How many looks without a sign make a server silent. They are counted, and not the time: while the application holds
 * the process up, nobody listens, and what the server answers meanwhile has not been read.
 */
const LOOKS = 4;

const LOST = "The connection was lost before the server had answered.";

export class SftpConnection {
  host: string | null;
  /** Of the server that was connected to while this ran; `null` before. */
  hostKey: string | null = null;
  /** How often a connection of this client broke off or was closed. */
  losses = 0;
  /** What the connection itself said last. The library passes on less of it. */
  lastError: unknown = null;
  readonly #client: { readonly client?: Ssh2Client; readonly sftp?: Requests };
  readonly #silentMs: number;
  /** With the look that is the first of each. */
  readonly #pending = new Map<Pending, number>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  /** By look, when it last gave a sign. */
  #heard = { session: 0, answers: -1, socket: 0, bytes: -1 };

  constructor(client: SftpLibrary, silentMs: number) {
    this.#client = client as unknown as { client?: Ssh2Client; sftp?: Requests };
    this.#silentMs = silentMs;
    const host = this.#client.client?.config?.host;
    this.host = typeof host === "string" ? host : null;
  }

  get silentMs(): number {
    return this.#silentMs;
  }

  /**
   * Looks at what the connection emits, and adds no listener: the library adds three for each operation, and Node
   * warns of more than ten.
   */
  watch(): Undo {
    const connection = this.#client.client;
    const undo =
      connection &&
      replaceMethod(connection, "emit", (emit) => (event: unknown, ...args: unknown[]) => {
        guarded("capture.sftp", () => this.#see(event, args[0]));
        return Reflect.apply(emit, connection, [event, ...args]);
      });
    return () => {
      undo?.();
      clearInterval(this.#timer);
      for (const call of this.#pending.keys()) {
        this.#giveUp(call, "The recording was stopped before the server had answered.");
      }
    };
  }

  #see(event: unknown, value: unknown): void {
    if (event !== "error" && event !== "end" && event !== "close") return;
    this.losses += 1;
    if (event === "error") this.lastError = value;
    if (event !== "close") return;
    const calls = [...this.#pending.keys()].filter(({ operation }) => operation !== "connect");
    setTimeout(() => {
      for (const call of calls) this.#giveUp(call, LOST);
    }, GRACE_MS).unref();
  }

  began(call: Pending): void {
    this.#pending.set(call, this.#looks + 1);
    if (this.#timer !== undefined) return;
    this.#listen();
    // What has come before a timer that is late is read only after it.
    const look = () => setImmediate(() => guarded("capture.sftp", () => this.#look()));
    this.#timer = setInterval(look, this.#silentMs / LOOKS).unref();
  }

  ended(call: Pending): void {
    this.#pending.delete(call);
    if (this.#pending.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#looks += 1;
    this.#listen();
    for (const [call, first] of this.#pending) {
      const onSocket = call.operation === "connect" || call.operation === "end";
      const since = Math.max(first, onSocket ? this.#heard.socket : this.#heard.session);
      if (this.#looks - since < LOOKS) continue;
      this.#giveUp(call, `The server gave no answer for ${this.#silentMs / 1000} s.`);
    }
  }

  /**
   * Notes when the server last gave a sign. Of a session that is an answer to a request (a connection that is kept
   * alive is not silent, and may still never answer), or that none is waited for: then it is the application's turn.
   */
  #listen(): void {
    const { _sock: socket } = this.#client.client ?? {};
    const { _requests: requests, _writeReqid: last = 0 } = this.#client.sftp ?? {};
    const bytes = socket?.bytesRead ?? 0;
    if (bytes !== this.#heard.bytes) this.#heard = { ...this.#heard, socket: this.#looks, bytes };
    const waiting = requests ? Object.keys(requests).length : 1;
    const answers = requests ? last - waiting : bytes;
    if (waiting > 0 && answers === this.#heard.answers) return;
    this.#heard = { ...this.#heard, session: this.#looks, answers };
  }

  #giveUp(call: Pending, why: string): void {
    if (!call.ended) call.giveUp(why);
    this.ended(call);
  }
}
