/**
 * Seals the lines of one file as one chain. Each of both threads has a sealer of its own; where the chain stands is
 * in the memory that they share, and only who has the claim on the ring may go on with it.
 *
 * @module
 */
import { createPrivateKey, hash, type KeyObject } from "node:crypto";
import { basename, dirname } from "node:path";
import { formatTimestamp } from "../../record/timestamp.js";
import { type CheckpointReason, checkpointLine, signerOf, type Witnessed } from "../../seal/checkpoint.js";
import { nextKey } from "../../seal/digest.js";
import type { SealSettings, SharedChain } from "../protocol.js";
import { countLines } from "../lines.js";
import { enterChain } from "./register.js";
import { beginning, linksBeside, linksBefore } from "./links.js";
import { ChainMemory, type ChainState, NOTE_BYTES } from "./memory.js";
import { sealLines, stateAfter } from "./seal-lines.js";
import { appendWitness } from "./witness.js";

const NEWLINE = 10;

/** The register is a file to lock, write and rename: on a busy disk that is more than sealing a thousand lines. */
const REGISTER_MS = 1000;

/** What a sealer tells. */
export interface SealListener {
  checkpoint(witnessed: Witnessed): void;
  trouble(error: unknown): void;
}

/** A checkpoint, ready to be written. */
interface Prepared {
  readonly line: Buffer;
  readonly inode: number;
  readonly witnessed: Witnessed;
  readonly linked: ReadonlySet<string>;
  /** Whether it is entered into the register. */
  readonly registers: boolean;
}

export class Sealer {
  readonly #memory: ChainMemory;
  readonly #keyed: boolean;
  readonly #signingKey: KeyObject | undefined;
  readonly #signer: string | undefined;
  #registeredAt = 0;
  /** Chains are only stopped by the calling thread. */
  #stoppedAt = -1;

  constructor(
    readonly path: string,
    readonly settings: SealSettings,
    readonly chain: SharedChain,
    private readonly listener: SealListener,
  ) {
    this.#memory = new ChainMemory(chain.memory);
    this.#keyed = chain.keyId !== null;
    this.#signingKey = settings.signingKey === undefined ? undefined : createPrivateKey(settings.signingKey);
    this.#signer = this.#signingKey && signerOf(this.#signingKey);
  }

  /** Whether this chain has no line yet in the file with `inode`: then a checkpoint comes first. */
  isNewIn(inode: number): boolean {
    return this.#memory.read().inode !== inode;
  }

