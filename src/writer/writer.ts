/**
 * The calling thread's side of one file: takes lines, and knows what became of them.
 *
 * @module
 */
import { dirname } from "node:path";
import { AuditError } from "../errors.js";
import { fault, guarded } from "../health.js";
import { within } from "../within.js";
import type { FormatSettings } from "../record/formatter.js";
import type { Witnessed } from "../seal/checkpoint.js";
import type { Crew, Member } from "./crew.js";
import { drain, type Way } from "./drain.js";
import { type Frame, looksLikeFrame } from "./entry.js";
import type { FileHealth } from "./file-health.js";
import { LogFile } from "./file.js";
import { Gap, type GapReport } from "./gap.js";
import { CallerClaim } from "./owner.js";
import {
  type Durability,
  FAILING,
  FLIGHT_INODE,
  loadNumber,
  READ_AT,
  type SharedChain,
  type ThreadNews,
  type WriterSettings,
} from "./protocol.js";
import { PlainAppend } from "./plain-append.js";
import { type Printable, Ring, ringMemory } from "./ring.js";
import { CallerSeal } from "./seal/caller.js";
import { beginChain } from "./seal/chain.js";
import { pathOfInode } from "./rotate.js";
import { settleFlight } from "./settle.js";
import { Retiring, syncFolder, syncPath } from "./sync.js";

