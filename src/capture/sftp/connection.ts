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
  /** On the clock of `performance.now()`. */
  readonly began: number;
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
  readonly #pending = new Set<Pending>();
  #timer: NodeJS.Timeout | undefined;
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
      for (const call of this.#pending) {
        this.#giveUp(call, "The recording was stopped before the server had answered.");
      }
    };
  }

  #see(event: unknown, value: unknown): void {
    if (event !== "error" && event !== "end" && event !== "close") return;
    this.losses += 1;
    if (event === "error") this.lastError = value;
    if (event !== "close") return;
    const calls = [...this.#pending].filter(({ operation }) => operation !== "connect");
    setTimeout(() => {
      for (const call of calls) this.#giveUp(call, LOST);
    }, GRACE_MS).unref();
  }

  began(call: Pending): void {
    this.#pending.add(call);
    if (this.#timer !== undefined) return;
    this.#listen(performance.now());
    this.#timer = setInterval(() => guarded("capture.sftp", () => this.#look()), this.#silentMs / 4).unref();
  }

  ended(call: Pending): void {
    this.#pending.delete(call);
    if (this.#pending.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    this.#listen(now);
    for (const call of this.#pending) {
      const onSocket = call.operation === "connect" || call.operation === "end";
      const since = Math.max(call.began, onSocket ? this.#heard.socket : this.#heard.session);
      if (now - since < this.#silentMs) continue;
      this.#giveUp(call, `The server gave no answer for ${this.#silentMs / 1000} s.`);
    }
  }

  /**
   * Notes when the server last gave a sign. Of a session that is an answer to a request (a connection that is kept
   * alive is not silent, and may still never answer), or that none is waited for: then it is the application's turn.
   */
  #listen(now: number): void {
    const { _sock: socket } = this.#client.client ?? {};
    const { _requests: requests, _writeReqid: last = 0 } = this.#client.sftp ?? {};
    const bytes = socket?.bytesRead ?? 0;
    if (bytes !== this.#heard.bytes) this.#heard = { ...this.#heard, socket: now, bytes };
    const waiting = requests ? Object.keys(requests).length : 1;
    const answers = requests ? last - waiting : bytes;
    if (waiting > 0 && answers === this.#heard.answers) return;
    this.#heard = { ...this.#heard, session: now, answers };
  }

  #giveUp(call: Pending, why: string): void {
    if (!call.ended) call.giveUp(why);
    this.ended(call);
  }
}
