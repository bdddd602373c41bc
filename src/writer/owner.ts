/**
 * Who may move lines from a ring to its file: the writer thread, or the calling thread.
 *
 * The thread may be dispossessed at any moment except inside `write`, where nobody could tell what has reached
 * the file. So it must win `enter` right before each `write`; after a loss it touches nothing more. Words of
 * a thread carry its generation, so that one which was given up for dead can never be taken for its successor.
 *
 * @module
 */
import { OWNER } from "./protocol.js";

const FREE = 0;
const CALLER = 1;
const PREPARING = 2;
const WRITING = 3;

function word(generation: number, state: number): number {
  return generation * 4 + state;
}

/** The thread's claim on a ring. */
export class ThreadClaim {
  constructor(
    readonly words: Int32Array,
    readonly generation: number,
  ) {}

  take(): boolean {
    return this.#swap(FREE, word(this.generation, PREPARING));
  }

  /** From here to `leave` nobody takes over. False: somebody has. */
  enter(): boolean {
    return this.#swap(word(this.generation, PREPARING), word(this.generation, WRITING));
  }

  leave(): void {
    this.#swap(word(this.generation, WRITING), word(this.generation, PREPARING));
  }

  release(): void {
    this.#swap(word(this.generation, PREPARING), FREE);
    Atomics.notify(this.words, OWNER);
  }

  #swap(from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, OWNER, from, to) === from;
  }
}

/** The calling thread's claim on a ring. */
export class CallerClaim {
  constructor(readonly words: Int32Array) {}

  /** Takes the ring, from the thread if need be; waits at most `waitMs` for a `write` of the thread to return. */
  take(waitMs: number): boolean {
    const deadline = waitMs > 0 ? performance.now() + waitMs : 0;
    for (;;) {
      const owner = Atomics.load(this.words, OWNER);
      if (owner === CALLER) return true;
      if (owner % 4 !== WRITING) {
        if (Atomics.compareExchange(this.words, OWNER, owner, CALLER) === owner) return true;
        continue;
      }
      const left = deadline - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.words, OWNER, owner, Math.min(left, 1));
    }
  }

  /** Takes the ring from a thread that is known to be gone, even out of its `write`. */
  seize(): void {
    Atomics.store(this.words, OWNER, CALLER);
  }

  /** Whether the thread is inside `write`, or died there. */
  get threadIsWriting(): boolean {
    return Atomics.load(this.words, OWNER) % 4 === WRITING;
  }

  /* Nothing of the caller's lies between these two that another could interrupt. */
  enter(): boolean {
    return true;
  }
  leave(): void {}

  release(): void {
    Atomics.store(this.words, OWNER, FREE);
    Atomics.notify(this.words, OWNER);
  }
}

/** What moving a batch needs of either claim. */
export type Claim = Pick<CallerClaim, "enter" | "leave">;