  /** The lines, sealed as the next ones. Used up before the next call. */
  seal(lines: Buffer): Buffer {
    return sealLines(lines, this.chain.name, this.#memory, this.#keyed);
  }

  noteFlight(readAt: number): void {
    this.#memory.noteLines(readAt);
  }

  /**
   * The first `written` bytes of `sealed` stand in the file.
   *
   * @returns how many bytes of `lines` these were
   */
  commit(lines: Buffer, sealed: Buffer, written: number): number {
    const arrived = sealed.subarray(0, written);
    const count = countLines(arrived);
    this.#memory.commit(stateAfter(this.#memory.read(), arrived, count));
    return written === sealed.length ? lines.length : endOfLine(lines, count);
  }

  /** When the next checkpoint is due, in milliseconds since the epoch. */
  get dueAt(): number {
    const { since, checkpointAt } = this.#memory.read();
    if (since === 0) return Number.POSITIVE_INFINITY;
    return since >= this.settings.records ? 0 : checkpointAt + this.settings.milliseconds;
  }

  /** Whether there is a line after the last "stop", so that the chain is not ended. */
  get isOpen(): boolean {
    const { seq } = this.#memory.read();
    return seq > 0 && seq !== this.#stoppedAt;
  }

  /** When the last one was made, and how many lines came since. */
  get last(): { readonly checkpointAt: number; readonly since: number } {
    return this.#memory.read();
  }

  /** The line of a checkpoint in the file with `inode`, which had `size` bytes before. */
  prepareCheckpoint(reason: CheckpointReason, inode: number, size: number): Prepared {
    const state = this.#memory.read();
    const at = Date.now();
    const begins = state.seq === 0;
    const file = fileNumber(state, inode);
    const why = reasonOf(reason, begins, file > state.file);
    const log = basename(this.path);
    const registers = why !== "interval" || at - this.#registeredAt >= REGISTER_MS;
    const linksOf = begins ? linksBefore : linksBeside;
    const links = registers ? linksOf(this.path, this.chain.name) : [];
    const { line, signature } = checkpointLine(
      this.settings.template,
      formatTimestamp(at),
      recordIdOf(at, this.chain.name, state.seq),
      {
        reason: why,
        chain: this.chain.name,
        file,
        head: begins ? null : { seq: state.seq - 1, hash: state.head },
        epoch: state.epoch,
        key_id: this.chain.keyId,
        links,
        ...(begins && { start: beginning(this.path, this.chain.keyId, size) }),
        ...(this.#signer !== undefined && { signer: this.#signer }),
      },
      this.#signingKey,
    );
    const sealed = Buffer.from(this.seal(Buffer.from(`${line}}\n`)));
    const head = stateAfter(state, sealed, 1).head;
    return {
      line: sealed,
      inode,
      witnessed: {
        chain: this.chain.name,
        log,
        seq: state.seq,
        hash: head,
        file,
        reason: why,
        at,
        signature,
      },
      registers,
      linked: new Set(links.flatMap(({ chain, state: how }) => (how === "running" ? [] : [chain]))),
    };
  }

  /** Right before the line is written: whoever settles this thread's work can find it. */
  noteCheckpoint({ line }: Prepared): void {
    this.#memory.note = line.length <= NOTE_BYTES ? line : undefined;
  }

  /** The checkpoint stands in the file with `inode`; the key moves on, and the old one is forgotten. */
  commitCheckpoint(line: Buffer, inode: number): void {
    const state = this.#memory.read();
    const { seq, head } = stateAfter(state, line, 1);
    if (head !== state.head) {
      const next = this.#keyed ? nextKey(this.#memory.key) : undefined;
      const file = fileNumber(state, inode);
      const epoch = state.epoch + 1;
      this.#memory.commit({ seq, head, since: 0, checkpointAt: Date.now(), inode, file, epoch }, next);
      next?.fill(0);
    }
    this.#memory.note = undefined;
  }

  /** It could not be written. */
  giveUpCheckpoint(): void {
    this.#memory.note = undefined;
  }

  /** Tells of a checkpoint: register and witnesses. Nothing of the chain depends on it. */
  tell({ witnessed, linked, registers }: Prepared): void {
    const { chain, log, seq, hash: head, file, reason } = witnessed;
    const state = reason === "stop" ? "stopped" : "running";
    if (reason === "stop") this.#stoppedAt = seq + 1;
    if (registers) {
      this.#registeredAt = witnessed.at;
      this.#attempt(() =>
        enterChain(dirname(this.path), { chain, log, seq, hash: head, file, state }, linked),
      );
    }
    const { witnessFile, told } = this.settings;
    if (witnessFile !== undefined) this.#attempt(() => appendWitness(witnessFile, witnessed));
    if (told) this.listener.checkpoint(witnessed);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.listener.trouble(error);
    }
  }

  /**
   * A thread ended while it wrote: takes over from what stands in the file.
   *
   * @param lines - what stood in the ring from where it was at the flight
   * @param region - the file from where it ended before the flight
   * @returns how many bytes of `lines` are done
   */
  settle(
    lines: Buffer,
    readAt: number,
    region: Buffer,
    arrived: (lines: Buffer, region: Buffer) => number,
  ): number {
    const { seq } = this.#memory.read();
    const { flightSeq, flightReadAt } = this.#memory;
    if (flightReadAt !== readAt) return 0;
    if (seq > flightSeq) return endOfLine(lines, seq - flightSeq);
    const sealed = this.seal(lines);
    const bytes = arrived(sealed, region);
    return bytes > 0 ? this.commit(lines, sealed, bytes) : 0;
  }

  /** Whether a checkpoint was being written. */
  get hasNote(): boolean {
    return this.#memory.note !== undefined;
  }

  /** The same for a checkpoint. */
  settleCheckpoint(region: Buffer, inode: number): void {
    const line = this.#memory.note;
    if (line && region.includes(line)) this.commitCheckpoint(Buffer.from(line), inode);
    else this.giveUpCheckpoint();
  }
}

function fileNumber(state: ChainState, inode: number): number {
  return state.inode === inode ? state.file : state.file + 1;
}

function reasonOf(reason: CheckpointReason, begins: boolean, isNewFile: boolean): CheckpointReason {
  if (begins) return "start";
  return isNewFile && reason !== "stop" ? "file" : reason;
}

/* UUIDv7; its random part is one of the chain and the number, which no other line has. */
function recordIdOf(at: number, chain: string, seq: number): string {
  const digits = hash("sha256", `${chain} ${seq}`, "hex");
  const time = Math.floor(at).toString(16).padStart(12, "0");
  const variant = (8 + (Number.parseInt(digits[3]!, 16) & 3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(8, 20)}`;
}

/** Where the line number `count`, counted from 1, ends. */
function endOfLine(lines: Buffer, count: number): number {
  let end = 0;
  for (let left = count; left > 0; left -= 1) end = lines.indexOf(NEWLINE, end) + 1;
  return end;
}
