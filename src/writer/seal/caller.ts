/**
 * Sealing on the calling thread: of the lines that it writes itself, and of the checkpoints that the writer thread cannot make.
 *
 * For who holds the claim on the ring, as all that writes.
 *
 * @module
 */
import { fault } from "../../health.js";
import type { CheckpointReason, Witnessed } from "../../seal/checkpoint.js";
import type { LogFile } from "../file.js";
import type { CallerClaim } from "../owner.js";
import type { SealSettings, SharedChain } from "../protocol.js";
import type { Ring } from "../ring.js";
import { appendSealed, writeCheckpoint } from "./drain.js";
import { Sealer } from "./sealer.js";

/** The writer thread, as far as checkpoints can be left to it. */
interface OtherThread {
  readonly available: boolean;
  nudge(): void;
}

export class CallerSeal {
  readonly sealer: Sealer;
  /** The last checkpoint that the thread was woken after. */
  #seen = -1;

  /** @param checkpoint - hears of each that this thread makes */
  constructor(
    path: string,
    settings: SealSettings,
    chain: SharedChain,
    private readonly ring: Ring,
    private readonly way: { readonly file: LogFile; readonly claim: CallerClaim },
    checkpoint: (witnessed: Witnessed) => void,
  ) {
    this.sealer = new Sealer(path, settings, chain, {
      checkpoint,
      trouble: (error) => fault("writer.seal", error),
    });
  }

  /** Writes a line that is in no ring. */
  append(line: Buffer): void {
    appendSealed(line, this.ring, this.way.file, this.way.claim, this.sealer);
  }

  /**
   * After `append`. Checkpoints are the thread's work, if it can be had; it only has to hear that there is a new line. It
   * cannot make one while lines are written here without a pause.
   */
  seeToCheckpoint(thread: OtherThread, exiting: boolean): void {
    const { settings, dueAt } = this.sealer;
    const { checkpointAt, since } = this.sealer.last;
    if (!thread.available ? dueAt <= Date.now() : since > 2 * settings.records) {
      return this.#checkpoint(exiting ? "stop" : "interval");
    }
    if (exiting) return this.#checkpoint("stop");
    if (checkpointAt !== this.#seen || since === settings.records) thread.nudge();
    this.#seen = checkpointAt;
  }

  /** Ends the chain, if it has a line after its last end: a process that lives on after a signal goes on with it. */
  end(): void {
    if (this.sealer.isOpen) this.#checkpoint("stop");
  }

  #checkpoint(reason: CheckpointReason): void {
    writeCheckpoint(reason, this.ring, this.way.file, this.way.claim, this.sealer);
  }
}
