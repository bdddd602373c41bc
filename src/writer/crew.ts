/**
 * The one writer thread of a process, as its starter sees it: started when first needed, started again when it
 * dies, given up when it keeps dying; then each caller writes for itself.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { fault } from "../health.js";
import type { FormatSettings } from "../record/formatter.js";
import { shapes } from "../record/shape.js";
import { Formats } from "./formats.js";
import {
  CONTROL_BYTES,
  type FileSettings,
  MAIL,
  type SharedChain,
  SLEEPING,
  THREAD_ID,
  type ThreadMail,
  type ThreadNews,
  WAKE,
} from "./protocol.js";
import { outside } from "./outside.js";
import type { ThreadStart } from "./thread.js";

/** After so many threads that did not live for `SHORT_LIFE_MS`, no other is started. */
const MAX_SHORT_LIVES = 5;
const SHORT_LIFE_MS = 10_000;

/** What the crew needs of a writer. */
export interface Member {
  readonly id: number;
  readonly memory: SharedArrayBuffer;
  readonly settings: FileSettings;
  readonly chain: SharedChain | undefined;
  /** The thread is gone: settle what it was doing, and write what waits. */
  onThreadLost(): void;
  onNews(news: ThreadNews): void;
}

export class Crew {
  readonly #members = new Map<number, Member>();
  /** What makes lines of frames, on either side. */
  readonly formats = new Formats();
  #control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  #worker: Worker | undefined;
  #mail: MessagePort | undefined;
  #shapesTold = 0;
  #generation = 0;
  #replacing = false;
  #startedAt = 0;
  #shortLives = 0;
  #disabled = !canHaveThread();

  /** Whether lines may be left to a thread: not while one that did not answer is being replaced. */
  get available(): boolean {
    return !this.#disabled && !this.#replacing;
  }

  join(member: Member, threadFile: string): void {
    this.#members.set(member.id, member);
    if (this.#disabled) return;
    if (this.#worker) this.#post(openMail(member));
    else this.#start(threadFile);
  }

  leave(member: Member): void {
    this.#members.delete(member.id);
    this.#post({ kind: "close", id: member.id });
  }

  /**
   * The number of a format, for frames. The thread is told of a new one, and of new shapes, before there can be a frame with
   * their numbers.
   */
  formatNumber(settings: FormatSettings): number | undefined {
    if (this.#shapesTold < shapes.length) this.#tellShapes();
    return this.formats.numberOf(settings, () => this.#post(this.#formatsMail));
  }

  get #formatsMail(): ThreadMail {
    return { kind: "formats", formats: this.formats.all };
  }

  #tellShapes(): void {
    this.#post({ kind: "shapes", shapes: shapes.slice(this.#shapesTold) });
    this.#shapesTold = shapes.length;
  }

  /** Wakes the thread if it sleeps; cheap when it does not. */
  nudge(): void {
    if (Atomics.load(this.#control, SLEEPING) === 1) this.wake();
  }

  wake(): void {
    Atomics.add(this.#control, WAKE, 1);
    Atomics.notify(this.#control, WAKE);
  }

  /**
   * Whether the thread has died. Its `exit` event needs a turn of the event loop, which a caller that waits for
   * room cannot give; the kernel's list of threads tells at once.
   */
  get threadIsGone(): boolean {
    const id = Atomics.load(this.#control, THREAD_ID);
    return this.#worker === undefined || (id > 0 && !existsSync(`/proc/self/task/${id}`));
  }

  /** Ends a thread that does not answer; another takes its place. */
  replace(): void {
    this.#replacing = this.#worker !== undefined;
    void this.#worker?.terminate();
  }

  /** Ends the thread, for good or until somebody joins. */
  dismiss(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#replacing = false;
    this.#mail?.close();
    this.#mail = undefined;
    void worker?.terminate();
  }

  #start(file: string): void {
    if (!existsSync(file))
      return this.#giveUp(new Error(`There is no ${file}: each call writes for itself.`));
    this.#generation += 1;
    this.#startedAt = performance.now();
    this.#control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
    const { port1, port2 } = new MessageChannel();
    this.#mail = port1;
    port1.unref();
    const start: ThreadStart = {
      control: this.#control.buffer as SharedArrayBuffer,
      mail: port2,
      generation: this.#generation,
    };
    let worker: Worker;
    try {
      // No flags of the application's: a preload or an inspector has no business in this thread.
      worker = new Worker(file, { workerData: start, transferList: [port2], execArgv: [], stdin: false });
    } catch (error) {
      // No more threads may be had, or none at all: Node's permissions.
      return this.#giveUp(error);
    }
    worker.on("message", (news: ThreadNews) => outside(() => this.#members.get(news.id)?.onNews(news)));
    worker.on("error", (error) => outside(() => fault("writer.thread", error)));
    worker.on("exit", () => outside(() => this.#onExit(worker, file)));
    // After the listeners: one for messages would hold the process again.
    worker.unref();
    this.#worker = worker;
    this.#post(this.#formatsMail);
    this.#shapesTold = 0;
    this.#tellShapes();
    for (const member of this.#members.values()) this.#post(openMail(member));
  }

  #giveUp(error: unknown): void {
    this.#disabled = true;
    this.#mail?.close();
    this.#mail = undefined;
    fault("writer.thread", error);
  }

  #onExit(worker: Worker, file: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#replacing = false;
    this.#mail?.close();
    fault("writer.thread", new Error("The writer thread ended; its work was taken over."));
    this.#shortLives = performance.now() - this.#startedAt < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    this.#disabled = this.#shortLives >= MAX_SHORT_LIVES;
    for (const member of this.#members.values()) member.onThreadLost();
    if (!this.#disabled) this.#start(file);
  }

  #post(mail: ThreadMail): void {
    this.#mail?.postMessage(mail);
    Atomics.add(this.#control, MAIL, 1);
    this.wake();
  }
}

function openMail({ id, memory, settings, chain }: Member): ThreadMail {
  return { kind: "open", id, ring: memory, file: settings, chain };
}

/**
 * A worker thread of the application is ended by `process.exit` without a word, and inside Jest `process` is a
 * copy that never says `exit`: there nothing could drain a ring, so that each call writes for itself.
 */
function canHaveThread(): boolean {
  return isMainThread && process.env.JEST_WORKER_ID === undefined;
}

/** The thread's program, beside this one. */
export const THREAD_FILE = join(__dirname, "thread.js");
