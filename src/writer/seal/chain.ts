/**
 * The beginning of a chain.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { firstKey, keyId } from "../../seal/digest.js";
import { CHAIN_DIGITS, NO_HASH } from "../../seal/line.js";
import type { SealSettings, SharedChain } from "../protocol.js";
import { chainMemory } from "./memory.js";

/** A new chain. Overwrites the key that it was given: only the chain's own is left, which moves on. */
export function beginChain({ key }: SealSettings): SharedChain {
  const name = randomBytes(CHAIN_DIGITS / 2).toString("hex");
  if (!key) return { name, keyId: null, memory: chainMemory(NO_HASH, undefined) };
  const own = firstKey(key, name);
  const chain = { name, keyId: keyId(key), memory: chainMemory(NO_HASH, own) };
  own.fill(0);
  key.fill(0);
  return chain;
}
