/**
 * Moves lines from a ring to its file, batch after batch; the same on either thread.
 *
 * @module
 */
import type { LogFile } from "./file.js";
import type { Claim } from "./owner.js";
import { FLIGHT_BYTES } from "./protocol.js";
import type { Ring } from "./ring.js";
import { isWhole, noteFlight, writeSealed } from "./seal/drain.js";
import type { Sealer } from "./seal/sealer.js";

/** Most bytes of one `write`: enough to make its fixed cost vanish, few enough to bound what a kill can tear. */
const BATCH_BYTES = 1 << 20;

/**
 * Writes until the ring is empty. Throws what the system says when the file cannot be written; what was
 * written until then has left the ring.
 *
 * @returns false when the claim was lost to the calling thread
 */
export function drain(ring: Ring, file: LogFile, claim: Claim, seal?: Sealer): boolean {
  for (let lines = ring.peek(BATCH_BYTES); lines; lines = ring.peek(BATCH_BYTES)) {
    const mine = seal ? writeSealed(lines, ring, file, claim, seal) : writePlain(lines, ring, file, claim);
    if (!mine) return false;
  }
  return true;
}

function writePlain(lines: Buffer, ring: Ring, file: LogFile, claim: Claim): boolean {
  const allowed = file.prepare(lines);
  if (!claim.enter()) return false;
  try {
    noteFlight(ring.words, allowed, file);
    const written = file.write(lines.subarray(0, allowed));
    isWhole(ring.words);
    ring.consume(written);
  } finally {
    ring.words[FLIGHT_BYTES] = 0;
    claim.leave();
  }
  return true;
}
