/**
 * The keys of the chains, from the one that was given.
 *
 * @module
 */
import { firstKey, keyId, nextKey } from "../../seal/digest.js";

/**
 * Each epoch's key is made from the one before, some million a second. No process lives long enough for so many
 * checkpoints, but a forged one can claim any number.
 */
export const MAX_EPOCHS = 1e8;

export class ChainKeys {
  readonly #key: Uint8Array | undefined;
  readonly id: string | null;
  /** The epoch that was asked for last, by chain: the next is usually asked for next. */
  readonly #known = new Map<string, { epoch: number; key: Buffer }>();

  constructor(key: Uint8Array | undefined) {
    this.#key = key;
    this.id = key ? keyId(key) : null;
  }

  /** Whether lines that were made with the key `id`, or without one, can be checked. */
  canCheck(id: string | null, epoch = 0): boolean {
    return id === null || (id === this.id && epoch <= MAX_EPOCHS);
  }

  of(chain: string, epoch: number): Buffer {
    let known = this.#known.get(chain);
    if (!known || known.epoch > epoch) known = { epoch: 0, key: firstKey(this.#key!, chain) };
    while (known.epoch < epoch) known = { epoch: known.epoch + 1, key: nextKey(known.key) };
    this.#known.set(chain, known);
    return known.key;
  }
}
