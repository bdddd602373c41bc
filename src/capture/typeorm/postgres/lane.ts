/**
 * The order of the calls on one connection, where one of them takes more than a send: all that come after wait behind it.
 *
 * @module
 */
import { fault } from "../../../health.js";

export class Lane {
  /** Calls behind one that takes more than a send. `null`: none does. */
  #waiting: (() => void)[] | null = null;

  /** True while a call must wait. */
  get isHeld(): boolean {
    return this.#waiting !== null;
  }

  /** Starts a call at once, or when those before it have been sent. */
  take(start: () => void): void {
    if (this.#waiting) this.#waiting.push(start);
    else start();
  }

  /** Lets `work` finish before any later call starts. */
  hold(work: () => Promise<void>): void {
    const waiting: (() => void)[] = [];
    this.#waiting = waiting;
    const release = (): void => {
      this.#waiting = null;
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        next();
        // It may hold in its turn: what is left waits behind it, and in front of what came since.
        const held = this.#waiting as (() => void)[] | null;
        if (held) {
          held.unshift(...waiting);
          return;
        }
      }
    };
    work().then(release, (error: unknown) => {
      fault("capture.postgres", error);
      release();
    });
  }
}
