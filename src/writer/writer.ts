/**
 * The calling thread's side of one file: takes lines, and knows what became of them.
 *
 * @module
 */
import { dirname } from "node:path";
import { setImmediate } from "node:timers";
import { AuditError } from "../errors.js";
import { fault, guarded } from "../health.js";
import type { FormatSettings } from "../record/formatter.js";
import type { Witnessed } from "../seal/checkpoint.js";
import type { Crew, Member } from "./crew.js";
import { drain, type Way } from "./drain.js";
import { type Frame, looksLikeFrame } from "./entry.js";
import { LogFile } from "./file.js";
import { Gap, type GapReport } from "./gap.js";
import { CallerClaim } from "./owner.js";
import {
  type Durability,
  FAILING,
  READ_AT,
  type SealSettings,
  type SharedChain,
  type ThreadNews,
  type WriterSettings,
} from "./protocol.js";
import { type Printable, Ring, ringMemory } from "./ring.js";
import { beginChain } from "./seal/chain.js";
import { appendSealed, writeCheckpoint } from "./seal/drain.js";
import { Sealer } from "./seal/sealer.js";
import { settleFlight } from "./settle.js";
import { Retiring, syncFolder, syncPath } from "./sync.js";

/** No progress for so long while a caller waits for room: the thread is taken for hung, or dead. */
const HUNG_MS = 500;
/** After a failed attempt of the caller's own, how long lines are only queued. */
const RETRY_MS = 100;

/** What `audit.health()` says of one file. */
export interface FileHealth {
  /** The file, as a whole path. */
  readonly path: string;
  /**
   * `ok`; `slow`: a call has waited for the disk in vain, lines wait; `failing`: the last attempt to write failed, lines
   * wait; `full`: lines are being dropped.
   */
  readonly state: "ok" | "slow" | "failing" | "full";
  /** Lines that stand in the file, since the process began. */
  readonly written: number;
  /** Lines that never will be; a `GAP` record tells of them. */
  readonly dropped: number;
  /** Bytes that wait to be written. */
  readonly queued_bytes: number;
  /** Rotations that the system refused; the file grows beyond `maxBytes`, and one is tried again every second. */
  readonly rotations_failed: number;
  /** What the system said when a write last failed; `null` if none did. */
  readonly last_error: string | null;
}

let nextId = 1;

export class Writer implements Member {
  readonly id = nextId++;
  readonly memory: SharedArrayBuffer;
  readonly #ring: Ring;
  readonly #claim: CallerClaim;
  readonly #file: LogFile;
  readonly #gap: Gap;
  #accepted = 0;
  #dropped = 0;
  #rotationsFailed = 0;
  /** A wait for room has timed out: the next lines do not wait until there is room again. */
  #stalled = false;
  /** A wait for a `write` of the thread has timed out: the next lines are queued until it has returned. */
  #isSlow = false;
  #retryAt = 0;
  #exiting = false;
  #joined = false;
  readonly chain: SharedChain | undefined;
  readonly #seal: Sealer | undefined;
  readonly #way: Way;
  /** The last checkpoint that the thread was woken after. */
  #checkpointSeen = -1;
  readonly #retiring: Retiring;
  /** The file will be looked at. */
  #settles = false;
  #lastError: string | null = null;