/** No progress for so long while a caller waits for room: the thread is taken for hung, or dead. */
const HUNG_MS = 500;
/** After a failed attempt of the caller's own, how long lines are only queued. */
const RETRY_MS = 100;

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
  /** This thread is writing. What is logged meanwhile, since somebody is told of a fault, waits in the ring. */
  #isWriting = false;
  /** Checkpoints of this thread's that a witness has not been told of. */
  #untold: Witnessed[] = [];
  #isTelling = false;
  #exiting = false;
  #joined = false;
  readonly chain: SharedChain | undefined;
  readonly #seal: CallerSeal | undefined;
  readonly #plain: PlainAppend;
  readonly #way: Way;
  readonly #retiring: Retiring;
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
    this.#plain = new PlainAppend(this.#file);
    this.chain = settings.seal && beginChain(settings.seal);
    const way = { file: this.#file, claim: this.#claim, formats: crew.formats };
    this.#seal =
      this.chain &&
      new CallerSeal(settings.path, settings.seal!, this.chain, this.#ring, way, (witnessed) =>
        this.#untold.push(witnessed),
      );
    this.#way = { ...way, seal: this.#seal?.sealer };
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
    this.#accepted += 1;
    this.#stalled = false;
    if (this.#joined) return this.crew.nudge();
    this.#join();
    this.#seeToIt();
  }

  /** The file has the line when this returns; only if it cannot be written, the line is queued. */
  #writeNow(line: string, durability: Durability): boolean {
    let written = false;
    if (this.#canWrite()) {
      this.#holdingClaim(() => {
        drain(this.#ring, this.#way);
        const bytes = Buffer.from(`${this.printable(line)}\n`);
        if (this.#seal) this.#seal.append(bytes);
        else this.#plain.append(bytes, this.#exiting);
        written = true;
        this.#accepted += 1;
        if (durability === "fsync") this.#file.sync();
        this.#settled();
        if (this.#seal) {
          this.#join();
          this.#seal.seeToCheckpoint(this.crew, this.#exiting);
        }
        // What was logged meanwhile.
        drain(this.#ring, this.#way);
      });
    }
    return written || this.#enqueue(line) || this.#whenFull(line);
  }

  /** Takes the right to write, unless a failed attempt was a moment ago. */
  #canWrite(): boolean {
    if (this.#isWriting) return false;
    if (this.#isFailing && this.#retryAt > performance.now()) return false;
    const taken = this.#take(this.#isSlow ? 0 : this.settings.maxBlockMs);
    this.#isSlow = !taken;
    return taken;
  }

  #whenFull(line: string): boolean {
    const isTooLong = this.#isTooLong(line);
    if (isTooLong && this.#canWrite()) return this.#writeNow(line, "os");
    const { onFull, maxBlockMs } = this.settings;
    const why = isTooLong ? "the file cannot be written" : "the ring was full";
    if (onFull === "error") {
      this.#drop(why);
      throw new AuditError("AUDIT_WRITER_FULL", [this.settings.path, this.#ring.capacity]);
    }
    if (isTooLong || onFull === "drop" || this.#stalled || this.#isWriting) return this.#drop(why);
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
    if (this.#joined) return;
    this.#joined = true;
    this.crew.join(this, this.settings.threadFile);
  }

  /* Without a thread a line in the ring would wait for the next call. True whatever comes of it: the line is in the ring. */
  #seeToIt(): true {
    if (!this.crew.available) this.#drainHere(0);
    return true;
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
    if (this.#isWriting || !this.#take(waitMs)) return false;
    return this.#holdingClaim(() => {
      drain(this.#ring, this.#way);
      this.#settled();
    });
  }

  /** Does the work, and gives the right to write back; false when it failed. */
  #holdingClaim(work: () => void): boolean {
    this.#isWriting = true;
    try {
      work();
      return true;
    } catch (error) {
      this.#failed(error as Error);
      return false;
    } finally {
      this.#isWriting = false;
      this.#claim.release();
      this.#tellWitness();
    }
  }

  /* A witness may log, into this very file too: what it causes by that it is told of later, if there is a later moment. */
  #tellWitness(): void {
    if (this.#untold.length === 0 || this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (const witnessed of this.#untold.splice(0)) this.hears.checkpoint?.(witnessed);
    } finally {
      this.#isTelling = false;
    }
    if (this.#exiting) this.#untold = [];
    else if (this.#untold.length > 0) setImmediate(() => this.#tellWitness()).unref();
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
      settleFlight(this.#ring, this.settings, this.crew.formats, this.#way.seal);
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
      // This thread may have the backup open since long ago: deleted, it would keep its place on the disk.
      this.#file.close();
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
   * @returns how many lines could not be written, with those that were dropped and not told of
   */
  finish(waitMs: number, exiting: boolean): number {
    this.#exiting ||= exiting;
    this.#plain.settle();
    // From here the right to write is ours until all is written: a thread that got it in between would be in the middle
    // of its `write` when the process ends.
    if (!this.#take(waitMs)) this.#takeOverFromWrite();
    this.#retryAt = 0;
    if (this.#drainHere(0) && this.#gap.open) {
      this.#gap.tell(true);
      this.#drainHere(waitMs);
    }
    this.#endChain(waitMs);
    return this.#ring.pendingLines + this.#gap.count;
  }

  /* What is logged because of the end's own faults comes into the chain too, and ends it a second time. */
  #endChain(waitMs: number): void {
    for (let ends = 0; this.#seal && ends < 2; ends += 1) {
      if (this.#ring.pendingBytes > 0 || !this.#take(waitMs)) return;
      this.#holdingClaim(() => this.#seal?.end());
      this.#drainHere(waitMs);
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
    if (!fsync) return true;
    const { path } = this.settings;
    const files = [...new Set([path, ...this.#lastFiles()])].map((each) => syncPath(each));
    const synced = Promise.all([this.#retiring.synced(), ...files, syncFolder(dirname(path))]);
    return within(deadline - performance.now(), () => synced.then(() => true), false);
  }

  /* What either thread has written to last: another process may have made a backup of it since. */
  #lastFiles(): string[] {
    const inodes = [this.#file.inode, loadNumber(this.#ring.words, FLIGHT_INODE)].filter(
      (inode) => inode > 0,
    );
    const paths = guarded("writer.disk", () => inodes.map((inode) => pathOfInode(this.settings.path, inode)));
    return (paths ?? []).filter((path) => path !== undefined);
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
