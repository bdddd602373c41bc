/**
 * Moves lines from a ring to its file, batch after batch; the same on either thread.
 *
 * @module
 */
import type { LogFile } from "./file.js";
import type { Claim } from "./owner.js";
import { FAILING, FLIGHT_BYTES, FLIGHT_INODE, FLIGHT_SIZE, storeNumber } from "./protocol.js";
import type { Ring } from "./ring.js";

/** Most bytes of one `write`: enough to make its fixed cost vanish, few enough to bound what a kill can tear. */
const BATCH_BYTES = 1 << 20;

/**
 * Writes until the ring is empty. Throws what the system says when the file cannot be written; what was
 * written until then has left the ring.
 *
 * @returns false when the claim was lost to the calling thread
 */
export function drain(ring: Ring, file: LogFile, claim: Claim): boolean {
  for (let lines = ring.peek(BATCH_BYTES); lines; lines = ring.peek(BATCH_BYTES)) {
    const allowed = file.prepare(lines);
    if (!claim.enter()) return false;
    try {
      noteFlight(ring.words, allowed, file);
      const written = file.write(lines.subarray(0, allowed));
      // Before the lines leave the ring: whoever waits for them must not find a file that still fails.
      if (Atomics.load(ring.words, FAILING) === 1) Atomics.store(ring.words, FAILING, 0);
      ring.consume(written);
    } finally {
      ring.words[FLIGHT_BYTES] = 0;
      claim.leave();
    }
  }
  return true;
}

/* Tells a successor, should this thread die inside `write`, where to look for how much of the batch arrived. */
function noteFlight(words: Int32Array, bytes: number, file: LogFile): void {
  words[FLIGHT_BYTES] = bytes;
  storeNumber(words, FLIGHT_SIZE, file.sizeBefore);
  storeNumber(words, FLIGHT_INODE, file.inode);
}