  /**
   * @param describeGap - makes the line that tells of dropped ones
   * @param printable - what is done to each line that is not all ASCII
   * @param hears - of each new backup, and of each checkpoint
   */
  constructor(
    readonly settings: WriterSettings,
    readonly crew: Crew,
    describeGap: (gap: GapReport) => string,
    private readonly printable: Printable,
    private readonly hears: { rotated(): void; checkpoint?(witnessed: Witnessed): void },
  ) {
    this.memory = ringMemory(settings.ringBytes);
    this.#ring = new Ring(this.memory, printable);
    this.#claim = new CallerClaim(this.#ring.words);
    this.#retiring = new Retiring(this.#ring.words);
    this.#file = new LogFile(settings, {
      retire: (fd) => {
        this.#retiring.addOwn(fd);
        this.hears.rotated();
      },
      rotationFailed: (error) => this.#rotationFailed(error),
    });
    this.#gap = new Gap(
      () => this.#hasRoom,
      (report) => this.#enqueue(describeGap(report)) && this.#seeToIt(),
    );
    this.#file.open();
    this.chain = settings.seal && beginChain(settings.seal);
    this.#seal = this.chain && this.#sealer(settings.seal!, this.chain);
    this.#way = { file: this.#file, claim: this.#claim, formats: crew.formats, seal: this.#seal };
  }

  #sealer(settings: SealSettings, chain: SharedChain): Sealer {
    return new Sealer(this.settings.path, settings, chain, {
      checkpoint: (witnessed) => this.hears.checkpoint?.(witnessed),
      trouble: (error) => fault("writer.seal", error),
    });
  }

  /**
   * Takes a line, without its newline. True: it is written, or will be.
   *
   * @throws {AuditError} `AUDIT_WRITER_FULL`, only with `onFull: "error"`
   */
  write(line: string, durability: Durability): boolean {
    if (this.#gap.open) this.#gap.tell();
    if (durability !== "memory" || this.#exiting || !this.crew.available)
      return this.#writeNow(line, durability);
    return this.#enqueue(line) || this.#whenFull(line);
  }

  /** Whether a frame can be left to the thread: it is there, and has not more to do than it can. */
  get takesFrames(): boolean {
    return !this.#exiting && !this.#gap.open && this.crew.available && !this.#ring.isBehind;
  }

  /**
   * Takes what becomes a line in the thread, with the durability "memory", while `takesFrames`. False: there is no room,
   * and it must be given as a line.
   */
  writeFrame(frame: Frame, format: FormatSettings): boolean {
    const number = this.crew.formatNumber(format);
    if (number === undefined || !this.#ring.offerFrame(frame, number)) return false;
    this.#queued();
    return true;
  }

  #enqueue(line: string): boolean {
    if (!this.#ring.offer(looksLikeFrame(line) ? ` ${line}` : line)) return false;
    this.#queued();
    return true;
  }

  #queued(): void {
    if (!this.#joined) this.#join();
    this.#accepted += 1;
    this.#stalled = false;
    this.crew.nudge();
  }

  /** The file has the line when this returns; only if it cannot be written, the line is queued. */
  #writeNow(line: string, durability: Durability): boolean {
    if (!this.#canWrite()) return this.#enqueue(line) || this.#whenFull(line);
    let written = false;
    try {
      drain(this.#ring, this.#way);
      this.#append(Buffer.from(`${this.printable(line)}\n`));
      written = true;
      this.#accepted += 1;
      if (durability === "fsync") this.#file.sync();
      this.#settled();
      if (this.#seal) this.#seeToCheckpoint(this.#seal);
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#claim.release();
    }
    return written || this.#enqueue(line) || this.#whenFull(line);
  }

  #append(line: Buffer): void {
    if (this.#seal) return appendSealed(line, this.#ring, this.#file, this.#claim, this.#seal);
    this.#file.prepare(line);
    this.#file.writeLine(line);
    if (this.#exiting) this.#file.settle();
    else if (!this.#settles) setImmediate(() => this.#settleFile()).unref();
    this.#settles = !this.#exiting;
  }

  /* When the call has returned, and what the application asks for next is under way. */
  #settleFile(): void {
    this.#settles = false;
    guarded("writer.disk", () => this.#file.settle());
  }

  /**
   * Checkpoints are the thread's work, if it can be had; it only has to hear that there is a new line. It cannot make one
   * while lines are written here without a pause.
   */
  #seeToCheckpoint(seal: Sealer): void {
    if (!this.#joined) this.#join();
    const { checkpointAt, since } = seal.last;
    if (!this.crew.available ? seal.dueAt <= Date.now() : since > 2 * seal.settings.records) {
      return this.#checkpoint(seal, this.#exiting ? "stop" : "interval");
    }
    if (this.#exiting) return this.#checkpoint(seal, "stop");
    if (checkpointAt !== this.#checkpointSeen || since === seal.settings.records) this.crew.nudge();
    this.#checkpointSeen = checkpointAt;
  }

  #checkpoint(seal: Sealer, reason: "interval" | "stop"): void {
    writeCheckpoint(reason, this.#ring, this.#file, this.#claim, seal);
  }

  /** Takes the right to write, unless a failed attempt was a moment ago. */
  #canWrite(): boolean {
    if (this.#isFailing && this.#retryAt > performance.now()) return false;
    const taken = this.#take(this.#isSlow ? 0 : this.settings.maxBlockMs);
    this.#isSlow = !taken;
    return taken;
  }

  #whenFull(line: string): boolean {
    if (this.#isTooLong(line)) {
      return this.#canWrite() ? this.#writeNow(line, "os") : this.#drop("the file cannot be written");
    }
    const { onFull, maxBlockMs } = this.settings;
    if (onFull === "error") {
      this.#drop("the ring was full");
      throw new AuditError("AUDIT_WRITER_FULL", [this.settings.path, this.#ring.capacity]);
    }
    if (onFull === "drop" || this.#stalled) return this.#drop("the ring was full");
    if (this.#waitForRoom(line, maxBlockMs)) return true;
    this.#stalled = true;
    return this.#drop(`the ring was full for ${maxBlockMs} ms`);
  }

  #waitForRoom(line: string, maxBlockMs: number): boolean {
    const deadline = performance.now() + maxBlockMs;
    let readAt = Atomics.load(this.#ring.words, READ_AT);
    let progressAt = performance.now();
    for (let now = progressAt; now < deadline; now = performance.now()) {
      this.crew.wake();
      Atomics.wait(this.#ring.words, READ_AT, readAt, Math.min(deadline - now, 5));
      if (this.#enqueue(line)) return true;
      const seen = Atomics.load(this.#ring.words, READ_AT);
      if (seen !== readAt) progressAt = performance.now();
      readAt = seen;
      if (performance.now() - progressAt > HUNG_MS) this.#takeOverFromHung();
    }
    return false;
  }

  /* While the file fails, the thread rests between its attempts; that is no reason to replace it. */
  #takeOverFromHung(): void {
    if (this.#isFailing || !this.#drainHere(0)) return;
    this.crew.replace();
  }

  /* A line stands in one piece, so only half a ring is sure to have a place for it, wherever the ring begins. */
  #isTooLong(line: string): boolean {
    return Buffer.byteLength(line) + 1 >= this.#ring.capacity / 2;
  }

  #join(): void {
    this.#joined = true;
    this.crew.join(this, this.settings.threadFile);
  }

  /* Without a thread a line in the ring would wait for the next call. */
  #seeToIt(): boolean {
    return this.crew.available || this.#drainHere(0);
  }

  #rotationFailed(error: Error): void {
    this.#rotationsFailed += 1;
    this.#lastError = error.message;
    fault("writer.rotation", error);
  }

  #drop(why: string): false {
    this.#dropped += 1;
    this.#gap.add(why);
    return false;
  }

  /** Writes what waits on this thread; false when it could not all be written. */
  #drainHere(waitMs: number): boolean {
    if (!this.#take(waitMs)) return false;
    try {
      drain(this.#ring, this.#way);
      this.#settled();
      return true;
    } catch (error) {
      this.#failed(error as Error);
      return false;
    } finally {
      this.#claim.release();
    }
  }

  /** The right to write, at once from a thread that is idle or dead, else when its `write` has returned. */
  #take(waitMs: number): boolean {
    if (this.#claim.take(0)) return true;
    if (!this.crew.threadIsGone) return this.#claim.take(waitMs);
    this.#takeFromDead();
    return true;
  }

  #takeFromDead(): void {
    this.#claim.seize();
    try {
      settleFlight(this.#ring, this.settings, this.crew.formats, this.#seal);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  onThreadLost(): void {
    this.#retiring.threadLost();
    this.#takeFromDead();
    this.#claim.release();
    this.#drainHere(0);
  }

  onNews(news: ThreadNews): void {
    if (news.kind === "rotation-failed") return this.#rotationFailed(new Error(news.message));
    if (news.kind === "retired") {
      this.#retiring.addTold(news.path);
      return this.hears.rotated();
    }
    if (news.kind === "checkpoint") return this.hears.checkpoint?.(news.witnessed);
    if (news.kind === "unregistered") return fault("writer.seal", new Error(news.message));
    this.#lastError = news.message;
    fault("writer.disk", new Error(news.message));
  }

  /**
   * Writes all that waits, on the calling thread; for the end of the process and of an appender.
   * From `exiting` on, every further line is written before its call returns.
   *
   * @returns how many lines could not be written
   */
  finish(waitMs: number, exiting: boolean): number {
    this.#exiting ||= exiting;
    this.#settleFile();
    if (!this.#take(waitMs)) this.#takeOverFromWrite();
    this.#claim.release();
    this.#retryAt = 0;
    if (this.#drainHere(0) && this.#gap.open) {
      this.#gap.tell(true);
      this.#drainHere(0);
    }
    if (this.#seal && this.#ring.pendingBytes === 0) this.#endChain(this.#seal);
    return this.#ring.pendingLines;
  }

  /* A process that lives on after a signal goes on with the chain. */
  #endChain(seal: Sealer): void {
    if (!seal.isOpen || !this.#take(0)) return;
    try {
      this.#checkpoint(seal, "stop");
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#claim.release();
    }
  }

  /* The thread has been inside `write` for long: the disk stalls. Looking at the file waits for that `write`. */
  #takeOverFromWrite(): void {
    this.crew.replace();
    this.#takeFromDead();
  }

  /** Resolves true when all that was accepted until now is on the file, false after `timeoutMs`. */
  async drained(timeoutMs: number, fsync: boolean): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    if (this.#gap.open) this.#gap.tell();
    const target = this.#ring.producedBytes;
    const late = (): boolean =>
      this.#ring.producedBytes - this.#ring.pendingBytes < target || (fsync && this.#retiring.isBehind);
    while (late()) {
      if (performance.now() > deadline) return false;
      if (this.crew.available) this.crew.wake();
      else this.#drainHere(0);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { path } = this.settings;
    if (fsync) await Promise.all([this.#retiring.synced(), syncPath(path), syncFolder(dirname(path))]);
    return true;
  }

  close(): void {
    if (this.#joined) this.crew.leave(this);
    this.#gap.close();
    this.#file.close();
  }

  /** Lines that stand in the file. */
  get written(): number {
    return this.#accepted - this.#ring.pendingLines;
  }

  get queuedLines(): number {
    return this.#ring.pendingLines;
  }

  health(): FileHealth {
    return {
      path: this.settings.path,
      state: this.#state,
      written: this.written,
      dropped: this.#dropped,
      queued_bytes: this.#ring.pendingBytes,
      rotations_failed: this.#rotationsFailed,
      last_error: this.#lastError,
    };
  }

  get #state(): FileHealth["state"] {
    if (this.#gap.open) return "full";
    if (this.#isFailing) return "failing";
    return this.#isSlow && this.#ring.pendingBytes > 0 ? "slow" : "ok";
  }

  get #isFailing(): boolean {
    return Atomics.load(this.#ring.words, FAILING) === 1;
  }

  /** Room for more than a line about dropped ones. While the file fails such a line is only its next try. */
  get #hasRoom(): boolean {
    const waiting = this.#ring.pendingBytes;
    return this.#isFailing ? waiting === 0 : waiting <= this.#ring.capacity / 2;
  }

  #settled(): void {
    this.#retryAt = 0;
    if (this.#isFailing) Atomics.store(this.#ring.words, FAILING, 0);
  }

  #failed(error: Error): void {
    Atomics.store(this.#ring.words, FAILING, 1);
    this.#retryAt = performance.now() + RETRY_MS;
    this.#lastError = error.message;
    this.#file.close();
    fault("writer.disk", error);
    if (!this.crew.available) setTimeout(() => this.#drainHere(0), RETRY_MS).unref();
  }
}
