/**
 * Where a chain stands, in memory that the writer thread and the calling thread share: whoever may write to the
 * file goes on from here.
 *
 * There are two places for it. A new state is written to the one that is not in force, and put in force by one store,
 * so that a thread that is ended at any moment leaves the old state or the new one.
 *
 * @module
 */
import { HASH_DIGITS } from "../../seal/line.js";
import { KEY_BYTES } from "../../seal/digest.js";

/** Where a chain stands. */
export interface ChainState {
  /** Of the next line. */
  readonly seq: number;
  /** The hash of the last line. */
  readonly head: string;
  /** Lines since the last checkpoint. */
  readonly since: number;
  /** When that was, in milliseconds since the epoch. */
  readonly checkpointAt: number;
  /** The file of the last line. */
  readonly inode: number;
  /** Counts the files that were written to. */
  readonly file: number;
  readonly epoch: number;
}

/* Words: which place is in force, how long the checkpoint in flight is, where the ring stood at the flight. */
const IN_FORCE = 0;
const NOTE_LENGTH = 1;
const FLIGHT_READ_AT = 2;
const FLIGHT_SEQ_BYTE = 16;
const PLACES = [64, 256] as const;
const NUMBERS = 6;
const HEAD_BYTE = NUMBERS * 8;
const KEY_BYTE = HEAD_BYTE + HASH_DIGITS;
const NOTE_BYTE = 448;
/** The longest line of a checkpoint, links and all. */
export const NOTE_BYTES = 1 << 15;

/** Memory of a chain that begins; takes a copy of `key`. */
export function chainMemory(head: string, key: Uint8Array | undefined): SharedArrayBuffer {
  const memory = new ChainMemory(new SharedArrayBuffer(NOTE_BYTE + NOTE_BYTES));
  memory.commit({ seq: 0, head, since: 0, checkpointAt: 0, inode: 0, file: 0, epoch: 0 }, key);
  return memory.shared;
}

export class ChainMemory {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #places: readonly {
    readonly numbers: Float64Array;
    readonly head: Buffer;
    readonly key: Buffer;
  }[];
  readonly #flightSeq: Float64Array;

  constructor(readonly shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared, 0, 4);
    const bytes = Buffer.from(shared as unknown as ArrayBuffer);
    this.#bytes = bytes;
    this.#places = PLACES.map((at) => ({
      numbers: new Float64Array(shared, at, NUMBERS),
      head: bytes.subarray(at + HEAD_BYTE, at + KEY_BYTE),
      key: bytes.subarray(at + KEY_BYTE, at + KEY_BYTE + KEY_BYTES),
    }));
    this.#flightSeq = new Float64Array(shared, FLIGHT_SEQ_BYTE, 1);
  }

  read(): ChainState {
    const { numbers, head } = this.#place;
    const [seq, since, checkpointAt, inode, file, epoch] = numbers as unknown as readonly [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { seq, head: head.toString("latin1"), since, checkpointAt, inode, file, epoch };
  }

  /** The key of the epoch, where it stands: a copy would outlive it. */
  get key(): Buffer {
    return this.#place.key;
  }

  /** Puts `state` in force; with `key`, which is copied, the old one is overwritten. */
  commit(state: ChainState, key: Uint8Array = this.key): void {
    const inForce = this.#words[IN_FORCE] === 1 ? 1 : 0;
    const next = this.#places[1 - inForce]!;
    next.numbers[0] = state.seq;
    next.numbers[1] = state.since;
    next.numbers[2] = state.checkpointAt;
    next.numbers[3] = state.inode;
    next.numbers[4] = state.file;
    next.numbers[5] = state.epoch;
    next.head.write(state.head, "latin1");
    next.key.set(key);
    Atomics.store(this.#words, IN_FORCE, 1 - inForce);
    this.#places[inForce]!.key.fill(0);
  }

  /** Lines are about to be written: notes where the ring and the chain are. */
  noteLines(readAt: number): void {
    this.#words[FLIGHT_READ_AT] = readAt;
    this.#flightSeq[0] = this.#place.numbers[0]!;
  }

  get flightReadAt(): number {
    return this.#words[FLIGHT_READ_AT]!;
  }

  get flightSeq(): number {
    return this.#flightSeq[0]!;
  }

  /** A checkpoint is about to be written; `undefined`: it is in the chain now, or was given up. */
  set note(line: Buffer | undefined) {
    if (line) this.#bytes.set(line, NOTE_BYTE);
    Atomics.store(this.#words, NOTE_LENGTH, line?.length ?? 0);
  }

  get note(): Buffer | undefined {
    const length = Atomics.load(this.#words, NOTE_LENGTH);
    return length > 0 ? this.#bytes.subarray(NOTE_BYTE, NOTE_BYTE + length) : undefined;
  }

  get #place() {
    return this.#places[Atomics.load(this.#words, IN_FORCE)]!;
  }
}
