/**
 * What is attached: each target once, however many owners ask for it, with the way to leave it.
 *
 * @module
 */
import type { Undo } from "../capture/capture.js";
import { guarded } from "../health.js";

interface Attached {
  owners: number;
  readonly undo: Undo;
}

export class AttachedTargets {
  readonly #targets = new Map<object, Attached>();

  /**
   * Counts one more owner of `target`; the first one starts the capture.
   *
   * @returns how this owner leaves; the last one to leave gives the target back
   */
  attach(target: object, start: () => Undo): Undo {
    const known = this.#targets.get(target);
    if (known) known.owners += 1;
    const attached = known ?? { owners: 1, undo: start() };
    this.#targets.set(target, attached);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      attached.owners -= 1;
      if (attached.owners > 0 || this.#targets.get(target) !== attached) return;
      this.#targets.delete(target);
      guarded("registry.detach", attached.undo);
    };
  }

  /** Gives every target back, whoever still owns it; the last attached first. */
  releaseAll(): void {
    const attached = [...this.#targets.values()].toReversed();
    this.#targets.clear();
    for (const { undo } of attached) guarded("registry.detach", undo);
  }
}
