/**
 * Moves lines from a ring to its file, batch after batch; the same on either thread.
 *
 * @module
 */
import { batchOf, type Batch } from "./entry.js";
import type { LogFile } from "./file.js";
import type { Formats } from "./formats.js";
import type { Claim } from "./owner.js";
import { FLIGHT_BYTES } from "./protocol.js";
import type { Ring } from "./ring.js";
import { isWhole, noteFlight, writeSealed } from "./seal/drain.js";
import type { Sealer } from "./seal/sealer.js";

/** What moving lines needs, besides the ring that they come from. */
export interface Way {
  readonly file: LogFile;
  readonly claim: Claim;
  readonly formats: Formats;
  readonly seal?: Sealer | undefined;
}

/** Most bytes of one `write`: enough to make its fixed cost vanish, few enough to bound what a kill can tear. */
const BATCH_BYTES = 1 << 20;

/**
 * Writes until the ring is empty. Throws what the system says when the file cannot be written; what was
 * written until then has left the ring.
 *
 * @returns false when the claim was lost to the calling thread
 */
export function drain(ring: Ring, { file, claim, formats, seal }: Way): boolean {
  for (let entries = ring.peek(BATCH_BYTES); entries; entries = ring.peek(BATCH_BYTES)) {
    const batch = batchOf(entries, formats.of);
    // A format that this thread has not been told of yet: the letter is there, and is read next.
    if (!batch) return false;
    const mine = seal ? writeSealed(batch, ring, file, claim, seal) : writePlain(batch, ring, file, claim);
    if (!mine) return false;
  }
  return true;
}

function writePlain(batch: Batch, ring: Ring, file: LogFile, claim: Claim): boolean {
  const allowed = file.prepare(batch.lines);
  if (!claim.enter()) return false;
  try {
    noteFlight(ring.words, batch.entryBytes(allowed), file);
    const written = file.write(batch.lines.subarray(0, allowed));
    isWhole(ring.words);
    ring.consume(batch.entryBytes(written));
  } finally {
    ring.words[FLIGHT_BYTES] = 0;
    claim.leave();
  }
  return true;
}
